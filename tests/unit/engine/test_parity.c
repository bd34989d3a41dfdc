/* Agreement with the reference beyond single models in float32, which test_parity_kinds.c compares: ten steps of
 * training, and mixed precision. */
#include "parity_compare.h"

static void compare_steps(const char *name)
{
    arena *mem = arena_new();
    const value *want = golden(name, mem);
    const value *got = answer_of(parity_train, name, PASS_ALL, mem);
    const value *a = value_get(got, "curve"), *b = value_get(want, "curve");
    assert_int_equal(value_count(a), value_count(b));
    for (size_t i = 0; i < value_count(b); i++)
        compare_losses(value_item(a, i), value_item(b, i), i ? 2e-2 : 2e-4, 2);
    const value *ends = value_get(want, "state");
    for (size_t i = 0; i < value_count(ends); i++) {
        const char *key = ends->as.dict.entry[i].key;
        double moved = number(value_get(ends, key), "moved");
        assert_near(key, number(value_get(value_get(got, "state"), key), "moved"), moved,
                    0.2 * moved + 1e-5 * number(value_get(ends, key), "norm"));
    }
    arena_free(mem);
}

static void ten_steps(void **state)
{
    (void)state;
    compare_steps("fcn_hr18s.train");
}

/* Its weights that have two names in the state dict are moved once, and both names give them. */
static void ten_steps_of_shared_weights(void **state)
{
    (void)state;
    compare_steps("ann_r18c.train");
}

/* In mixed precision, against the same answers: logits within 3 % of their std. On a fresh net of batch norms and two
 * images single gradients say nothing at such a distance (ReLUs flip by the thousand), but their length does. */
static void compare_bf16(const char *name)
{
    if (!backend_cpu_has_bf16())
        skip();
    arena *mem = arena_new();
    const value *want = golden(name, mem), *got = answer_in(true, parity_model, name, PASS_ALL, mem);
    compare_logits(value_get(got, "logits"), value_get(want, "logits"), 3e-2);
    want = value_get(want, "train");
    got = value_get(got, "train");
    compare_losses(value_get(got, "losses"), value_get(want, "losses"), 1e-2, 2);
    double all = number(want, "grad_norm");
    assert_near("grad_norm", number(got, "grad_norm"), all, 0.1 * all);
    arena_free(mem);
}

static void resnet18_in_bf16(void **state)
{
    (void)state;
    compare_bf16("fcn_r18b-d8");
}

static void hrnet_in_bf16(void **state)
{
    (void)state;
    compare_bf16("fcn_hr18s");
}

static void ten_steps_in_bf16(void **state)
{
    (void)state;
    if (!backend_cpu_has_bf16())
        skip();
    arena *mem = arena_new();
    const value *a = value_get(answer_in(true, parity_train, "fcn_hr18s.train", PASS_ALL, mem), "curve"),
                *b = value_get(golden("fcn_hr18s.train", mem), "curve");
    assert_int_equal(value_count(a), value_count(b));
    for (size_t i = 0; i < value_count(b); i++)
        compare_losses(value_item(a, i), value_item(b, i), 5e-2, 5);
    arena_free(mem);
}

/* A config that cannot be answered is a line too. */
static void errors_are_lines(void **state)
{
    (void)state;
    cseg_error err;
    char *text = NULL;
    size_t n = 0;
    backend *b = backend_ref_new();
    parity_options o = {.backend = b};
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(parity_model("no/such/config.py", &o, out, &err), CSEG_OK);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "{\"config\": \"no/such/config.py\""));
    assert_non_null(strstr(text, "\"error\": \""));
    assert_int_equal(text[n - 1], '\n');
    free(text);
    backend_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps),        cmocka_unit_test(ten_steps_of_shared_weights),
        cmocka_unit_test(errors_are_lines), cmocka_unit_test(resnet18_in_bf16),
        cmocka_unit_test(hrnet_in_bf16),    cmocka_unit_test(ten_steps_in_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
