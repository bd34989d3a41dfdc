/* Weights for another number of bands: by the definition, and with the sum of each tap as it was. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "io/torch/convert/weight_bands.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
enum { O = 4, TAPS = 6, MOST = 24 };

static weight_bands parse(const char *text)
{
    weight_bands b;
    if (weight_bands_parse(text, &b, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return b;
}

static double at(const float *v, int64_t channels, int64_t o, int64_t c, int64_t t)
{
    return (double)v[(o * channels + c) * TAPS + t];
}

static void sums_stay(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        int64_t old, now;
    } forms[] = {{"mean", 3, 12},
                 {"mean", 3, 1},
                 {"mean", 3, 3},
                 {"mean", 6, 24},
                 {"repeat", 3, 12},
                 {"repeat", 3, 4},
                 {"repeat", 3, 2},
                 {"repeat", 3, 1},
                 {"zero", 3, 13},
                 {"zero", 3, 3},
                 {"rgb-first=4,3,2", 3, 4},
                 {"rgb-first=13,1,7", 3, 13}};
    float from[O * MOST * TAPS], to[O * MOST * TAPS];
    for (size_t i = 0; i < O * MOST * TAPS; i++)
        from[i] = (float)sin((double)i * 1.7);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        int64_t old = forms[f].old, now = forms[f].now;
        weight_bands b = parse(forms[f].how);
        assert_int_equal(weight_bands_apply(&b, from, O, old, TAPS, now, to, &err), CSEG_OK);
        for (int64_t o = 0; o < O; o++)
            for (int64_t t = 0; t < TAPS; t++) {
                double before = 0, after = 0;
                for (int64_t c = 0; c < old; c++)
                    before += at(from, old, o, c, t);
                for (int64_t c = 0; c < now; c++)
                    after += at(to, now, o, c, t);
                if (fabs(before - after) > 1e-6)
                    fail_msg("%s, %d to %d: %g became %g", forms[f].how, (int)old, (int)now, before, after);
                for (int64_t c = 0; b.how == BANDS_MEAN && c < now; c++)
                    assert_true(fabs(at(to, now, o, c, t) - before / (double)now) < 1e-6);
            }
    }
}

static void each_way_is_its_own(void **state)
{
    (void)state;
    const float from[3] = {1, 2, 4};
    float to[8];
    weight_bands b = parse("repeat");
    assert_int_equal(weight_bands_apply(&b, from, 1, 3, 1, 4, to, &err), CSEG_OK);
    assert_true(to[0] == 0.5f && to[1] == 2 && to[2] == 4 && to[3] == 0.5f);
    assert_int_equal(weight_bands_apply(&b, from, 1, 3, 1, 2, to, &err), CSEG_OK);
    assert_true(to[0] == 5 && to[1] == 2);
    b = parse("zero");
    assert_int_equal(weight_bands_apply(&b, from, 1, 3, 1, 5, to, &err), CSEG_OK);
    assert_true(to[0] == 1 && to[1] == 2 && to[2] == 4 && to[3] == 0 && to[4] == 0);
    b = parse("rgb-first=4,3,2");
    assert_int_equal(weight_bands_apply(&b, from, 1, 3, 1, 5, to, &err), CSEG_OK);
    assert_true(to[0] == 0 && to[1] == 4 && to[2] == 2 && to[3] == 1 && to[4] == 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "average",
                                      "rgb-first=",
                                      "rgb-first=1,,2",
                                      "rgb-first=1,2,",
                                      "rgb-first=0",
                                      "rgb-first=2,2",
                                      "rgb-first=1,x",
                                      "rgb-first=99999",
                                      "rgb-first=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"};
    const float from[3] = {1, 2, 4};
    float to[8];
    weight_bands b;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (weight_bands_parse(bad[i], &b, &err) != CSEG_USAGE)
            fail_msg("'%s' is taken", bad[i]);
    b = parse("zero");
    assert_int_equal(weight_bands_apply(&b, from, 1, 3, 1, 2, to, &err), CSEG_SHAPE);
    b = parse("rgb-first=4,3,2");
    assert_int_equal(weight_bands_apply(&b, from, 1, 3, 1, 3, to, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "channel 4 of 3"));
    b = parse("rgb-first=1,2");
    assert_int_equal(weight_bands_apply(&b, from, 1, 3, 1, 3, to, &err), CSEG_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_stay),
        cmocka_unit_test(each_way_is_its_own),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
