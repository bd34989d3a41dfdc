#include "cli/stats_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static void print_heads(const stats_shown *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        char head[32];
        snprintf(head, sizeof head, "p%.6g", s->percentiles[i]);
        printf(" %10s", head);
    }
    printf("\n");
}

static void print_bands(const stats_shown *s)
{
    const stats_report *r = s->report;
    printf("%4s %8s %10s %10s %10s %10s", "band", "nodata %", "min", "max", "mean", "std");
    print_heads(s, 0, s->n_percentiles < 2 ? s->n_percentiles : 2);
    for (int64_t k = 0; k < r->bands; k++) {
        const stats_band *b = &r->band[k];
        printf("%4lld %8.3g", (long long)k + 1, r->pixels ? 100.0 * (double)b->nodata / (double)r->pixels : 0.0);
        if (!b->all.n) {
            printf(" no data\n");
            continue;
        }
        printf(" %10.5g %10.5g %10.5g %10.5g", b->all.min, b->all.max, b->all.mean, stats_deviation(&b->all));
        for (size_t i = 0; i < 2 && i < s->n_percentiles; i++)
            printf(" %10.5g", b->percentiles[i]);
        printf("\n");
    }
}

/* Those that the first table has no room for. */
static void print_percentiles(const stats_shown *s)
{
    enum { ACROSS = 6 };
    for (size_t from = 2; from < s->n_percentiles; from += ACROSS) {
        size_t to = from + ACROSS < s->n_percentiles ? from + ACROSS : s->n_percentiles;
        printf("\nband");
        print_heads(s, from, to);
        for (int64_t k = 0; k < s->report->bands; k++) {
            printf("%4lld", (long long)k + 1);
            for (size_t i = from; i < to; i++)
                printf(" %10.5g", s->report->band[k].percentiles[i]);
            printf("\n");
        }
    }
}

static void print_classes(const stats_shown *s)
{
    const stats_report *r = s->report;
    if (!r->by_class)
        return;
    printf("\n%5s %8s %4s %11s %10s %10s %10s %10s\n", "class", "pixels %", "band", "samples", "min", "max", "mean",
           "std");
    for (int64_t c = 0; c < STATS_CLASSES; c++)
        for (int64_t k = 0; r->labels[c] && k < r->bands; k++) {
            const stats_moments *m = &r->by_class[c * r->bands + k];
            if (k == 0)
                printf("%5lld %8.3g", (long long)c, 100.0 * (double)r->labels[c] / (double)r->pixels);
            else
                printf("%14s", "");
            printf(" %4lld %11lld", (long long)k + 1, (long long)m->n);
            if (m->n)
                printf(" %10.5g %10.5g %10.5g %10.5g", m->min, m->max, m->mean, stats_deviation(m));
            printf("\n");
        }
}

/* "[a, b, c]", in lines of at most 80 columns. */
static void print_numbers(const stats_shown *s, const char *name, bool deviation, const char *end)
{
    int column = printf("    %s=[", name);
    for (int64_t k = 0; k < s->report->bands; k++) {
        char text[32];
        const stats_moments *m = &s->report->band[k].all;
        double v = deviation ? stats_deviation(m) : m->mean;
        v = m->n == 0 ? deviation : deviation && v <= 0 ? 1 : v; /* a band of one value is not divided by 0 */
        int n = snprintf(text, sizeof text, "%.6g", v);
        if (n > 0 && !strpbrk(text, ".e"))
            n += snprintf(text + n, sizeof text - (size_t)n, ".0");
        if (column + n + 3 > 79)
            column = printf("\n        ") - 1;
        column += printf("%s%s", text, k + 1 < s->report->bands ? ", " : "]");
    }
    printf("%s\n", end);
}

static void print_config(const stats_shown *s)
{
    bool colours = s->report->bands == 3 && s->report->type == IMAGE_U8;
    printf("\n# 1.x, for %s\ndata_preprocessor = dict(\n    type='SegDataPreProcessor',\n",
           colours ? "LoadImageFromFile, which gives blue first" : "LoadSingleRSImageFromFile");
    print_numbers(s, "mean", false, ",");
    print_numbers(s, "std", true, ",");
    printf("    bgr_to_rgb=%s)\n# 0.x\nimg_norm_cfg = dict(\n", colours ? "True" : "False");
    print_numbers(s, "mean", false, ",");
    print_numbers(s, "std", true, ",");
    printf("    to_rgb=%s)\n", colours ? "True" : "False");
}

