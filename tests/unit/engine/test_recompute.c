/* Kernels that run twice on the same values make the same bits: neither what is made anew in the backward pass by the
 * pass's choice nor what is by with_cp changes a digit of the losses, the gradients or the weights after some steps. */
#include "parity_test.h"

enum { KEPT = PASS_ALL & ~(unsigned)PASS_RECOMPUTE };

static void assert_same_bits(const char *name, const value *kept, unsigned passes, arena *mem)
{
    const value *anew = value_get(answer_of(parity_model, name, passes, mem), "train");
    assert_true(value_count(anew) > 0);
    if (!value_equal(kept, anew))
        fail_msg("%s with passes %u is not the same to the bit", name, passes);
}

static void resnet(void **state)
{
    (void)state;
    arena *mem = arena_new();
    unsigned plain = KEPT & ~(unsigned)PASS_FUSE_NORM;
    const value *kept = value_get(answer_of(parity_model, "fcn_r18b-d8", plain, mem), "train");
    assert_same_bits("fcn_r18b-d8", kept, plain | PASS_RECOMPUTE, mem);
    assert_same_bits("fcn_r18b-d8.with_cp", kept, plain | PASS_RECOMPUTE, mem);
    arena_free(mem);
}

static void hrnet(void **state)
{
    (void)state;
    arena *mem = arena_new();
    const value *kept = value_get(answer_of(parity_model, "fcn_hr18s", KEPT, mem), "train");
    assert_same_bits("fcn_hr18s", kept, PASS_ALL, mem);
    assert_same_bits("fcn_hr18s.with_cp", kept, PASS_ALL, mem);
    arena_free(mem);
}

/* Running statistics would show here if they moved twice a step. */
static void ten_steps(void **state)
{
    (void)state;
    arena *mem = arena_new();
    const value *a = answer_of(parity_train, "fcn_r18b-d8", KEPT, mem);
    const value *b = answer_of(parity_train, "fcn_r18b-d8.with_cp", PASS_ALL, mem);
    assert_true(value_count(value_get(a, "state")) > 0);
    assert_true(value_equal(value_get(a, "curve"), value_get(b, "curve")));
    assert_true(value_equal(value_get(a, "state"), value_get(b, "state")));
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet),
        cmocka_unit_test(hrnet),
        cmocka_unit_test(ten_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
