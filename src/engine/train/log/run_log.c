/* What a run writes down. Follows mmengine's LoggerHook and LocalVisBackend (1.x), and mmcv's TextLoggerHook and
 * TensorboardLoggerHook (0.x). */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/train/log/run_log_internal.h"

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Never over the file that the user wrote, where that is in the work dir itself. */
static cseg_status copy_config(const run_log *l, const char *dir, const char *name, cseg_error *err)
{
    char *path = path_join(l->mem, dir, name), *text = value_python(l->mem, l->e->cfg);
    if (!path || !text)
        return fail_memory(err);
    return same_file(path, l->e->path) ? CSEG_OK : file_replace_bytes(path, text, strlen(text), l->mem, err);
}

static cseg_status open_1x(run_log *l, const char *stem, cseg_error *err)
{
    l->folder = path_join(l->mem, l->e->work_dir, stem);
    char *data = l->folder ? path_join(l->mem, l->folder, "vis_data") : NULL;
    if (!data)
        return fail_memory(err);
    TRY(dir_create(data, err));
    TRY(log_file_open(l, l->folder, stem, ".log", &l->text, err));
    TRY(log_file_open(l, data, stem, ".json", &l->json, err));
    TRY(log_file_open(l, data, "scalars", ".json", &l->scalars, err));
    TRY(copy_config(l, data, "config.py", err));
    return l->e->log.tensorboard ? events_open(data, l->mem, &l->board, err) : CSEG_OK;
}

static cseg_status open_0x(run_log *l, const char *stem, cseg_error *err)
{
    l->folder = l->e->work_dir;
    TRY(log_file_open(l, l->folder, stem, ".log", &l->text, err));
    TRY(log_file_open(l, l->folder, stem, ".log.json", &l->json, err));
    if (!l->e->log.tensorboard)
        return CSEG_OK;
    char *board = path_join(l->mem, l->folder, "tf_logs");
    return board ? events_open(board, l->mem, &l->board, err) : fail_memory(err);
}

static const char *processor(arena *mem)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];
    const char *name = NULL;
    while (f && !name && fgets(line, sizeof line, f))
        if (str_starts(line, "model name")) {
            const char *colon = strchr(line, ':');
            line[strcspn(line, "\n")] = 0;
            name = colon ? arena_strdup(mem, colon + 2) : NULL;
        }
    if (f)
        fclose(f);
    return name ? name : "unknown";
}

static char *environment(arena *mem, uint64_t seed)
{
    struct utsname u;
    memset(&u, 0, sizeof u);
    uname(&u);
    return arena_printf(mem,
                        "sys.platform: linux\n"
                        "System: %s %s %s\n"
                        "CPU: %s\n"
                        "Processors: %ld\n"
                        "Compiler: %s\n"
                        "cseg: %s\n"
                        "seed: %llu",
                        u.sysname, u.release, u.machine, processor(mem), sysconf(_SC_NPROCESSORS_ONLN), __VERSION__,
                        CSEG_VERSION, (unsigned long long)seed);
}

static cseg_status write_head(run_log *l, uint64_t seed, cseg_error *err)
{
    static const char rule[] = "------------------------------------------------------------";
    const experiment *e = l->e;
    char *about = environment(l->mem, seed), *cfg = value_python(l->mem, e->cfg);
    char *head = about ? arena_printf(l->mem, "Environment info:\n%s\n%s\n%s", rule, about, rule) : NULL;
    char *config = cfg ? arena_printf(l->mem, "Config:\n%s", cfg) : NULL;
    if (!head || !config)
        return fail_memory(err);
    TRY(run_log_file(l, head, err));
    TRY(run_log_file(l, config, err));
    if (!l->one_x)
        TRY(run_log_json_meta(l, seed, about, err));
    strbuf b = run_log_begin(l);
    const char *dir = text_harmless(l->line_mem, e->checkpoint.out_dir ? e->checkpoint.out_dir : e->work_dir);
    if (!dir)
        return fail_memory(err);
    if (l->one_x)
        strbuf_addf(&b, "Checkpoints will be saved %s %s.", e->checkpoint.out_dir ? "below" : "to", dir);
    else
        strbuf_addf(&b, "Start running, work_dir: %s, max: %lld %s", dir, (long long)e->max,
                    e->by_epoch ? "epochs" : "iters");
    return run_log_end(l, &b, err);
}

/* The logger's own settings: default_hooks.logger (1.x), the TextLoggerHook of log_config (0.x). */
static const value *logger_of(const experiment *e)
{
    if (e->dialect == DIALECT_1X)
        return value_find(e->cfg, "default_hooks.logger");
    const value *hooks = value_find(e->cfg, "log_config.hooks");
    for (size_t i = 0; i < value_count(hooks); i++) {
        const char *type = value_type_name(value_item(hooks, i));
        if (type && strcmp(type, "TextLoggerHook") == 0)
            return value_item(hooks, i);
    }
    return NULL;
}

static void read_settings(run_log *l)
{
    const experiment *e = l->e;
    const value *logger = logger_of(e), *last = value_get(logger, "ignore_last");
    const value *counts = l->one_x ? value_find(e->cfg, "log_processor.by_epoch") : value_get(logger, "by_epoch");
    l->by_epoch = counts ? value_true(counts) : e->by_epoch;
    l->ignore_last = last ? value_true(last) : true;
    l->every = e->log.interval > 0 ? e->log.interval : 1;
    if (!value_integer(value_get(logger, "interval_exp_name"), &l->name_every) || l->name_every < 1)
        l->name_every = 1000;
}

