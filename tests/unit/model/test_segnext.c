/* MSCAN and LightHamHead: fields that do not fit, bases that are kept. */
#include <math.h>

#include "model_test.h"

#include "model/param.h"

#define SEGNEXT(backbone, ham)                                                                                         \
    "model = dict(type='EncoderDecoder', backbone=dict(type='MSCAN', " backbone ", depths=[1, 1, 1, 1]),\n"            \
    "  decode_head=dict(type='LightHamHead', in_channels=[128], in_index=[1], channels=8, ham_channels=8,\n"           \
    "    num_classes=3, ham_kwargs=dict(" ham ")))\n"

static void mscan_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(SEGNEXT("num_stages=5", ""), CSEG_CONFIG, "num_stages is 5", "test.py:1");
    test_refused(SEGNEXT("attention_kernel_sizes=[5, [1, 7]]", ""), CSEG_CONFIG, "attention_kernel_sizes",
                 "three pairs");
    test_refused(SEGNEXT("attention_kernel_sizes=[5, 7, 11, 21]", ""), CSEG_CONFIG, "attention_kernel_sizes",
                 "three pairs");
    test_refused(SEGNEXT("attention_kernel_paddings=[2, [0, 3], [0, 4], [0, 10]]", ""), CSEG_CONFIG,
                 "attention_kernel_paddings[2]", "size");
}

static void ham_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(SEGNEXT("drop_rate=0", "MD_S=3"), CSEG_CONFIG, "MD_S=3", "ham_channels=8");
    test_refused(SEGNEXT("drop_rate=0", "spatial=True"), CSEG_CONFIG, "spatial", "test.py:3");
    test_refused(SEGNEXT("drop_rate=0", "MD_D=512"), CSEG_CONFIG, "MD_D", "test.py:3");
}

/* Drawn once, they are in the state dict, no number is negative, and each has length 1. */
static void kept_bases_start_on_the_unit_sphere(void **state)
{
    (void)state;
    test_model t = test_build_ok(SEGNEXT("drop_rate=0", "MD_S=2, MD_R=5, rand_init=False"));
    model_init_weights(t.m, 1);
    const param *p = model_find(t.m, "decode_head.hamburger.ham.bases");
    assert_non_null(p);
    assert_true(p->rank == 3 && p->dim[0] == 2 && p->dim[1] == 4 && p->dim[2] == 5);
    assert_true(p->role == PARAM_BUFFER && param_is_late(p));
    const float *v = p->data;
    for (int64_t group = 0; group < 2; group++)
        for (int64_t base = 0; base < 5; base++) {
            double squares = 0;
            for (int64_t i = 0; i < 4; i++) {
                float x = v[(group * 4 + i) * 5 + base];
                assert_true(x >= 0);
                squares += (double)x * (double)x;
            }
            assert_true(fabs(squares - 1) < 1e-5);
        }
    test_end(&t);
    t = test_build_ok(SEGNEXT("drop_rate=0", ""));
    assert_null(model_find(t.m, "decode_head.hamburger.ham.bases"));
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mscan_fields_that_do_not_fit),
        cmocka_unit_test(ham_fields_that_do_not_fit),
        cmocka_unit_test(kept_bases_start_on_the_unit_sphere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
