/* cseg stats: statistics of the bands of scenes, and what a config says of them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/outputs.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/inputs.h"
#include "cli/interrupt.h"
#include "cli/stats_report.h"
#include "cli/terminal.h"
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
    stats_shown shown = {&s.out, s.percentile, s.n_percentiles};
    stats_print(&shown);
    return s.a->json ? stats_write_json(&shown, s.a->json, mem, err) : CSEG_OK;
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
