/* Logs as mmcv's TextLoggerHook and TensorboardLoggerHook write them. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/train/log/run_log_internal.h"

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static cseg_status set_rules(run_log *l, cseg_error *err)
{
    (void)err;
    l->rules = (log_rules){.window = l->every, .averages_all = true};
    return CSEG_OK;
}

static cseg_status open_files(run_log *l, const char *stem, cseg_error *err)
{
    l->folder = l->e->work_dir;
    l->name = path_base(l->e->path);
    TRY(log_file_open(l, l->folder, stem, ".log", &l->text, err));
    TRY(log_file_open(l, l->folder, stem, ".log.json", &l->json, err));
    if (!l->e->log.tensorboard)
        return CSEG_OK;
    char *board = path_join(l->mem, l->folder, "tf_logs");
    return board ? events_open(board, l->mem, &l->board, err) : fail_memory(err);
}

static cseg_status begin(run_log *l, uint64_t seed, const char *environment, const char *dir, cseg_error *err)
{
    const experiment *e = l->e;
    TRY(run_log_json_meta(l, seed, environment, err));
    strbuf b = run_log_begin(l);
    strbuf_addf(&b, "Start running, work_dir: %s, max: %lld %s", dir, (long long)e->max,
                e->by_epoch ? "epochs" : "iters");
    return run_log_end(l, &b, err);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

enum { PLACES = 4 }; /* of a figure in a text line; times have one less */

static bool is_time(const char *name)
{
    return strcmp(name, "time") == 0 || strcmp(name, "data_time") == 0;
}

static void add_figure(strbuf *b, const char *between, const log_item *i)
{
    strbuf_add(b, between);
    text_add(b, i->name, strlen(i->name), false);
    strbuf_add(b, ": ");
    log_add_number(b, i->value, is_time(i->name) ? PLACES - 1 : PLACES, 'f');
}

/* What each JSON line begins with, after its mode. */
static cseg_status add_head(run_log *l, log_items *items, int64_t epoch, int64_t iter, double lr, cseg_error *err)
{
    TRY(log_items_add(l, items, "epoch", (double)epoch, true, err));
    TRY(log_items_add(l, items, "iter", (double)iter, true, err));
    return log_items_add(l, items, "lr", lr, false, err);
}

/* mmcv gives TensorBoard no times, but rate and momentum. */
static cseg_status show_board(run_log *l, const char *prefix, const log_items *figures, const log_step *s,
                              cseg_error *err)
{
    log_items shown = {0}, rates = {0};
    for (size_t i = 0; i < figures->n; i++)
        if (!is_time(figures->at[i].name))
            TRY(log_items_add(l, &shown, figures->at[i].name, figures->at[i].value, false, err));
    TRY(log_items_add(l, &rates, "learning_rate", s->lr, false, err));
    TRY(log_items_add(l, &rates, "momentum", s->momentum, false, err));
    TRY(run_log_board(l, prefix, &shown, s->iter, err));
    return run_log_board(l, "", &rates, s->iter, err);
}

static void name_experiment(run_log *l, const log_step *s, bool end)
{
    if (s->iter % l->e->log.name_every == 0 || (l->e->log.by_epoch && end))
        run_log_line(l, "Exp name: %s", l->name);
}

static cseg_status write_text(run_log *l, const log_step *s, int64_t place, strbuf *b, const log_items *figures,
                              cseg_error *err)
{
    const log_item *time = log_items_find(figures, "time"), *waiting = log_items_find(figures, "data_time");
    if (l->e->log.by_epoch)
        strbuf_addf(b, "Epoch [%lld][%lld/%lld]\t", (long long)s->epoch, (long long)place, (long long)s->epoch_length);
    else
        strbuf_addf(b, "Iter [%lld/%lld]\t", (long long)place, (long long)s->max_iters);
    strbuf_addf(b, "lr: %.3e, eta: ", s->lr);
    log_add_duration(b, l->eta);
    if (time)
        add_figure(b, ", ", time);
    if (waiting)
        add_figure(b, ", ", waiting);
    strbuf_addf(b, ", memory: %lld", (long long)(s->memory >> 20));
    for (size_t i = 0; i < figures->n; i++)
        if (!is_time(figures->at[i].name))
            add_figure(b, ", ", &figures->at[i]);
    return run_log_end(l, b, err);
}

