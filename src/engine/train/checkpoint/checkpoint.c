#define _GNU_SOURCE
#include "engine/train/checkpoint/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/setup/weights.h"
#include "engine/train/checkpoint/checkpoint_counters.h"
#include "engine/train/checkpoint/saved.h"
#include "graph/memory.h"

/* data: p's own, or memory with the same layout. */
static pth_value *tensor_of(pth_builder *b, const model *m, const param *p, const void *data)
{
    const void *values;
    if (model_view(m, p, data, b->mem, &values, NULL) == CSEG_OK)
        return pth_tensor_value(b, p->type == DT_I64 ? PTH_I64 : PTH_F32, p->rank, p->dim, values);
    b->failed = true;
    return NULL;
}

/* mmcv stores averages as buffers of the whole model, whose names have no dots. */
static void buffer_name(const param *p, char out[static 640])
{
    snprintf(out, 640, "ema_%s", p->name);
    for (char *c = out; *c; c++)
        if (*c == '.')
            *c = '_';
}

static pth_value *state_dict(pth_builder *b, const model *m, const ema *buffers)
{
    pth_value *d = pth_ordered_dict(b);
    char name[640];
    for (size_t i = 0; buffers && i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (p->role != PARAM_TRAINED)
            continue;
        buffer_name(p, name);
        pth_set(b, d, name, tensor_of(b, m, p, ema_of(buffers, p)));
    }
    for (size_t i = 0; i < m->params.n; i++)
        pth_set(b, d, m->params.at[i]->name, tensor_of(b, m, m->params.at[i], m->params.at[i]->data));
    return d;
}

/* The other weights of a run with averages; they are swapped in while this is written. */
static pth_value *other_dict(pth_builder *b, const ema *e)
{
    pth_value *d = pth_ordered_dict(b);
    int64_t *steps = arena_alloc(b->mem, sizeof *steps);
    char name[640];
    if (!steps)
        return NULL;
    *steps = e->steps;
    pth_set(b, d, "steps", pth_tensor_value(b, PTH_I64, 0, NULL, steps));
    for (size_t i = 0; i < e->m->params.n; i++) {
        const param *p = e->m->params.at[i];
        const float *other = ema_of(e, p);
        snprintf(name, sizeof name, "module.%s", p->name);
        pth_set(b, d, name, tensor_of(b, e->m, p, other ? other : p->data));
    }
    return d;
}

static pth_value *palette_of(pth_builder *b, const dataset_meta *meta)
{
    pth_value *list = pth_list(b);
    for (int64_t i = 0; i < meta->n_classes; i++) {
        pth_value *rgb = pth_list(b);
        for (int k = 0; k < 3; k++)
            pth_add(b, rgb, pth_int(b, meta->palette[3 * i + k]));
        pth_add(b, list, rgb);
    }
    return list;
}

static pth_value *classes_of(pth_builder *b, const dataset_meta *meta)
{
    pth_value *t = pth_tuple(b);
    for (int64_t i = 0; i < meta->n_classes; i++)
        pth_add(b, t, pth_str(b, meta->classes[i]));
    return t;
}

static void add_classes(pth_builder *b, pth_value *d, const checkpoint_layout *layout, const dataset_meta *meta)
{
    if (layout->classes_in_meta) {
        pth_set(b, d, "CLASSES", classes_of(b, meta));
        pth_set(b, d, "PALETTE", palette_of(b, meta));
        return;
    }
    pth_value *m = pth_dict(b);
    pth_set(b, m, "classes", classes_of(b, meta));
    pth_set(b, m, "palette", palette_of(b, meta));
    pth_set(b, m, "label_map", pth_none(b));
    pth_set(b, m, "reduce_zero_label", pth_bool(b, meta->reduce_zero_label));
    pth_set(b, d, "dataset_meta", m);
}

static pth_value *meta_of(pth_builder *b, const checkpoint_parts *c)
{
    pth_value *d = pth_dict(b);
    const checkpoint_layout *layout = &c->e->profile->checkpoint;
    char when[64];
    time_t t = time(NULL);
    struct tm at;
    localtime_r(&t, &at);
    strftime(when, sizeof when, layout->time_format, &at);
    int64_t epoch = c->e->by_epoch ? c->state->epoch : layout->counts_from_one ? c->state->epoch + 1 : 0;
    pth_set(b, d, "epoch", pth_int(b, epoch));
    pth_set(b, d, "iter", pth_int(b, c->state->iter));
    char *cfg = value_python(b->mem, c->e->cfg);
    if (!cfg)
        b->failed = true;
    pth_set(b, d, layout->config_key, pth_str(b, cfg ? cfg : ""));
    pth_set(b, d, "seed", pth_int(b, (int64_t)c->state->seed));
    pth_set(b, d, layout->name_key, pth_str(b, path_base(c->e->path)));
    pth_set(b, d, "time", pth_str(b, when));
    pth_set(b, d, "cseg_version", pth_str(b, CSEG_VERSION));
    if (layout->hook_messages)
        pth_set(b, d, "hook_msgs", run_files_hook_msgs(&c->state->files, c->out_dir, b));
    if (c->meta)
        add_classes(b, d, layout, c->meta);
    return d;
}

