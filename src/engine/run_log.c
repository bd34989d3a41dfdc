/* What a run writes down. Follows mmengine's LoggerHook, LogProcessor and LocalVisBackend (1.x), and mmcv's
 * TextLoggerHook, LogBuffer and TensorboardLoggerHook (0.x). */
#define _GNU_SOURCE
#include "engine/run_log_internal.h"

#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

enum { SMOOTHED = 10, NAMED_EVERY = 1000 }; /* mmengine's window; iterations between lines that name the experiment */

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void close_file(void *f)
{
    fclose(f);
}

static cseg_status open_file(run_log *l, const char *dir, const char *stem, const char *ending, FILE **out, cseg_error *err)
{
    char *name = arena_printf(l->mem, "%s%s", stem, ending), *path = name ? path_join(l->mem, dir, name) : NULL;
    if (!path)
        return fail_memory(err);
    *out = fopen(path, "ae");
    if (!*out)
        return fail_errno(err, path, "write");
    return arena_defer(l->mem, close_file, *out) ? CSEG_OK : fail_memory(err);
}

static cseg_status copy_config(const run_log *l, const char *dir, const char *name, cseg_error *err)
{
    char *path = path_join(l->mem, dir, name), *text = value_python(l->mem, l->e->cfg);
    if (!path || !text)
        return fail_memory(err);
    return file_replace_bytes(path, text, strlen(text), l->mem, err);
}

static cseg_status open_1x(run_log *l, const char *stem, cseg_error *err)
{
    l->folder = path_join(l->mem, l->e->work_dir, stem);
    char *data = l->folder ? path_join(l->mem, l->folder, "vis_data") : NULL;
    if (!data)
        return fail_memory(err);
    TRY(dir_create(data, err));
    TRY(open_file(l, l->folder, stem, ".log", &l->text, err));
    TRY(open_file(l, data, stem, ".json", &l->json, err));
    TRY(open_file(l, data, "scalars", ".json", &l->scalars, err));
    TRY(copy_config(l, data, "config.py", err));
    return l->e->log.tensorboard ? events_open(data, l->mem, &l->board, err) : CSEG_OK;
}

static cseg_status open_0x(run_log *l, const char *stem, cseg_error *err)
{
    l->folder = l->e->work_dir;
    TRY(open_file(l, l->folder, stem, ".log", &l->text, err));
    TRY(open_file(l, l->folder, stem, ".log.json", &l->json, err));
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
    run_log_begin(l);
    if (l->one_x)
        run_log_add(l, "Checkpoints will be saved to %s.", e->checkpoint.out_dir ? e->checkpoint.out_dir : e->work_dir);
    else
        run_log_add(l, "Start running, work_dir: %s, max: %lld %s", e->work_dir, (long long)e->max,
                    e->by_epoch ? "epochs" : "iters");
    return run_log_write(l, l->line, err);
}

