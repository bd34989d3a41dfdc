/* Pretrained weights of other shapes become what the reference's classes make of them as they load
 * (tests/data/engine/pretrained.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cubic_spline.h"
#include "engine/setup/weights_fit.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static pth *goldens;

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    return mem && pth_open(TEST_DATA "/engine/pretrained.safetensors", mem, &goldens, &err) == CSEG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

static const pth_tensor *find(const char *name, const char *end)
{
    const pth_tensor *t = pth_find(goldens, arena_printf(mem, "%s.%s", name, end));
    if (!t)
        fail_msg("no %s.%s", name, end);
    return t;
}

static float *floats_of(const pth_tensor *t)
{
    float *v = ARENA_ARRAY(mem, (size_t)t->count, float);
    assert_int_equal(pth_tensor_f32(goldens, t, v, &err), CSEG_OK);
    return v;
}

/* What stands in the file as NAME.from, for a parameter of the shape of NAME.to. */
static fitting made(const char *name, module *m, param *p)
{
    const pth_tensor *from = find(name, "from"), *to = find(name, "to");
    *m = (module){.name = "backbone"};
    *p = (param){.name = "backbone.pos_embed", .type = DT_F32, .rank = to->ndim, .count = to->count};
    memcpy(p->dim, to->shape, (size_t)to->ndim * sizeof *p->dim);
    fitting f = {.m = m, .p = p, .rank = from->ndim, .v = floats_of(from), .resize = weights_resize, .mem = mem};
    memcpy(f.dim, from->shape, (size_t)from->ndim * sizeof *f.dim);
    f.to = ARENA_ARRAY(mem, (size_t)to->count, float);
    return f;
}

static void check(const char *name, const fitting *f, cseg_status status, const bool *fits)
{
    const float *want = floats_of(find(name, "to"));
    if (status != CSEG_OK || !*fits)
        fail_msg("%s: does not fit: %s", name, err.text);
    for (int64_t i = 0; i < f->p->count; i++)
        if (!(fabsf(f->to[i] - want[i]) <= 4e-6f * (1 + fabsf(want[i]))))
            fail_msg("%s: value %lld is %.9g, the reference has %.9g", name, (long long)i, (double)f->to[i],
                     (double)want[i]);
}

static void tables_are_resized(void **state)
{
    (void)state;
    static const char *const names[] = {"swin_7", "swin_3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        module m;
        param p;
        bool fits = false;
        fitting f = made(names[i], &m, &p);
        check(names[i], &f, fit_table(&f, &fits, &err), &fits);
    }
}

static void tables_are_resized_geometrically(void **state)
{
    (void)state;
    static const char *const names[] = {"beit_5", "beit_4", "beit_10", "beit_3", "mae_table"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        module m;
        param p;
        bool fits = false;
        fitting f = made(names[i], &m, &p);
        check(names[i], &f, fit_table_geometric(&f, 3, &fits, &err), &fits);
    }
}

static void codes_are_resized(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t h, w;
        resize_attr how;
    } cases[] = {
        {"vit_bicubic_up", 6, 5, {.cubic = true}},
        {"vit_bicubic_down", 2, 3, {.cubic = true}},
        {"vit_bilinear_up", 6, 5, {.cubic = false}},
        {"vit_bilinear_down", 2, 3, {.cubic = false}},
        {"vit_bicubic_distilled", 4, 4, {.cubic = true}},
        {"vit_bilinear_distilled", 4, 4, {.cubic = false}},
        {"mae_codes", 6, 6, {.cubic = true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        module m;
        param p;
        bool fits = false;
        fitting f = made(cases[i].name, &m, &p);
        check(cases[i].name, &f, fit_codes(&f, cases[i].h, cases[i].w, cases[i].how, &fits, &err), &fits);
        assert_string_equal(fit_name(&f), "pos_embed");
    }
}

static void splines_are_fitpack_s(void **state)
{
    (void)state;
    enum { N = 9, M = 31 };
    double x[N], y[N * N], at[M], want[M * M], w[M * N];
    assert_int_equal(pth_tensor_raw(goldens, find("spline", "x"), x, &err), CSEG_OK);
    assert_int_equal(pth_tensor_raw(goldens, find("spline", "y"), y, &err), CSEG_OK);
    assert_int_equal(pth_tensor_raw(goldens, find("spline", "at"), at, &err), CSEG_OK);
    assert_int_equal(pth_tensor_raw(goldens, find("spline", "z"), want, &err), CSEG_OK);
    assert_true(cubic_spline_weights(x, N, at, M, w));
    for (int i = 0; i < M; i++)
        for (int j = 0; j < M; j++) {
            double z = 0;
            for (int k = 0; k < N; k++)
                for (int l = 0; l < N; l++)
                    z += w[i * N + k] * y[k * N + l] * w[j * N + l];
            assert_true(fabs(z - want[i * M + j]) < 1e-12);
        }
}

/* A cubic is its own spline, also through as few as four points. */
static void splines_are_exact_for_cubics(void **state)
{
    (void)state;
    for (size_t n = 4; n < 20; n++) {
        double x[20], at = 1.3, w[20], sum = 0;
        for (size_t i = 0; i < n; i++)
            x[i] = (double)i * (1 + 0.1 * (double)i);
        assert_true(cubic_spline_weights(x, n, &at, 1, w));
        for (size_t i = 0; i < n; i++)
            sum += w[i] * (x[i] * x[i] * x[i] - 2 * x[i] + 1);
        assert_true(fabs(sum - (at * at * at - 2 * at + 1)) < 1e-9);
    }
}

/* What the reference's classes leave out, or stop at. */
static void what_does_not_fit_is_left_out(void **state)
{
    (void)state;
    module m;
    param p;
    bool fits = true;
    fitting f = made("swin_7", &m, &p);
    p.dim[1] = 3; /* heads */
    assert_int_equal(fit_table(&f, &fits, &err), CSEG_OK);
    assert_false(fits);
    f = made("swin_7", &m, &p);
    f.dim[0] = 50; /* no square */
    assert_int_equal(fit_table(&f, &fits, &err), CSEG_OK);
    assert_false(fits);
    f = made("beit_5", &m, &p);
    assert_int_equal(fit_table_geometric(&f, 4, &fits, &err), CSEG_OK);
    assert_false(fits);
    f = made("vit_bicubic_up", &m, &p);
    assert_int_equal(fit_codes(&f, 5, 5, (resize_attr){.cubic = true}, &fits, &err), CSEG_OK);
    assert_false(fits);
    f.dim[2] = 5;
    assert_int_equal(fit_codes(&f, 6, 5, (resize_attr){.cubic = true}, &fits, &err), CSEG_OK);
    assert_false(fits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_resized),
        cmocka_unit_test(tables_are_resized_geometrically),
        cmocka_unit_test(codes_are_resized),
        cmocka_unit_test(splines_are_fitpack_s),
        cmocka_unit_test(splines_are_exact_for_cubics),
        cmocka_unit_test(what_does_not_fit_is_left_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