/* mmengine reads these three. */
static pth_value *message_hub(pth_builder *b, const checkpoint_parts *c)
{
    const run_state *s = c->state;
    const char *ids = c->e->checkpoint.max_keep < 1 ? NULL : c->e->checkpoint.by_epoch ? "epoch" : "iter";
    pth_value *d = pth_dict(b), *info = pth_dict(b);
    pth_set(b, info, "iter", pth_int(b, s->iter));
    pth_set(b, info, "epoch", pth_int(b, s->epoch));
    run_files_save_hub(&s->files, c->out_dir, ids, b, info);
    pth_set(b, d, "log_scalars", pth_dict(b));
    pth_set(b, d, "runtime_info", info);
    pth_set(b, d, "resumed_keys", pth_dict(b));
    return d;
}

/* State that the reference's layout has no place for. */
static pth_value *own_state(pth_builder *b, const checkpoint_parts *c)
{
    const run_state *s = c->state;
    pth_value *d = pth_dict(b);
    pth_set(b, d, "inner_iter", pth_int(b, s->inner_iter));
    pth_set(b, d, "bad_rounds", pth_int(b, s->bad_rounds));
    if (s->has_watched)
        pth_set(b, d, "watched", pth_float(b, s->watched));
    run_files_save(&s->files, b, d);
    if (c->learned)
        pth_set(b, d, "learned_from", learned_from_value(b, c->learned));
    if (c->sum && s->summed > 0) {
        int64_t n = (int64_t)c->m->flat_count;
        const void *sum;
        b->failed |= memory_view(c->m->backend, c->sum, (size_t)n * sizeof(float), b->mem, &sum, NULL) != CSEG_OK;
        pth_set(b, d, "summed", pth_int(b, s->summed));
        pth_set(b, d, "gradients", b->failed ? NULL : pth_tensor_value(b, PTH_F32, 1, &n, sum));
    }
    return d;
}

/* Returns whether a checkpoint of this state has the averages in place of the weights. */
static bool averages_first(const checkpoint_parts *c)
{
    if (!c->average || !c->average->how->shown)
        return false;
    return !c->average->how->between_epochs || c->state->inner_iter == 0;
}

cseg_status checkpoint_save(const char *path, const checkpoint_parts *c, cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b);
    const checkpoint_layout *layout = &c->e->profile->checkpoint;
    bool swap = averages_first(c);
    pth_set(&b, root, "meta", meta_of(&b, c));
    if (swap)
        ema_swap(c->average);
    pth_set(&b, root, "state_dict", state_dict(&b, c->m, layout->averages_in_model ? c->average : NULL));
    if (c->average && !layout->averages_in_model)
        pth_set(&b, root, "ema_state_dict", other_dict(&b, c->average));
    if (c->o)
        pth_set(&b, root, "optimizer", optimizer_state(c->o, &b));
    if (c->s && c->e->checkpoint.save_schedule)
        pth_set(&b, root, "param_schedulers", schedule_state(c->s, &b));
    if (!layout->hook_messages)
        pth_set(&b, root, "message_hub", message_hub(&b, c));
    pth_set(&b, root, "cseg", own_state(&b, c));
    cseg_status status = pth_write(path, &b, root, err);
    if (swap)
        ema_swap(c->average);
    arena_free(mem);
    return status;
}

static cseg_status load_into(const model *m, pth *file, const pickle_node *n, const param *p, void *to, cseg_error *err)
{
    pth_tensor t;
    TRY(saved_shaped(file, n, "the average", p->name, p->rank, p->dim, &t, err));
    return weights_take(m, file, &t, p, to, NULL, err);
}

