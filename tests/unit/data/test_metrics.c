#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "base/str.h"
#include "data/metrics.h"

#include <cmocka.h> /* last: it makes fail() a macro */

/* One case of metrics.py. */
typedef struct recipe {
    int dialect, classes, ignore, images, h, w, labels, predictions, seed;
    double agreement, beta, nan;
    char name[32], metrics[64];
} recipe;

static const metrics_style old_style = {.fractions = true, .by_class = true, .summary = true};

static void draw(const recipe *r, int k, int32_t *predicted, int32_t *label)
{
    uint64_t base = (uint64_t)(1000 * r->seed + 10 * k);
    for (int64_t i = 0; i < (int64_t)r->h * r->w; i++) {
        label[i] = (int32_t)floor(rng_named(base, (uint64_t)i) * (r->labels + 1));
        if (label[i] == r->labels)
            label[i] = 255;
        predicted[i] = (int32_t)floor(rng_named(base + 1, (uint64_t)i) * r->predictions);
        if (rng_named(base + 2, (uint64_t)i) < r->agreement && label[i] < r->predictions)
            predicted[i] = label[i];
    }
}

static void add_row(strbuf *out, const char *name, const int64_t *at, int64_t n)
{
    strbuf_add(out, name);
    for (int64_t i = 0; i < n; i++)
        strbuf_addf(out, " %lld", (long long)at[i]);
    strbuf_add(out, "\n");
}

/* What metrics.py writes below the first line of a case. */
static char *evaluate(const recipe *r, arena *mem)
{
    cseg_error err;
    strbuf out = {.mem = mem};
    confusion all;
    metrics m;
    const char **classes = ARENA_ARRAY(mem, (size_t)r->classes, const char *);
    const char *names[4];
    char *list = arena_strdup(mem, r->metrics), *save = NULL;
    metrics_options options = {.names = names, .beta = r->beta, .replace_nan = r->nan >= 0, .nan_value = r->nan};
    int64_t pixels = (int64_t)r->h * r->w, n;
    int32_t *predicted = ARENA_ARRAY(mem, (size_t)pixels, int32_t), *label = ARENA_ARRAY(mem, (size_t)pixels, int32_t);
    for (int i = 0; i < r->classes; i++)
        classes[i] = arena_printf(mem, i % 3 ? "class %d" : "c%d", i);
    for (char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save))
        names[options.n_names++] = word;
    assert_int_equal(confusion_new(mem, r->classes, &all, &err), CSEG_OK);
    for (int k = 0; k < r->images; k++) {
        draw(r, k, predicted, label);
        if (strcmp(r->name, "old_zero") == 0)
            for (int64_t i = 0; i < pixels; i++)
                label[i] = label[i] == 0 || label[i] == 255 ? 255 : label[i] - 1;
        confusion_add(&all, predicted, label, pixels, r->ignore);
    }
    add_row(&out, "intersect", all.intersect, r->classes);
    add_row(&out, "predicted", all.predicted, r->classes);
    add_row(&out, "labelled", all.labelled, r->classes);
    assert_int_equal(metrics_compute(&all, classes, &options, mem, &m, &err), CSEG_OK);
    strbuf_addf(&out, "%s\n", metrics_class_table(&m, mem));
    if (!r->dialect)
        strbuf_addf(&out, "%s\n", metrics_summary_table(&m, mem));
    metrics_entry *entries = metrics_entries(&m, r->dialect ? (metrics_style){0} : old_style, mem, &n);
    for (int64_t i = 0; i < n; i++)
        strbuf_addf(&out, "%s %.9g\n", entries[i].key, entries[i].value);
    assert_false(out.failed);
    return out.text;
}

static void all_figures_are_the_references(void **state)
{
    (void)state;
    arena *mem = arena_new();
    cseg_error err;
    char *text;
    size_t n;
    int cases = 0;
    assert_int_equal(file_read(TEST_DATA "/data/metrics.txt", 0, mem, &text, &n, &err), CSEG_OK);
    for (char *at = text, *next; at && *at; at = next) {
        recipe r;
        assert_int_equal(sscanf(at, "case %d %31s %d %d %d %d %d %d %d %lf %d %lf %lf %63s", &r.dialect, r.name,
                                &r.classes, &r.ignore, &r.images, &r.h, &r.w, &r.labels, &r.predictions, &r.agreement,
                                &r.seed, &r.beta, &r.nan, r.metrics),
                         14);
        char *body = strchr(at, '\n') + 1;
        next = strstr(body, "\ncase ");
        if (next)
            *next++ = 0;
        else
            body[strlen(body) - 1] = 0;
        char *ours = evaluate(&r, mem);
        ours[strlen(ours) - 1] = 0;
        assert_string_equal(ours, body);
        cases++;
    }
    assert_int_equal(cases, 14);
    arena_free(mem);
}

