/* Logs as mmengine's LogProcessor, LoggerHook and LocalVisBackend write them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/train/log/run_log_internal.h"

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static cseg_status open_files(run_log *l, const char *stem, cseg_error *err)
{
    const char *base = path_base(l->e->path);
    l->name = arena_printf(l->mem, "%.*s_%s", (int)(strlen(base) - strlen(path_ext(base))), base, stem);
    l->folder = path_join(l->mem, l->e->work_dir, stem);
    char *data = l->folder ? path_join(l->mem, l->folder, "vis_data") : NULL;
    if (!data || !l->name)
        return fail_memory(err);
    TRY(dir_create(data, err));
    TRY(log_file_open(l, l->folder, stem, ".log", &l->text, err));
    TRY(log_file_open(l, data, stem, ".json", &l->json, err));
    TRY(log_file_open(l, data, "scalars", ".json", &l->scalars, err));
    TRY(run_log_copy_config(l, data, "config.py", err));
    return l->e->log.tensorboard ? events_open(data, l->mem, &l->board, err) : CSEG_OK;
}

static cseg_status begin(run_log *l, uint64_t seed, const char *environment, const char *dir, cseg_error *err)
{
    (void)seed, (void)environment;
    strbuf b = run_log_begin(l);
    strbuf_addf(&b, "Checkpoints will be saved %s %s.", l->e->checkpoint.out_dir ? "below" : "to", dir);
    return run_log_end(l, &b, err);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static int width(int64_t n)
{
    return snprintf(NULL, 0, "%lld", (long long)n);
}

static bool is_rate(const char *name)
{
    return str_ends(name, "lr");
}

static void add_figure(const run_log *l, strbuf *b, const char *between, const log_item *i)
{
    strbuf_add(b, between);
    text_add(b, i->name, strlen(i->name), false);
    strbuf_add(b, ": ");
    log_add_number(b, i->value, l->rules.digits, is_rate(i->name) ? 'e' : 'f');
}

/* "Epoch(train)  [2][ 50/183]  " or "Iter(train) [  50/1500]  ": numbers stand in columns. */
static void add_place(const run_log *l, strbuf *b, const log_step *s)
{
    if (!l->e->log.by_epoch) {
        strbuf_addf(b, "Iter(train) [%*lld/%lld]  ", width(s->max_iters), (long long)s->iter, (long long)s->max_iters);
        return;
    }
    char epoch[32];
    snprintf(epoch, sizeof epoch, "[%lld]", (long long)s->epoch);
    strbuf_addf(b, "Epoch(train)%*s[%*lld/%lld]  ", width(s->max_epochs) + 3, epoch, width(s->epoch_length),
                (long long)(l->e->by_epoch ? s->inner : s->iter), (long long)s->epoch_length);
}

static int64_t megabytes(const log_step *s)
{
    return (int64_t)(s->memory >> 20);
}

static cseg_status write_text(run_log *l, const log_step *s, strbuf *b, const log_items *items, cseg_error *err)
{
    const char *between = "";
    const log_item *time = log_items_find(items, "time"), *waiting = log_items_find(items, "data_time");
    add_place(l, b, s);
    for (size_t i = 0; i < items->n; i++)
        if (is_rate(items->at[i].name)) {
            add_figure(l, b, between, &items->at[i]);
            between = " ";
        }
    strbuf_add(b, "  eta: ");
    log_add_duration(b, l->eta);
    if (time)
        add_figure(l, b, "  ", time);
    if (waiting)
        add_figure(l, b, "  ", waiting);
    strbuf_addf(b, "  memory: %lld  ", (long long)megabytes(s));
    between = "";
    for (size_t i = 0; i < items->n; i++)
        if (!is_rate(items->at[i].name) && &items->at[i] != time && &items->at[i] != waiting) {
            add_figure(l, b, between, &items->at[i]);
            between = "  ";
        }
    return run_log_end(l, b, err);
}