static cseg_status name_run(run_log *l, const char *stem, cseg_error *err)
{
    const char *base = path_base(l->e->path);
    int n = (int)(strlen(base) - strlen(path_ext(base)));
    char *config = arena_printf(l->mem, "%.*s.py", n, base);
    l->name = l->one_x ? arena_printf(l->mem, "%.*s_%s", n, base, stem) : base;
    return config && l->name ? copy_config(l, l->e->work_dir, config, err) : fail_memory(err);
}

static void free_arena(void *a)
{
    arena_free(a);
}

cseg_status run_log_open(const experiment *e, uint64_t seed, arena *mem, run_log **out, cseg_error *err)
{
    run_log *l = ARENA_NEW(mem, run_log);
    arena *line_mem = arena_new();
    if (!l || !line_mem || !arena_defer(mem, free_arena, line_mem)) {
        if (!l)
            arena_free(line_mem);
        return fail_memory(err);
    }
    char stem[32];
    struct timespec now = run_log_now();
    struct tm at;
    localtime_r(&now.tv_sec, &at);
    strftime(stem, sizeof stem, "%Y%m%d_%H%M%S", &at);
    *l = (run_log){.e = e,
                   .mem = mem,
                   .line_mem = line_mem,
                   .one_x = e->dialect == DIALECT_1X,
                   .text.fd = -1,
                   .json.fd = -1,
                   .scalars.fd = -1};
    read_settings(l);
    TRY(log_rules_read(l, err));
    TRY(dir_create(e->work_dir, err));
    TRY(name_run(l, stem, err));
    TRY(l->one_x ? open_1x(l, stem, err) : open_0x(l, stem, err));
    *out = l;
    return write_head(l, seed, err);
}

/* ---- what happens ----------------------------------------------------------------------------------------------- */

/* In the order in which the reference comes by them. */
static cseg_status note_all(run_log *l, const log_step *s, cseg_error *err)
{
    bool clipped = !isnan(s->grad_norm);
    if (l->one_x && s->base_lr > 0)
        TRY(log_note(l, "base_lr", s->base_lr, err));
    if (l->one_x)
        TRY(log_note(l, "lr", s->lr, err));
    TRY(log_note(l, "data_time", s->data_seconds, err));
    if (l->one_x && clipped)
        TRY(log_note(l, "grad_norm", s->grad_norm, err));
    if (l->one_x && s->n > 0)
        TRY(log_note(l, s->names[s->n - 1], s->values[s->n - 1], err));
    for (int i = 0; i < s->n - (l->one_x ? 1 : 0); i++)
        TRY(log_note(l, s->names[i], s->values[i], err));
    if (!l->one_x && clipped)
        TRY(log_note(l, "grad_norm", s->grad_norm, err));
    return log_note(l, "time", s->seconds, err);
}

cseg_status run_log_train(run_log *l, const log_step *s, cseg_error *err)
{
    l->seconds += s->seconds;
    l->counted++;
    l->eta = l->seconds / (double)l->counted * (double)(s->max_iters - s->iter);
    /* mmcv clears its buffer before each epoch, of which an iteration-based run has one. */
    if (!l->one_x && l->e->by_epoch && s->inner == 1)
        log_forget(l);
    TRY(note_all(l, s, err));
    return l->one_x ? run_log_train_1x(l, s, err) : run_log_train_0x(l, s, err);
}

cseg_status run_log_val_losses(run_log *l, const log_step *s, cseg_error *err)
{
    log_items figures = {0};
    run_log_begin(l);
    for (int i = 0; i < s->n; i++)
        TRY(log_items_add(l, &figures, s->names[i], s->values[i], false, err));
    return run_log_val_0x(l, s, s->batches > 0 ? s->batches : s->iter, &figures, err);
}

static cseg_status write_tables(run_log *l, const evaluation_part *part, arena *mem, cseg_error *err)
{
    const metrics *m = &part->m;
    char *classes = metrics_class_table(m, mem), *summary = metrics_summary_table(m, mem);
    char *first = classes ? arena_printf(mem, "\n%s", classes) : NULL;
    char *second = summary ? arena_printf(mem, "\n%s", summary) : NULL;
    if (!first || !second)
        return fail_memory(err);
    if (part->of.folder) { /* in mmseg's words, for who searches logs for them */
        char *head =
            arena_printf(mem, "\nEvaluateing %s with %lld images now", part->of.folder, (long long)part->of.count);
        if (!head)
            return fail_memory(err);
        TRY(run_log_write(l, head, err));
    }
    TRY(run_log_write(l, "per class results:", err));
    TRY(run_log_write(l, first, err));
    if (l->one_x)
        return CSEG_OK;
    TRY(run_log_write(l, "Summary:", err));
    return run_log_write(l, second, err);
}

cseg_status run_log_evaluation(run_log *l, const log_step *s, const evaluation *v, arena *mem, cseg_error *err)
{
    run_log_begin(l);
    for (int i = 0; i < v->n_parts; i++)
        TRY(write_tables(l, &v->parts[i], mem, err));
    if (l->one_x)
        return run_log_val_1x(l, s, v, err);
    log_items figures = {0};
    for (int64_t i = 0; i < v->n; i++)
        TRY(log_items_add(l, &figures, v->entries[i].key, v->entries[i].value, false, err));
    log_forget(l);
    return run_log_val_0x(l, s, v->images, &figures, err);
}

double run_log_eta(const run_log *l)
{
    return l->eta;
}
