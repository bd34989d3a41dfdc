/* Agreement with the reference on a sample of its answers, with all graph passes off and on. The tolerances are those
 * by which the reference agrees with itself under other kernels; see docs/parity.md for the whole comparison. */
#include "parity_test.h"

static value *golden(const char *name, arena *mem)
{
    cseg_error err;
    char path[512], *text = NULL;
    size_t n;
    snprintf(path, sizeof path, "%s/engine/parity/%s.json", TEST_DATA, name);
    if (file_read(path, 0, mem, &text, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return parse(text, name, mem);
}

static double number(const value *dict, const char *key)
{
    double x = NAN;
    if (!value_number(value_get(dict, key), &x))
        fail_msg("no number called %s", key);
    return x;
}

static void assert_near(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.9g instead of %.9g", what, got, want);
}

static void compare_losses(const value *got, const value *want, double relative, double accuracy)
{
    assert_int_equal(value_count(got), value_count(want));
    for (size_t i = 0; i < value_count(want); i++) {
        const char *key = want->as.dict.entry[i].key;
        double w = number(want, key);
        assert_near(key, number(got, key), w, strstr(key, "loss") ? relative * fabs(w) + 1e-6 : accuracy);
    }
}

/* relative: of the logits' std */
static void compare_logits(const value *got, const value *want, double relative)
{
    double limit = relative * number(want, "std");
    const value *a = value_get(got, "value"), *b = value_get(want, "value");
    assert_true(value_equal(value_get(got, "shape"), value_get(want, "shape")));
    assert_true(value_equal(value_get(got, "at"), value_get(want, "at")));
    for (size_t i = 0; i < value_count(b); i++) {
        double x, y = 0;
        assert_true(value_number(value_item(a, i), &x) && value_number(value_item(b, i), &y));
        assert_near("a logit", x, y, limit);
    }
    assert_near("the logits' mean", number(got, "mean"), number(want, "mean"), limit);
    assert_near("the logits' std", number(got, "std"), number(want, "std"), limit);
}

/* The samples as a vector within 15 %, the length within 4 %: ReLUs of deep nets on two images flip with rounding. A
 * gradient that cancels to noise (a bias before a batch norm) says nothing. */
static void compare_gradient(const char *name, const value *got, const value *want, double all)
{
    double norm = number(want, "norm"), away = 0, length = 0;
    const value *a = value_get(got, "value"), *b = value_get(want, "value");
    if (norm < 1e-5 * all)
        return;
    assert_near(name, number(got, "norm"), norm, 0.04 * norm);
    for (size_t i = 0; i < value_count(b); i++) {
        double x, y = 0;
        assert_true(value_number(value_item(a, i), &x) && value_number(value_item(b, i), &y));
        away += (x - y) * (x - y);
        length += y * y;
    }
    assert_near(name, sqrt(away), 0, 0.15 * sqrt(length));
}

static void compare_model(const char *name, unsigned passes)
{
    arena *mem = arena_new();
    const value *want = golden(name, mem), *got = answer_of(parity_model, name, passes, mem);
    assert_near("parameters", number(got, "params"), number(want, "params"), 0);
    compare_logits(value_get(got, "logits"), value_get(want, "logits"), 5e-4);
    want = value_get(want, "train");
    got = value_get(got, "train");
    compare_losses(value_get(got, "losses"), value_get(want, "losses"), 2e-4, 0.5);
    double all = number(want, "grad_norm");
    assert_near("grad_norm", number(got, "grad_norm"), all, 0.02 * all);
    const value *grads = value_get(want, "grads");
    assert_int_equal(value_count(grads), value_count(value_get(got, "grads")));
    for (size_t i = 0; i < value_count(grads); i++) {
        const char *key = grads->as.dict.entry[i].key;
        compare_gradient(key, value_get(value_get(got, "grads"), key), value_get(grads, key), all);
    }
    arena_free(mem);
}

static void resnet18_as_it_is(void **state)
{
    (void)state;
    compare_model("fcn_r18b-d8", 0);
}

static void resnet18_with_passes(void **state)
{
    (void)state;
    compare_model("fcn_r18b-d8", PASS_ALL);
}

static void hrnet_as_it_is(void **state)
{
    (void)state;
    compare_model("fcn_hr18s", 0);
}

static void hrnet_with_passes(void **state)
{
    (void)state;
    compare_model("fcn_hr18s", PASS_ALL);
}

static void ten_steps(void **state)
{
    (void)state;
    arena *mem = arena_new();
    const value *want = golden("fcn_hr18s.train", mem);
    const value *got = answer_of(parity_train, "fcn_hr18s.train", PASS_ALL, mem);
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
        cmocka_unit_test(resnet18_as_it_is), cmocka_unit_test(resnet18_with_passes),
        cmocka_unit_test(hrnet_as_it_is),    cmocka_unit_test(hrnet_with_passes),
        cmocka_unit_test(ten_steps),         cmocka_unit_test(errors_are_lines),
        cmocka_unit_test(resnet18_in_bf16),  cmocka_unit_test(hrnet_in_bf16),
        cmocka_unit_test(ten_steps_in_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