/* Outside of text lines, a name may begin with its phase. */
static cseg_status add_prefix(run_log *l, log_items *items, const char *of, cseg_error *err)
{
    for (size_t i = 0; l->rules.hierarchy && i < items->n; i++) {
        items->at[i].name = arena_printf(l->line_mem, "%s/%s", of, items->at[i].name);
        if (!items->at[i].name)
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* In the order in which mmengine adds them: the sum of the losses comes before the losses. */
static cseg_status note_all(run_log *l, const log_step *s, cseg_error *err)
{
    if (s->base_lr > 0)
        TRY(log_note(l, "base_lr", s->base_lr, err));
    TRY(log_note(l, "lr", s->lr, err));
    TRY(log_note(l, "data_time", s->data_seconds, err));
    if (!isnan(s->grad_norm))
        TRY(log_note(l, "grad_norm", s->grad_norm, err));
    if (s->n > 0)
        TRY(log_note(l, s->names[s->n - 1], s->values[s->n - 1], err));
    for (int i = 0; i < s->n - 1; i++)
        TRY(log_note(l, s->names[i], s->values[i], err));
    return log_note(l, "time", s->seconds, err);
}

static cseg_status train(run_log *l, const log_step *s, cseg_error *err)
{
    TRY(note_all(l, s, err));
    /* mmengine's position in an epoch; an iteration-based run is one epoch, but the loader keeps its own length. */
    int64_t inner = l->e->by_epoch ? s->inner : s->iter;
    bool end = inner == s->epoch_length;
    log_items items = {0};
    if (s->iter % l->e->log.name_every == 0 || end)
        run_log_line(l, "Exp name: %s", l->name);
    if (inner % l->every != 0 && !(end && (!l->e->log.ignore_last || s->epoch_length <= l->every)))
        return CSEG_OK;
    strbuf b = run_log_begin(l);
    TRY(log_collect(l, inner, s->iter, &items, err));
    TRY(write_text(l, s, &b, &items, err));
    TRY(add_prefix(l, &items, "train", err));
    if (l->e->log.by_epoch)
        TRY(log_items_add(l, &items, "epoch", (double)s->epoch, true, err));
    TRY(log_items_add(l, &items, "iter", (double)s->iter, true, err));
    TRY(log_items_add(l, &items, "memory", (double)megabytes(s), true, err));
    TRY(run_log_board(l, "", &items, s->iter, err));
    TRY(log_items_add(l, &items, "step", (double)s->iter, true, err));
    return run_log_json(l, NULL, &items, err);
}

static cseg_status evaluated(run_log *l, const log_step *s, const evaluation *v, cseg_error *err)
{
    log_items items = {0};
    strbuf b = run_log_begin(l);
    for (int64_t i = 0; i < v->n; i++)
        TRY(log_items_add(l, &items, v->entries[i].key, v->entries[i].value, false, err));
    TRY(log_items_add(l, &items, "data_time", v->data_seconds, false, err));
    TRY(log_items_add(l, &items, "time", v->seconds, false, err));
    TRY(add_prefix(l, &items, "val", err));
    int64_t epochs = s->epoch - 1; /* number of finished epochs */
    if (l->e->log.by_epoch)
        strbuf_addf(&b, "Epoch(val) [%lld][%lld/%lld]  ", (long long)epochs, (long long)v->images,
                    (long long)v->images);
    else
        strbuf_addf(&b, "Iter(val) [%lld/%lld]  ", (long long)v->images, (long long)v->images);
    for (size_t i = 0; i < items.n; i++) {
        strbuf_add(&b, "  ");
        text_add(&b, items.at[i].name, strlen(items.at[i].name), false);
        strbuf_add(&b, ": ");
        log_add_number(&b, items.at[i].value, l->rules.digits, 'f');
    }
    TRY(run_log_end(l, &b, err));
    int64_t step = l->e->by_epoch && l->e->log.figures_by_epoch ? epochs : s->iter;
    TRY(run_log_board(l, "", &items, step, err));
    TRY(log_items_add(l, &items, "step", (double)step, true, err));
    return run_log_json(l, NULL, &items, err);
}

const log_format log_format_mmengine = {.time_format = "%Y/%m/%d %H:%M:%S",
                                        .origin = " - mmengine - INFO - ",
                                        .rules = log_rules_read,
                                        .open = open_files,
                                        .begin = begin,
                                        .train = train,
                                        .evaluation = evaluated};
