/* cseg plot: draws the curves of training logs as a picture. Reads MMSegmentation's JSON logs of both dialects. */
#include <cJSON.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/outputs.h"
#include "base/text.h"
#include "cli/common.h"
#include "draw/chart.h"

typedef struct plot_args {
    str_list keys;
    const char *out, *title;
    int64_t width;
} plot_args;

typedef VEC(double) numbers;
typedef struct curve {
    numbers x, y;
} curve;

enum { PANEL_H = 320, MAX_LOGS = 6, MAX_LOG_BYTES = 1 << 30 };

static double step_of(const cJSON *line, double before)
{
    const char *const keys[] = {"step", "iter"};
    for (size_t i = 0; i < 2; i++) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(line, keys[i]);
        if (cJSON_IsNumber(v))
            return v->valuedouble;
    }
    return before;
}

/* 0.x writes the iterations of a validation as `iter`, so such a line belongs to the training line before it. */
static bool is_validation(const cJSON *line)
{
    const cJSON *mode = cJSON_GetObjectItemCaseSensitive(line, "mode");
    return cJSON_IsString(mode) && strcmp(mode->valuestring, "val") == 0;
}

/* A resumed run repeats the iterations that its first part did after the checkpoint; its later lines count. */
static void drop_from(curve *c, double step)
{
    while (c->x.n > 0 && c->x.at[c->x.n - 1] >= step)
        c->x.n = --c->y.n;
}

static cseg_status read_log(const char *path, const char *key, arena *mem, curve *out, cseg_error *err)
{
    char *text;
    size_t size, before = out->x.n;
    double step = 0.0;
    bool first = true;
    int64_t odd = 0;
    TRY(file_read(path, MAX_LOG_BYTES, mem, &text, &size, err));
    for (char *line = text, *end; line < text + size; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + size - line));
        if (!end)
            end = text + size;
        *end = 0;
        cJSON *object = cJSON_Parse(line);
        odd += !object && line + strspn(line, " \t\r") < end;
        if (!is_validation(object))
            step = step_of(object, step);
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
        bool good = true;
        if (cJSON_IsNumber(v)) {
            if (first && before > 0)
                drop_from(out, step);
            first = false;
            good = vec_push(mem, &out->x, step) && vec_push(mem, &out->y, v->valuedouble);
        }
        cJSON_Delete(object);
        if (!good)
            return fail_memory(err);
    }
    if (odd > 0)
        log_say(LOG_WARNING, "%s: %lld lines of this log are no JSON and are left out", path, (long long)odd);
    return CSEG_OK;
}

static bool is_log_name(const char *name)
{
    return str_ends(name, ".log.json") || (strstr(name, "vis_data/") && strcmp(path_base(name), "scalars.json") != 0);
}

/* A folder stands for all its logs, which belong to one run and its resumptions. Their names begin with the time. */
static cseg_status read_curve(const char *path, const char *key, arena *mem, curve *out, cseg_error *err)
{
    char **names;
    size_t n, found = 0;
    if (!file_is_dir(path))
        return read_log(path, key, mem, out, err);
    TRY(dir_list(path, ".json", true, mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *log = is_log_name(names[i]) ? path_join(mem, path, names[i]) : NULL;
        if (log) {
            TRY(read_log(log, key, mem, out, err));
            found++;
        }
    }
    return found ? CSEG_OK
                 : fail(err, CSEG_NOT_FOUND, "%s: no training log (*.log.json or vis_data/*.json) in it", path);
}

/* The picture must not take a log's place. */
static cseg_status check_output(const str_list *logs, const char *picture, arena *mem, cseg_error *err)
{
    outputs *o = outputs_new(mem);
    if (!o)
        return fail_memory(err);
    for (size_t i = 0; i < logs->n; i++) {
        char **names;
        size_t n = 0;
        TRY(outputs_add_input(o, logs->at[i], "the log", err));
        if (file_is_dir(logs->at[i]))
            TRY(dir_list(logs->at[i], ".json", true, mem, &names, &n, err));
        for (size_t k = 0; k < n; k++) {
            char *path = path_join(mem, logs->at[i], names[k]);
            if (!path)
                return fail_memory(err);
            TRY(outputs_add_input(o, path, "the log", err));
        }
    }
    TRY(outputs_add(o, picture, "the picture", NULL, err));
    return outputs_check(o, "give another --out", err);
}

static cseg_status read_panel(const char *key, const char *title, const str_list *logs, arena *mem, chart *out,
                              cseg_error *err)
{
    series *all = ARENA_ARRAY(mem, logs->n, series);
    size_t points = 0;
    if (!all)
        return fail_memory(err);
    for (size_t i = 0; i < logs->n; i++) {
        curve c = {0};
        TRY(read_curve(logs->at[i], key, mem, &c, err));
        all[i] = (series){path_base(logs->at[i]), c.x.at, c.y.at, c.y.n};
        points += c.y.n;
    }
    if (!points)
        return fail(err, CSEG_NOT_FOUND, "%s: no line has a number called '%s'", logs->at[0], key);
    *out = (chart){arena_printf(mem, "%s%s%s", title ? title : "", title ? ": " : "", key), "iteration", all, logs->n};
    return out->title ? CSEG_OK : fail_memory(err);
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const plot_args *o = options;
    static const char *loss = "loss";
    str_list keys = o->keys.n ? o->keys : (str_list){.at = &loss, .n = 1};
    image m = {0};
    cseg_status status = CSEG_OK;
    TRY(check_output(args, o->out ? o->out : "loss.png", mem, err));
    chart *panels = ARENA_ARRAY(mem, keys.n, chart);
    if (!panels)
        return fail_memory(err);
    for (size_t i = 0; i < keys.n; i++)
        TRY(read_panel(keys.at[i], o->title, args, mem, &panels[i], err));
    TRY_DONE(chart_draw(panels, keys.n, o->width ? o->width : 900, PANEL_H, &m, err));
    TRY_DONE(image_write(o->out ? o->out : "loss.png", &m, &(image_save){.rgb = true}, err));
    text_fprintf(stdout, "%s\n", o->out ? o->out : "loss.png");
done:
    image_release(&m);
    return status;
}

static const cli_option options[] = {
    {.names = "--keys",
     .type = O_LIST,
     .offset = offsetof(plot_args, keys),
     .value = "KEY",
     .about = "what to draw, one panel each: loss decode.acc_seg lr mIoU (default: loss)"},
    {.names = "--out",
     .type = O_STR,
     .offset = offsetof(plot_args, out),
     .value = "FILE",
     .about = "PNG or JPEG (default: loss.png)"},
    {.names = "--title",
     .type = O_STR,
     .offset = offsetof(plot_args, title),
     .value = "TEXT",
     .about = "stands above each panel"},
    {.names = "--width",
     .type = O_INT,
     .offset = offsetof(plot_args, width),
     .min = 300,
     .max = 8000,
     .about = "of the picture in pixels (default 900)"},
    OPTIONS_END,
};
const cli_command command_plot = {
    .name = "plot",
    .arguments = "LOG...",
    .about = "draw the curves of training logs",
    .details = "LOG is a JSON log of either dialect, or a work folder, which stands for the logs of a run and its "
               "resumptions.",
    .min_args = 1,
    .max_args = MAX_LOGS,
    .options = options,
    .size = sizeof(plot_args),
    .run = run,
};
