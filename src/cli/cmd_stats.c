/* cseg stats: statistics of the bands of scenes, and what a config says of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/outputs.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/inputs.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "geo/stats.h"
#include "io/image/image_watch.h"

typedef struct stats_args {
    const char *bands, *percentiles, *json;
    str_list masks;
    int64_t sample, threads;
    bool force, allow_remote;
} stats_args;

typedef VEC(const char *) path_list;

typedef struct session {
    const stats_args *a;
    arena *mem;
    path_list scenes, masks;
    double percentile[STATS_PERCENTILES];
    size_t n_percentiles;
    stats_report out;
} session;

/* ---- inputs ---------------------------------------------------------------------------------------------------- */

static cseg_status add_folder(session *s, const char *folder, cseg_error *err)
{
    char **names;
    size_t n, before = s->scenes.n;
    TRY(dir_list(folder, NULL, true, s->mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = inputs_is_image(names[i]) ? path_join(s->mem, folder, names[i]) : NULL;
        if (inputs_is_image(names[i]) && (!path || !vec_push(s->mem, &s->scenes, (const char *)path)))
            return fail_memory(err);
    }
    return s->scenes.n > before ? CSEG_OK : fail(err, CSEG_NOT_FOUND, "%s: no image in this folder", folder);
}

/* Paths, one a line, relative to the list's folder. */
static cseg_status add_list(session *s, const char *list, cseg_error *err)
{
    char *text;
    size_t n, before = s->scenes.n;
    const char *folder = path_dir(s->mem, list);
    TRY(file_read(list, 64 << 20, s->mem, &text, &n, err));
    if (!folder)
        return fail_memory(err);
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) : strlen(line);
        while (length && (line[length - 1] == '\r' || line[length - 1] == ' '))
            length--;
        char *name = length ? arena_strndup(s->mem, line, length) : NULL,
             *path = name ? path_join(s->mem, folder, name) : NULL;
        if (length && (!path || !vec_push(s->mem, &s->scenes, (const char *)path)))
            return fail_memory(err);
        line = end ? end + 1 : NULL;
    }
    return s->scenes.n > before ? CSEG_OK : fail(err, CSEG_NOT_FOUND, "%s: no path in this list", list);
}