cseg_status run_log_open(const experiment *e, uint64_t seed, arena *mem, run_log **out, cseg_error *err)
{
    run_log *l = ARENA_NEW(mem, run_log);
    char stem[32];
    time_t now = time(NULL);
    struct tm at;
    if (!l)
        return fail_memory(err);
    localtime_r(&now, &at);
    strftime(stem, sizeof stem, "%Y%m%d_%H%M%S", &at);
    l->e = e;
    l->mem = mem;
    l->one_x = e->dialect == DIALECT_1X;
    l->mean = l->one_x ? SMOOTHED : e->log.interval;
    int64_t window = 0;
    if (l->one_x && value_integer(value_get(value_get(e->cfg, "log_processor"), "window_size"), &window) && window > 0)
        l->mean = window;
    l->window = l->mean;
    const char *base = path_base(e->path), *ending = path_ext(e->path);
    l->name = l->one_x ? arena_printf(mem, "%.*s_%s", (int)(strlen(base) - strlen(ending)), base, stem) : base;
    if (!l->name)
        return fail_memory(err);
    TRY(dir_create(e->work_dir, err));
    TRY(copy_config(l, e->work_dir, base, err));
    TRY(l->one_x ? open_1x(l, stem, err) : open_0x(l, stem, err));
    *out = l;
    return write_head(l, seed, err);
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

static log_scalar *keep(run_log *l, const char *name, cseg_error *err)
{
    for (int i = 0; i < l->n_kept; i++)
        if (strcmp(l->kept[i].name, name) == 0)
            return &l->kept[i];
    if (l->n_kept == LOG_SCALARS) {
        fail(err, CSEG_UNSUPPORTED, "more than %d figures in the log", LOG_SCALARS);
        return NULL;
    }
    log_scalar *s = &l->kept[l->n_kept];
    *s = (log_scalar){.name = arena_strdup(l->mem, name), .ring = ARENA_ARRAY(l->mem, (size_t)l->window, double)};
    if (!s->name || !s->ring) {
        fail_memory(err);
        return NULL;
    }
    l->n_kept++;
    return s;
}

static cseg_status note(run_log *l, const char *name, double v, cseg_error *err)
{
    log_scalar *s = keep(l, name, err);
    if (!s)
        return err ? err->code : CSEG_NO_MEMORY;
    s->ring[s->n++ % l->window] = v;
    return CSEG_OK;
}

static double mean_of(const run_log *l, const log_scalar *s)
{
    int64_t n = s->n < l->mean ? s->n : l->mean;
    double sum = 0;
    for (int64_t i = s->n - n; i < s->n; i++)
        sum += s->ring[i % l->window];
    return n ? sum / (double)n : NAN;
}

/* 1.x averages what is a loss, a time or a norm, and shows the rest as it is. */
static double shown(const run_log *l, const log_scalar *s)
{
    bool averaged = !l->one_x || strstr(s->name, "loss") || strstr(s->name, "time") || strstr(s->name, "grad_norm");
    return averaged ? mean_of(l, s) : s->ring[(s->n - 1) % l->window];
}

/* In the order in which the reference comes by them. */
static cseg_status note_all(run_log *l, const log_step *s, cseg_error *err)
{
    bool clipped = !isnan(s->grad_norm);
    if (l->one_x && s->base_lr > 0)
        TRY(note(l, "base_lr", s->base_lr, err));
    if (l->one_x)
        TRY(note(l, "lr", s->lr, err));
    TRY(note(l, "data_time", s->data_seconds, err));
    if (l->one_x && clipped)
        TRY(note(l, "grad_norm", s->grad_norm, err));
    if (l->one_x && s->n > 0)
        TRY(note(l, s->names[s->n - 1], s->values[s->n - 1], err));
    for (int i = 0; i < s->n - (l->one_x ? 1 : 0); i++)
        TRY(note(l, s->names[i], s->values[i], err));
    if (!l->one_x && clipped)
        TRY(note(l, "grad_norm", s->grad_norm, err));
    return note(l, "time", s->seconds, err);
}

static bool is_rate(const char *name)
{
    return strcmp(name, "lr") == 0 || strcmp(name, "base_lr") == 0;
}

static int digits(int64_t n)
{
    return snprintf(NULL, 0, "%lld", (long long)n);
}

static double figure(const run_log *l, const char *name)
{
    for (int i = 0; i < l->n_kept; i++)
        if (strcmp(l->kept[i].name, name) == 0)
            return shown(l, &l->kept[i]);
    return NAN;
}

static int64_t megabytes(const log_step *s)
{
    return (int64_t)(s->memory >> 20);
}

/* ---- lines of training ------------------------------------------------------------------------------------------ */

static void put_1x(run_log *l, const log_step *s)
{
    const char *between = "";
    run_log_begin(l);
    if (l->e->by_epoch) {
        char epoch[32];
        snprintf(epoch, sizeof epoch, "[%lld]", (long long)s->epoch);
        run_log_add(l, "Epoch(train)%*s[%*lld/%lld]  ", digits(s->max_epochs) + 3, epoch, digits(s->epoch_length),
                    (long long)s->inner, (long long)s->epoch_length);
    } else {
        run_log_add(l, "Iter(train) [%*lld/%lld]  ", digits(s->max_iters), (long long)s->iter, (long long)s->max_iters);
    }
    for (int i = 0; i < l->n_kept; i++)
        if (is_rate(l->kept[i].name)) {
            run_log_add(l, "%s%s: %.4e", between, l->kept[i].name, shown(l, &l->kept[i]));
            between = " ";
        }
    run_log_add(l, "  eta: ");
    run_log_add_duration(l, l->eta);
    run_log_add(l, "  time: %.4f  data_time: %.4f  memory: %lld  ", figure(l, "time"), figure(l, "data_time"),
                (long long)megabytes(s));
    between = "";
    for (int i = 0; i < l->n_kept; i++) {
        const char *name = l->kept[i].name;
        if (is_rate(name) || strcmp(name, "time") == 0 || strcmp(name, "data_time") == 0)
            continue;
        run_log_add(l, "%s%s: %.4f", between, name, shown(l, &l->kept[i]));
        between = "  ";
    }
}

static cseg_status train_1x(run_log *l, const log_step *s, cseg_error *err)
{
    log_items items = {.n = 0};
    put_1x(l, s);
    TRY(run_log_write(l, l->line, err));
    for (int i = 0; i < l->n_kept; i++)
        log_items_add(&items, l->kept[i].name, shown(l, &l->kept[i]), false);
    if (l->e->by_epoch)
        log_items_add(&items, "epoch", (double)s->epoch, true);
    log_items_add(&items, "iter", (double)s->iter, true);
    log_items_add(&items, "memory", (double)megabytes(s), true);
    TRY(run_log_board(l, "", &items, s->iter, err));
    log_items_add(&items, "step", (double)s->iter, true);
    return run_log_json(l, NULL, &items, err);
}

static void put_0x(run_log *l, const log_step *s)
{
    run_log_begin(l);
    if (l->e->by_epoch)
        run_log_add(l, "Epoch [%lld][%lld/%lld]\t", (long long)s->epoch, (long long)s->inner, (long long)s->epoch_length);
    else
        run_log_add(l, "Iter [%lld/%lld]\t", (long long)s->iter, (long long)s->max_iters);
    run_log_add(l, "lr: %.3e, eta: ", s->lr);
    run_log_add_duration(l, l->eta);
    run_log_add(l, ", time: %.3f, data_time: %.3f, memory: %lld", figure(l, "time"), figure(l, "data_time"),
                (long long)megabytes(s));
    for (int i = 0; i < l->n_kept; i++)
        if (strcmp(l->kept[i].name, "time") != 0 && strcmp(l->kept[i].name, "data_time") != 0)
            run_log_add(l, ", %s: %.4f", l->kept[i].name, shown(l, &l->kept[i]));
}

static void head_0x(const run_log *l, const log_step *s, int64_t iter, log_items *items)
{
    log_items_add(items, "epoch", (double)s->epoch, true);
    log_items_add(items, "iter", (double)iter, true);
    log_items_add(items, "lr", s->lr, false);
    (void)l;
}

/* mmcv shows TensorBoard neither times nor counts, but rate and momentum. */
static cseg_status board_0x(run_log *l, const char *prefix, const log_items *figures, const log_step *s, cseg_error *err)
{
    log_items rates = {.n = 0};
    log_items_add(&rates, "learning_rate", s->lr, false);
    log_items_add(&rates, "momentum", s->momentum, false);
    TRY(run_log_board(l, prefix, figures, s->iter, err));
    return run_log_board(l, "", &rates, s->iter, err);
}

static cseg_status train_0x(run_log *l, const log_step *s, cseg_error *err)
{
    log_items items = {.n = 0}, figures = {.n = 0};
    put_0x(l, s);
    TRY(run_log_write(l, l->line, err));
    head_0x(l, s, l->e->by_epoch ? s->inner : s->iter, &items);
    log_items_add(&items, "memory", (double)megabytes(s), true);
    for (int i = 0; i < l->n_kept; i++) {
        log_items_add(&items, l->kept[i].name, shown(l, &l->kept[i]), false);
        if (!strstr(l->kept[i].name, "time"))
            log_items_add(&figures, l->kept[i].name, shown(l, &l->kept[i]), false);
    }
    TRY(run_log_json(l, "train", &items, err));
    return board_0x(l, "train/", &figures, s, err);
}

cseg_status run_log_train(run_log *l, const log_step *s, cseg_error *err)
{
    int64_t every = l->e->log.interval > 0 ? l->e->log.interval : 1;
    int64_t place = l->e->by_epoch ? s->inner : s->iter;
    l->seconds += s->seconds;
    l->counted++;
    l->eta = l->seconds / (double)l->counted * (double)(s->max_iters - s->iter);
    TRY(note_all(l, s, err));
    if (s->iter % NAMED_EVERY == 0)
        run_log_line(l, "Exp name: %s", l->name);
    /* mmengine also writes at the end of an epoch that is no longer than the interval. */
    bool due = place % every == 0 || (l->one_x && place == s->epoch_length && s->epoch_length <= every);
    if (!due)
        return CSEG_OK;
    return l->one_x ? train_1x(l, s, err) : train_0x(l, s, err);
}

/* ---- lines of validation ---------------------------------------------------------------------------------------- */

static cseg_status val_0x(run_log *l, const log_step *s, int64_t iter, const log_items *figures, cseg_error *err)
{
    const char *between = "";
    log_items items = {.n = 0};
    run_log_begin(l);
    if (l->e->by_epoch)
        run_log_add(l, "Epoch(val) [%lld][%lld]\t", (long long)s->epoch, (long long)iter);
    else
        run_log_add(l, "Iter(val) [%lld]\t", (long long)iter);
    for (int i = 0; i < figures->n; i++, between = ", ")
        run_log_add(l, "%s%s: %.4f", between, figures->at[i].name, figures->at[i].value);
    TRY(run_log_write(l, l->line, err));
    head_0x(l, s, iter, &items);
    for (int i = 0; i < figures->n; i++)
        log_items_add(&items, figures->at[i].name, figures->at[i].value, false);
    TRY(run_log_json(l, "val", &items, err));
    return board_0x(l, "val/", figures, s, err);
}

cseg_status run_log_val_losses(run_log *l, const log_step *s, cseg_error *err)
{
    log_items figures = {.n = 0};
    for (int i = 0; i < s->n; i++)
        log_items_add(&figures, s->names[i], s->values[i], false);
    return val_0x(l, s, s->iter, &figures, err);
}

static cseg_status write_tables(run_log *l, const evaluation *v, arena *mem, cseg_error *err)
{
    char *classes = metrics_class_table(&v->m, mem), *summary = metrics_summary_table(&v->m, mem);
    char *first = classes ? arena_printf(mem, "\n%s", classes) : NULL, *second = summary ? arena_printf(mem, "\n%s", summary) : NULL;
    if (!first || !second)
        return fail_memory(err);
    TRY(run_log_write(l, "per class results:", err));
    TRY(run_log_write(l, first, err));
    if (l->one_x)
        return CSEG_OK;
    TRY(run_log_write(l, "Summary:", err));
    return run_log_write(l, second, err);
}

static cseg_status evaluation_1x(run_log *l, const log_step *s, const evaluation *v, log_items *figures, cseg_error *err)
{
    log_items_add(figures, "data_time", v->data_seconds, false);
    log_items_add(figures, "time", v->seconds, false);
    run_log_begin(l);
    if (l->e->by_epoch)
        run_log_add(l, "Epoch(val) [%lld][%lld/%lld]    ", (long long)s->epoch - 1, (long long)v->images, (long long)v->images);
    else
        run_log_add(l, "Iter(val) [%lld/%lld]    ", (long long)v->images, (long long)v->images);
    for (int i = 0; i < figures->n; i++)
        run_log_add(l, "%s%s: %.4f", i ? "  " : "", figures->at[i].name, figures->at[i].value);
    TRY(run_log_write(l, l->line, err));
    bool by_epoch = l->e->by_epoch;
    const value *said = value_get(value_get(value_get(l->e->cfg, "default_hooks"), "logger"), "log_metric_by_epoch");
    if (said)
        by_epoch &= value_true(said);
    int64_t step = by_epoch ? s->epoch - 1 : s->iter;
    TRY(run_log_board(l, "", figures, step, err));
    log_items_add(figures, "step", (double)step, true);
    return run_log_json(l, NULL, figures, err);
}

cseg_status run_log_evaluation(run_log *l, const log_step *s, const evaluation *v, arena *mem, cseg_error *err)
{
    log_items figures = {.n = 0};
    TRY(write_tables(l, v, mem, err));
    for (int64_t i = 0; i < v->n && figures.n < LOG_SCALARS; i++)
        log_items_add(&figures, v->entries[i].key, v->entries[i].value, false);
    return l->one_x ? evaluation_1x(l, s, v, &figures, err) : val_0x(l, s, v->images, &figures, err);
}

const char *run_log_folder(const run_log *l)
{
    return l->folder;
}

double run_log_eta(const run_log *l)
{
    return l->eta;
}
