/* MSCAN and LightHamHead: fields that do not fit. */
#include "model_test.h"

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
    test_refused(SEGNEXT("drop_rate=0", "rand_init=False"), CSEG_CONFIG, "rand_init", "test.py:3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mscan_fields_that_do_not_fit),
        cmocka_unit_test(ham_fields_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