/* In the order in which mmcv adds them. */
static cseg_status note_all(run_log *l, const log_step *s, cseg_error *err)
{
    TRY(log_note(l, "data_time", s->data_seconds, err));
    for (int i = 0; i < s->n; i++)
        TRY(log_note(l, s->names[i], s->values[i], err));
    if (!isnan(s->grad_norm))
        TRY(log_note(l, "grad_norm", s->grad_norm, err));
    return log_note(l, "time", s->seconds, err);
}

static cseg_status train(run_log *l, const log_step *s, cseg_error *err)
{
    /* mmcv clears its buffer before each epoch; an iteration-based run is one epoch. */
    if (l->e->by_epoch && s->inner == 1)
        log_forget(l);
    TRY(note_all(l, s, err));
    int64_t place = l->e->log.by_epoch ? s->inner : s->iter;
    bool end = s->inner == s->epoch_length;
    log_items figures = {0}, items = {0};
    if (place % l->every != 0 && !(end && !l->e->log.ignore_last))
        return CSEG_OK;
    strbuf b = run_log_begin(l);
    TRY(log_collect(l, s->inner, s->iter, &figures, err));
    name_experiment(l, s, end);
    TRY(write_text(l, s, place, &b, &figures, err));
    TRY(add_head(l, &items, s->epoch, place, s->lr, err));
    TRY(log_items_add(l, &items, "memory", (double)(s->memory >> 20), true, err));
    for (size_t i = 0; i < figures.n; i++)
        TRY(log_items_add(l, &items, figures.at[i].name, figures.at[i].value, false, err));
    TRY(run_log_json(l, "train", &items, err));
    return show_board(l, "train/", &figures, s, err);
}

/* `count` is the iteration shown in the line. */
static cseg_status measured(run_log *l, const log_step *s, int64_t count, const log_items *figures, cseg_error *err)
{
    /* Between two epochs the step is that of the next epoch, the line that of the last one. */
    bool between_epochs = l->e->by_epoch && s->inner == 0;
    int64_t epoch = between_epochs ? s->epoch - 1 : s->epoch;
    log_items items = {0};
    strbuf b = {.mem = l->line_mem};
    name_experiment(l, s, between_epochs);
    if (l->e->log.by_epoch)
        strbuf_addf(&b, "Epoch(val) [%lld][%lld]\t", (long long)epoch, (long long)count);
    else
        strbuf_addf(&b, "Iter(val) [%lld]\t", (long long)count);
    for (size_t i = 0; i < figures->n; i++)
        add_figure(&b, i ? ", " : "", &figures->at[i]);
    TRY(run_log_end(l, &b, err));
    TRY(add_head(l, &items, epoch, count, s->lr, err));
    for (size_t i = 0; i < figures->n; i++)
        TRY(log_items_add(l, &items, figures->at[i].name, figures->at[i].value, false, err));
    TRY(run_log_json(l, "val", &items, err));
    return show_board(l, "val/", figures, s, err);
}

static cseg_status losses(run_log *l, const log_step *s, cseg_error *err)
{
    log_items figures = {0};
    run_log_begin(l);
    for (int i = 0; i < s->n; i++)
        TRY(log_items_add(l, &figures, s->names[i], s->values[i], false, err));
    return measured(l, s, s->batches > 0 ? s->batches : s->iter, &figures, err);
}

static cseg_status evaluated(run_log *l, const log_step *s, const evaluation *v, cseg_error *err)
{
    log_items figures = {0};
    for (int64_t i = 0; i < v->n; i++)
        TRY(log_items_add(l, &figures, v->entries[i].key, v->entries[i].value, false, err));
    log_forget(l);
    return measured(l, s, v->images, &figures, err);
}

const log_format log_format_mmcv = {.time_format = "%Y-%m-%d %H:%M:%S",
                                    .milliseconds = true,
                                    .origin = " - mmseg - INFO - ",
                                    .rules = set_rules,
                                    .open = open_files,
                                    .begin = begin,
                                    .train = train,
                                    .losses = losses,
                                    .evaluation = evaluated};