void stats_print(const stats_shown *s)
{
    const stats_report *r = s->report;
    printf("%zu scene%s, %lld band%s of %s, %lld pixels", r->scenes, r->scenes == 1 ? "" : "s", (long long)r->bands,
           r->bands == 1 ? "" : "s", image_type_name(r->type), (long long)r->pixels);
    if (r->windows < r->windows_all)
        printf(" (%lld of %lld windows)", (long long)r->windows, (long long)r->windows_all);
    printf("\n\n");
    print_bands(s);
    print_percentiles(s);
    print_classes(s);
    print_config(s);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static void put_number(FILE *out, const char *key, double v)
{
    if (isfinite(v))
        fprintf(out, "\"%s\": %.17g", key, v);
    else
        fprintf(out, "\"%s\": null", key);
}

static void put_moments(FILE *out, const stats_moments *m)
{
    fprintf(out, "\"samples\": %lld, ", (long long)m->n);
    put_number(out, "min", m->n ? m->min : NAN);
    fprintf(out, ", ");
    put_number(out, "max", m->n ? m->max : NAN);
    fprintf(out, ", ");
    put_number(out, "mean", m->n ? m->mean : NAN);
    fprintf(out, ", ");
    put_number(out, "std", m->n ? stats_deviation(m) : NAN);
}

static void put_band(FILE *out, const stats_shown *s, int64_t k)
{
    const stats_band *b = &s->report->band[k];
    fprintf(out, "    {\"band\": %lld, \"name\": ", (long long)k + 1);
    text_print_json(out, b->name);
    fprintf(out, ", \"nodata\": %lld, ", (long long)b->nodata);
    put_moments(out, &b->all);
    fprintf(out, ", \"percentiles\": {");
    for (size_t i = 0; i < s->n_percentiles; i++) {
        char key[32];
        snprintf(key, sizeof key, "%.10g", s->percentiles[i]);
        fprintf(out, "%s", i ? ", " : "");
        put_number(out, key, b->percentiles[i]);
    }
    fprintf(out, "}}%s\n", k + 1 < s->report->bands ? "," : "");
}

static void put_classes(FILE *out, const stats_report *r)
{
    bool any = false;
    fprintf(out, "  ],\n  \"classes\": [\n");
    for (int64_t c = 0; c < STATS_CLASSES; c++) {
        if (!r->labels[c])
            continue;
        fprintf(out, "%s    {\"class\": %lld, \"pixels\": %lld, \"bands\": [", any ? ",\n" : "", (long long)c,
                (long long)r->labels[c]);
        for (int64_t k = 0; k < r->bands; k++) {
            fprintf(out, "%s{", k ? ", " : "");
            put_moments(out, &r->by_class[c * r->bands + k]);
            fprintf(out, "}");
        }
        fprintf(out, "]}");
        any = true;
    }
    fprintf(out, "\n");
}

cseg_status stats_write_json(const stats_shown *s, const char *path, arena *mem, cseg_error *err)
{
    const stats_report *r = s->report;
    file_replace f = {0};
    const char *folder = path_dir(mem, path);
    if (!folder)
        return fail_memory(err);
    TRY(dir_create(folder, err));
    TRY(file_replace_open(&f, path, mem, err));
    fprintf(f.out, "{\n  \"scenes\": %zu, \"pixels\": %lld, \"type\": \"%s\",\n", r->scenes, (long long)r->pixels,
            image_type_name(r->type));
    fprintf(f.out, "  \"windows\": %lld, \"windows_all\": %lld,\n  \"bands\": [\n", (long long)r->windows,
            (long long)r->windows_all);
    for (int64_t k = 0; k < r->bands; k++)
        put_band(f.out, s, k);
    if (r->by_class)
        put_classes(f.out, r);
    fprintf(f.out, "  ]\n}\n");
    cseg_status status = file_replace_commit(&f, err);
    file_replace_abort(&f);
    return status;
}