static void bytes_count_as_integers_do(void **state)
{
    (void)state;
    arena *mem = arena_new();
    cseg_error err;
    confusion a, b;
    const uint8_t bytes[] = {0, 1, 2, 2, 9, 1};
    const int32_t integers[] = {0, 1, 2, 2, 9, 1}, label[] = {0, 2, 2, 255, 1, 7};
    assert_int_equal(confusion_new(mem, 3, &a, &err), CSEG_OK);
    assert_int_equal(confusion_new(mem, 3, &b, &err), CSEG_OK);
    confusion_add(&a, integers, label, 6, 255);
    confusion_add_u8(&b, bytes, label, 6, 255);
    assert_memory_equal(a.intersect, b.intersect, 9 * sizeof(int64_t));
    assert_int_equal(a.predicted[1], 2); /* once beside 7, which is no class */
    assert_int_equal(a.labelled[1], 1);  /* beside 9, which is none either */
    arena_free(mem);
}

static void f1_of_the_change_class(void **state)
{
    (void)state;
    arena *mem = arena_new();
    cseg_error err;
    confusion c;
    metrics m;
    const char *classes[] = {"unchanged", "changed"}, *names[] = {"mFscore"};
    const int32_t predicted[] = {1, 1, 1, 0, 0, 0, 0, 0}, label[] = {1, 1, 0, 1, 1, 0, 0, 0};
    metrics_options options = {.names = names, .n_names = 1, .beta = 1};
    assert_int_equal(confusion_new(mem, 2, &c, &err), CSEG_OK);
    confusion_add(&c, predicted, label, 8, 255);
    assert_int_equal(metrics_compute(&c, classes, &options, mem, &m, &err), CSEG_OK);
    assert_string_equal(m.columns[0], "Fscore");
    /* precision 2/3, recall 2/4: F1 = 4/7 */
    assert_true(m.values[0][1] == 57.14f && m.values[1][1] == 66.67f && m.values[2][1] == 50.0f);
    assert_true(m.aAcc == 62.5f);
    arena_free(mem);
}

static void unknown_metrics_are_named(void **state)
{
    (void)state;
    arena *mem = arena_new();
    cseg_error err;
    confusion c;
    metrics m;
    const char *names[] = {"mIou"};
    metrics_options options = {.names = names, .n_names = 1};
    assert_int_equal(confusion_new(mem, 2, &c, &err), CSEG_OK);
    assert_int_equal(metrics_compute(&c, NULL, &options, mem, &m, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "did you mean 'mIoU'?"));
    assert_int_equal(confusion_new(mem, 0, &c, &err), CSEG_CONFIG);
    arena_free(mem);
}

static void classes_without_names_have_numbers(void **state)
{
    (void)state;
    arena *mem = arena_new();
    cseg_error err;
    confusion c;
    metrics m;
    const char *names[] = {"mIoU"};
    const int32_t both[] = {0, 1};
    metrics_options options = {.names = names, .n_names = 1};
    assert_int_equal(confusion_new(mem, 2, &c, &err), CSEG_OK);
    confusion_add(&c, both, both, 2, 255);
    assert_int_equal(metrics_compute(&c, NULL, &options, mem, &m, &err), CSEG_OK);
    assert_string_equal(metrics_class_table(&m, mem), "+-------+-------+-------+\n"
                                                      "| Class |  IoU  |  Acc  |\n"
                                                      "+-------+-------+-------+\n"
                                                      "|   0   | 100.0 | 100.0 |\n"
                                                      "|   1   | 100.0 | 100.0 |\n"
                                                      "+-------+-------+-------+");
    arena_free(mem);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    const recipe r = {.classes = 200, .metrics = "mIoU"};
    const char *names[] = {"mIoU", "mDice", "mFscore"};
    metrics_options options = {.names = names, .n_names = 3, .beta = 1};
    long n = 1;
    for (bool whole = false; !whole; n++) {
        arena *mem = arena_new();
        cseg_error err;
        confusion c;
        metrics m;
        int64_t count;
        assert_non_null(mem);
        mem_fail_at(n);
        cseg_status status = confusion_new(mem, r.classes, &c, &err);
        if (status == CSEG_OK)
            status = metrics_compute(&c, NULL, &options, mem, &m, &err);
        whole = status == CSEG_OK && metrics_class_table(&m, mem) && metrics_summary_table(&m, mem) &&
                metrics_entries(&m, old_style, mem, &count);
        mem_fail_at(0);
        assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
        arena_free(mem);
    }
    assert_true(n > 2); /* it did fail before it worked */
}

/* Counts and figure of Open-CD's SCDMetric. */
static void separates_kappa(void **state)
{
    (void)state;
    int64_t intersect[] = {41, 0, 4}, predicted[] = {62, 14, 20}, labelled[] = {59, 18, 19};
    confusion c = {.n_classes = 3, .intersect = intersect, .predicted = predicted, .labelled = labelled};
    assert_true(fabs(metrics_sek(&c) - -19.29) < 0.005);
    int64_t none[] = {7, 0, 0};
    c.intersect = c.predicted = c.labelled = none;
    assert_true(isnan(metrics_sek(&c)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates_kappa),
        cmocka_unit_test(all_figures_are_the_references),
        cmocka_unit_test(bytes_count_as_integers_do),
        cmocka_unit_test(f1_of_the_change_class),
        cmocka_unit_test(unknown_metrics_are_named),
        cmocka_unit_test(classes_without_names_have_numbers),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