/* The state dict is loaded into the model; it may contain the averages. */
static cseg_status load_average(const checkpoint_parts *c, pth *file, cseg_error *err)
{
    ema *e = c->average;
    bool in_model = c->e->profile->checkpoint.averages_in_model;
    const pickle_node *d = pickle_get(pth_root(file), in_model ? "state_dict" : "ema_state_dict");
    char name[640];
    int missing = 0;
    ema_begin(e);
    if (!d) {
        log_say(LOG_WARNING, "%s: holds no moving averages; they start anew", pth_path(file));
        return CSEG_OK;
    }
    for (size_t i = 0; i < e->m->params.n; i++) {
        param *p = e->m->params.at[i];
        if (in_model)
            buffer_name(p, name);
        else
            snprintf(name, sizeof name, "module.%s", p->name);
        if (in_model && p->role != PARAM_TRAINED)
            continue;
        const pickle_node *n = pickle_get(d, name);
        missing += !n && p->type == DT_F32;
        if (n)
            TRY(load_into(e->m, file, n, p, in_model ? (void *)ema_of(e, p) : p->data, err));
    }
    if (missing)
        log_say(LOG_WARNING, "%s: %d tensors have no moving average in it; theirs begin as the weights", pth_path(file),
                missing);
    if (in_model && averages_first(c))
        ema_swap(e);
    e->swapped = false;
    return in_model ? CSEG_OK : saved_count(file, d, "steps", 0, c->state->iter, &e->steps, err);
}

/* Reads the gradients that wait for a step. */
static cseg_status read_gradients(pth *file, const pickle_node *own, const checkpoint_parts *c, cseg_error *err)
{
    const pickle_node *n = pickle_get(own, "gradients");
    int64_t summed = 0, count = (int64_t)c->m->flat_count;
    pth_tensor t;
    TRY(saved_count(file, own, "summed", 0, c->state->iter, &summed, err));
    if (summed == 0)
        return CSEG_OK;
    if (!c->sum) {
        log_say(LOG_WARNING, "%s: the gradients of %lld iterations waited for a step and are left out: here none wait",
                pth_path(file), (long long)summed);
        return CSEG_OK;
    }
    if (!n)
        return fail(err, CSEG_CORRUPT, "%s: the gradients of %lld iterations that waited for a step are missing",
                    pth_path(file), (long long)summed);
    TRY(saved_shaped(file, n, "the sum of gradients", "the model", 1, &count, &t, err));
    c->state->summed = summed;
    backend *b = c->m->backend;
    void *room = memory_open(b, c->sum, (size_t)count * sizeof(float));
    if (!room)
        return fail_memory(err);
    cseg_status status = pth_tensor_f32(file, &t, room, err);
    memory_close(b, c->sum, room, (size_t)count * sizeof(float));
    return status;
}

cseg_status checkpoint_resume(const char *path, const checkpoint_parts *c, const schedule_time *t, cseg_error *err)
{
    cseg_status status;
    pth *file;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    TRY_DONE(pth_open(path, mem, &file, err));
    const pickle_node *root = pth_root(file), *saved = pickle_get(root, "optimizer");
    TRY_DONE(counters_read(file, t, c->state, err));
    TRY_DONE(weights_load(c->m, file, "", NULL, NULL, WEIGHTS_EXACT, err));
    if (!saved)
        log_say(LOG_WARNING, "%s: has no optimizer state; momentum starts anew", path);
    else if (c->o)
        TRY_DONE(optimizer_load(c->o, file, saved, err));
    if (c->o)
        TRY_DONE(counters_check_steps(file, c->o, c->state, err));
    const pickle_node *own = pickle_get(root, "cseg");
    TRY_DONE(run_files_load(&c->state->files, root, path, c->out_dir, c->e->mem, err));
    TRY_DONE(read_gradients(file, own, c, err));
    if (c->average)
        TRY_DONE(load_average(c, file, err));
    schedule_time now = *t;
    now.iter = c->state->iter;
    now.epoch = c->state->epoch;
    schedule_resume(c->s, &now);
    TRY_DONE(schedule_load(c->s, file, pickle_get(root, "param_schedulers"), err));
    log_say(LOG_INFO, "resumed from %s: epoch %lld, iteration %lld", path, (long long)c->state->epoch,
            (long long)c->state->iter);
done:
    arena_free(mem);
    return status;
}

cseg_status checkpoint_peek_seed(const char *path, uint64_t *seed, cseg_error *err)
{
    arena *mem = arena_new();
    pth *file;
    if (!mem)
        return fail_memory(err);
    cseg_status status = pth_open(path, mem, &file, err);
    if (status == CSEG_OK)
        status = counters_seed(file, seed, err);
    arena_free(mem);
    return status;
}