static cseg_status find_scenes(session *s, const str_list *args, cseg_error *err)
{
    for (size_t i = 0; i < args->n; i++) {
        const char *path = args->at[i];
        if (file_is_dir(path))
            TRY(add_folder(s, path, err));
        else if (strcmp(path_ext(path), ".txt") == 0)
            TRY(add_list(s, path, err));
        else if (!vec_push(s->mem, &s->scenes, path))
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* The mask of that name in a folder. */
static const char *mask_in(session *s, const char *folder, const char *scene)
{
    static const char *const endings[] = {".png", ".tif", ".tiff"};
    const char *base = path_base(scene);
    char *path = path_join(s->mem, folder, base);
    for (size_t i = 0; path && !file_exists(path) && i < sizeof endings / sizeof *endings; i++)
        path =
            arena_printf(s->mem, "%s/%.*s%s", folder, (int)(strlen(base) - strlen(path_ext(base))), base, endings[i]);
    return path;
}

static cseg_status find_masks(session *s, cseg_error *err)
{
    const str_list *m = &s->a->masks;
    bool folder = m->n == 1 && file_is_dir(m->at[0]);
    if (m->n && !folder && m->n != s->scenes.n)
        return fail(err, CSEG_USAGE, "--mask: there are %zu masks for %zu scenes; give one for each, or a folder", m->n,
                    s->scenes.n);
    for (size_t i = 0; m->n && i < s->scenes.n; i++) {
        const char *path = folder ? mask_in(s, m->at[0], s->scenes.at[i]) : m->at[i];
        if (!path || !vec_push(s->mem, &s->masks, path))
            return fail_memory(err);
    }
    return CSEG_OK;
}

static cseg_status read_percentiles(session *s, cseg_error *err)
{
    const char *text = s->a->percentiles ? s->a->percentiles : "2,98", *at = text;
    for (;;) {
        char *end;
        double v = strtod(at, &end);
        bool good = end != at && v >= 0 && v <= 100 && (*end == ',' || !*end);
        if (!good || s->n_percentiles == STATS_PERCENTILES)
            return fail(err, CSEG_USAGE, "--percentiles takes up to %d numbers from 0 to 100, as 2,98, not '%s'",
                        (int)STATS_PERCENTILES, text);
        s->percentile[s->n_percentiles++] = v;
        if (!*end)
            return CSEG_OK;
        at = end + 1;
    }
}

static cseg_status check_output(const session *s, cseg_error *err)
{
    outputs *o = outputs_new(s->mem);
    if (!o)
        return fail_memory(err);
    for (size_t i = 0; i < s->scenes.n; i++)
        TRY(outputs_add_input(o, s->scenes.at[i], "the scene", err));
    for (size_t i = 0; i < s->masks.n; i++)
        TRY(outputs_add_input(o, s->masks.at[i], "its mask", err));
    TRY(outputs_add(o, s->a->json, "the statistics", NULL, err));
    return outputs_check(o, "give another --json", err);
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static void print_heads(const session *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        char head[32];
        snprintf(head, sizeof head, "p%.6g", s->percentile[i]);
        printf(" %10s", head);
    }
    printf("\n");
}

static void print_bands(const session *s)
{
    const stats_report *r = &s->out;
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
static void print_percentiles(const session *s)
{
    enum { ACROSS = 6 };
    for (size_t from = 2; from < s->n_percentiles; from += ACROSS) {
        size_t to = from + ACROSS < s->n_percentiles ? from + ACROSS : s->n_percentiles;
        printf("\nband");
        print_heads(s, from, to);
        for (int64_t k = 0; k < s->out.bands; k++) {
            printf("%4lld", (long long)k + 1);
            for (size_t i = from; i < to; i++)
                printf(" %10.5g", s->out.band[k].percentiles[i]);
            printf("\n");
        }
    }
}

static void print_classes(const session *s)
{
    const stats_report *r = &s->out;
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
static void print_numbers(const session *s, const char *name, bool deviation, const char *end)
{
    int column = printf("    %s=[", name);
    for (int64_t k = 0; k < s->out.bands; k++) {
        char text[32];
        const stats_moments *m = &s->out.band[k].all;
        double v = deviation ? stats_deviation(m) : m->mean;
        v = m->n == 0 ? deviation : deviation && v <= 0 ? 1 : v; /* a band of one value is not divided by 0 */
        int n = snprintf(text, sizeof text, "%.6g", v);
        if (n > 0 && !strpbrk(text, ".e"))
            n += snprintf(text + n, sizeof text - (size_t)n, ".0");
        if (column + n + 3 > 79)
            column = printf("\n        ") - 1;
        column += printf("%s%s", text, k + 1 < s->out.bands ? ", " : "]");
    }
    printf("%s\n", end);
}

static void print_config(const session *s)
{
    bool colours = s->out.bands == 3 && s->out.type == IMAGE_U8;
    printf("\n# 1.x, for %s\ndata_preprocessor = dict(\n    type='SegDataPreProcessor',\n",
           colours ? "LoadImageFromFile, which gives blue first" : "LoadSingleRSImageFromFile");
    print_numbers(s, "mean", false, ",");
    print_numbers(s, "std", true, ",");
    printf("    bgr_to_rgb=%s)\n# 0.x\nimg_norm_cfg = dict(\n", colours ? "True" : "False");
    print_numbers(s, "mean", false, ",");
    print_numbers(s, "std", true, ",");
    printf("    to_rgb=%s)\n", colours ? "True" : "False");
}

static void print_all(const session *s)
{
    const stats_report *r = &s->out;
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

static void put_band(FILE *out, const session *s, int64_t k)
{
    const stats_band *b = &s->out.band[k];
    fprintf(out, "    {\"band\": %lld, \"name\": ", (long long)k + 1);
    text_print_json(out, b->name);
    fprintf(out, ", \"nodata\": %lld, ", (long long)b->nodata);
    put_moments(out, &b->all);
    fprintf(out, ", \"percentiles\": {");
    for (size_t i = 0; i < s->n_percentiles; i++) {
        char key[32];
        snprintf(key, sizeof key, "%.10g", s->percentile[i]);
        fprintf(out, "%s", i ? ", " : "");
        put_number(out, key, b->percentiles[i]);
    }
    fprintf(out, "}}%s\n", k + 1 < s->out.bands ? "," : "");
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

static cseg_status write_json(const session *s, cseg_error *err)
{
    const stats_report *r = &s->out;
    file_replace f = {0};
    const char *folder = path_dir(s->mem, s->a->json);
    if (!folder)
        return fail_memory(err);
    TRY(dir_create(folder, err));
    TRY(file_replace_open(&f, s->a->json, s->mem, err));
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

/* ---- the command ----------------------------------------------------------------------------------------------- */

static cseg_status show(void *arg, int64_t done, int64_t all, cseg_error *err)
{
    (void)arg;
    progress_show(&(progress){.done = done, .all = all, .what = "windows"});
    return interrupt_seen(NULL) ? fail(err, CSEG_INTERRUPTED, "stopped by a signal") : CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    session s = {.a = options, .mem = mem};
    int64_t *bands;
    stats_options how = {.sample = s.a->sample,
                         .threads = (int)s.a->threads,
                         .force = s.a->force,
                         .percentiles = s.percentile,
                         .progress = show};
    common_allow_remote(s.a->allow_remote);
    TRY(common_bands(s.a->bands, mem, &bands, &how.n_bands, err));
    how.bands = bands;
    TRY(read_percentiles(&s, err));
    TRY(find_scenes(&s, args, err));
    TRY(find_masks(&s, err));
    if (s.a->json)
        TRY(check_output(&s, err));
    how.n_percentiles = s.n_percentiles;
    how.masks = s.masks.n ? s.masks.at : NULL;
    interrupt_watch();
    image_watch_stop(interrupt_seen, NULL);
    TRY(stats_run(s.scenes.at, s.scenes.n, &how, mem, &s.out, err));
    progress_clear();
    print_all(&s);
    return s.a->json ? write_json(&s, err) : CSEG_OK;
}

static const cli_option options[] = {
    OPTION_BANDS(stats_args),
    {.names = "--percentiles",
     .type = O_STR,
     .offset = offsetof(stats_args, percentiles),
     .value = "P,P...",
     .about = "percentiles of each band, exact (default 2,98)"},
    {.names = "--mask",
     .type = O_LIST,
     .offset = offsetof(stats_args, masks),
     .value = "MASK...",
     .about = "statistics of each class too: a mask for each scene, or a folder with masks of the same names"},
    {.names = "--sample",
     .type = O_INT,
     .offset = offsetof(stats_args, sample),
     .min = 1,
     .max = 1e12,
     .about = "read so many windows, spread evenly over all (default: all)"},
    {.names = "--json",
     .type = O_STR,
     .offset = offsetof(stats_args, json),
     .value = "FILE",
     .about = "write the numbers there too, in full precision"},
    {.names = "--threads",
     .type = O_INT,
     .offset = offsetof(stats_args, threads),
     .min = 0,
     .max = 1024,
     .about = "threads for reading; 0: one for each processor (default). The numbers do not depend on it"},
    {.names = "--force",
     .type = O_FLAG,
     .offset = offsetof(stats_args, force),
     .about = "use masks that by their georeferences lie elsewhere than their scenes"},
    OPTION_ALLOW_REMOTE(stats_args),
    OPTIONS_END,
};
const cli_command command_stats = {
    .name = "stats",
    .arguments = "IMAGE|FOLDER|LIST.txt...",
    .about = "statistics of the bands of scenes, and the config's mean and std of them",
    .details =
        "All pixels of all scenes together, read window by window: scenes may be of any size and number. Pixels "
        "without "
        "data (by mask, alpha or nodata value) do not count. Printed are a table and the lines that a config needs to "
        "normalise such images. LIST.txt has a path on each line, relative to its folder.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .size = sizeof(stats_args),
    .run = run,
};
