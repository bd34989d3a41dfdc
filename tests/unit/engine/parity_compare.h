/* Our answers beside the reference's, of tests/data/engine/parity. The tolerances are those by which the reference
 * agrees with itself under other kernels; see docs/parity.md for the whole comparison. */
#ifndef PARITY_COMPARE_H
#define PARITY_COMPARE_H

#include <inttypes.h>

#include "parity_test.h"

static inline value *golden(const char *name, arena *mem)
{
    cseg_error err;
    char path[512], *text = NULL;
    size_t n;
    snprintf(path, sizeof path, "%s/engine/parity/%s.json", TEST_DATA, name);
    if (file_read(path, 0, mem, &text, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return parse(text, name, mem);
}

/* The switches under which the golden was made. */
static inline parity_options switches_of(const value *golden, unsigned passes)
{
    const value *extra = value_get(golden, "extra");
    const char *size = value_text(value_get(extra, "SIZE"));
    parity_options o = {
        .passes = passes, .label_all = value_get(extra, "LABEL") != NULL, .edge = value_get(extra, "EDGE") != NULL};
    if (size && sscanf(size, "%" SCNd64 "x%" SCNd64, &o.h, &o.w) != 2)
        fail_msg("SIZE is %s", size);
    return o;
}

static inline double number(const value *dict, const char *key)
{
    double x = NAN;
    if (!value_number(value_get(dict, key), &x))
        fail_msg("no number called %s", key);
    return x;
}

static inline void assert_near(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.9g instead of %.9g", what, got, want);
}

static inline void compare_losses(const value *got, const value *want, double relative, double accuracy)
{
    assert_int_equal(value_count(got), value_count(want));
    for (size_t i = 0; i < value_count(want); i++) {
        const char *key = want->as.dict.entry[i].key;
        double w = number(want, key);
        assert_near(key, number(got, key), w, strstr(key, "loss") ? relative * fabs(w) + 1e-6 : accuracy);
    }
}

/* relative: of the logits' std */
static inline void compare_logits(const value *got, const value *want, double relative)
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
static inline void compare_gradient(const char *name, const value *got, const value *want, double all)
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

/* Names, shapes and types, in order. A golden may be without. */
static inline void compare_state(const value *got, const value *want)
{
    if (!want)
        return;
    for (size_t i = 0; i < value_count(want) && i < value_count(got); i++)
        if (!value_equal(value_item(got, i), value_item(want, i)))
            fail_msg("entry %zu of the state dict is %s instead of %s", i,
                     value_text(value_item(value_item(got, i), 0)), value_text(value_item(value_item(want, i), 0)));
    assert_int_equal(value_count(got), value_count(want));
}

static inline void compare_model(const char *name, unsigned passes)
{
    arena *mem = arena_new();
    const value *want = golden(name, mem);
    const value *got = answer_as(switches_of(want, passes), false, parity_model, name, mem);
    compare_state(value_get(got, "state"), value_get(want, "state"));
    assert_near("parameters", number(got, "params"), number(want, "params"), 0);
    compare_logits(value_get(got, "logits"), value_get(want, "logits"), 5e-4);
    if (value_get(want, "train_error")) { /* the reference runs it, but cannot train it */
        arena_free(mem);
        return;
    }
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

#endif
