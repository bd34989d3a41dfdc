/* Writes and reads the optimizer's state as torch.optim does. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/train/checkpoint/saved.h"
#include "engine/train/optim/optimizer.h"
#include "graph/memory.h"

/* Step counts as torch stores them: float32 tensors without dimensions. */
static pth_value *step_value(pth_builder *b, int64_t step)
{
    float *v = arena_alloc(b->mem, sizeof *v);
    if (!v)
        return NULL;
    *v = (float)step;
    return pth_tensor_value(b, PTH_F32, 0, NULL, v);
}

/* State with the layout of p. */
static pth_value *tensor_at(const optimizer *o, pth_builder *b, const param *p, const float *at)
{
    const void *values;
    if (model_view(o->model, p, at + p->offset, b->mem, &values, NULL) == CSEG_OK)
        return pth_tensor_value(b, PTH_F32, p->rank, p->dim, values);
    b->failed = true;
    return NULL;
}

static pth_value *entry_state(const optimizer *o, pth_builder *b, int64_t e)
{
    const param *p = o->entries[e].p;
    pth_value *d = pth_dict(b);
    if (o->rule == OPTIM_SGD) {
        bool has = o->groups[o->entries[e].group].momentum != 0;
        pth_set(b, d, "momentum_buffer", has ? tensor_at(o, b, p, o->first) : pth_none(b));
        return d;
    }
    pth_set(b, d, "step", step_value(b, o->steps[e]));
    pth_set(b, d, "exp_avg", tensor_at(o, b, p, o->first));
    pth_set(b, d, "exp_avg_sq", tensor_at(o, b, p, o->second));
    if (o->largest)
        pth_set(b, d, "max_exp_avg_sq", tensor_at(o, b, p, o->largest));
    return d;
}

static pth_value *group_value(const optimizer *o, pth_builder *b, const optim_group *g)
{
    pth_value *d = pth_dict(b), *params = pth_list(b);
    pth_set(b, d, "lr", pth_float(b, g->lr));
    if (o->rule == OPTIM_SGD) {
        pth_set(b, d, "momentum", pth_float(b, g->momentum));
        pth_set(b, d, "dampening", pth_float(b, o->dampening));
    } else {
        pth_value *betas = pth_tuple(b);
        pth_add(b, betas, pth_float(b, g->momentum));
        pth_add(b, betas, pth_float(b, o->beta2));
        pth_set(b, d, "betas", betas);
        pth_set(b, d, "eps", pth_float(b, o->eps));
    }
    pth_set(b, d, "weight_decay", pth_float(b, g->weight_decay));
    if (o->rule == OPTIM_SGD)
        pth_set(b, d, "nesterov", pth_bool(b, o->nesterov));
    else
        pth_set(b, d, "amsgrad", pth_bool(b, o->amsgrad));
    static const char *const unset[] = {"maximize", "differentiable"};
    for (int i = 0; i < 2; i++)
        pth_set(b, d, unset[i], pth_bool(b, false));
    pth_set(b, d, "foreach", pth_none(b));
    pth_set(b, d, "initial_lr", pth_float(b, g->initial_lr));
    if (g->initial_momentum != g->momentum)
        pth_set(b, d, "initial_momentum", pth_float(b, g->initial_momentum));
    if (g->name) {
        pth_value *names = pth_list(b);
        for (int64_t i = g->first; i < g->first + g->n; i++)
            pth_add(b, names, pth_str(b, o->entries[i].p->name));
        pth_set(b, d, "param_names", names);
        pth_set(b, d, "lr_scale", pth_float(b, g->lr_scale));
        pth_set(b, d, "group_name", pth_str(b, g->name));
    }
    for (int64_t i = g->first; i < g->first + g->n; i++)
        pth_add(b, params, pth_int(b, i));
    pth_set(b, d, "params", params);
    return d;
}

pth_value *optimizer_state(const optimizer *o, pth_builder *b)
{
    pth_value *d = pth_dict(b), *state = pth_dict(b), *groups = pth_list(b);
    for (int64_t e = 0; e < o->n_entries; e++)
        if (o->started[e])
            pth_set_key(b, state, pth_int(b, e), entry_state(o, b, e));
    for (int i = 0; i < o->n_groups; i++)
        pth_add(b, groups, group_value(o, b, &o->groups[i]));
    pth_set(b, d, "state", state);
    pth_set(b, d, "param_groups", groups);
    if (o->n_paced > o->n_groups)
        pth_set(b, d, "base_param_settings", group_value(o, b, &o->groups[o->n_groups]));
    return d;
}

/* into: state with the layout of p. */
static cseg_status read_tensor(const optimizer *o, pth *file, const pickle_node *n, const param *p, const char *what,
                               float *into, bool *found, cseg_error *err)
{
    backend *b = o->model->backend;
    pth_tensor t;
    *found = n && pth_is_tensor(n);
    if (!*found)
        return CSEG_OK;
    TRY(saved_shaped(file, n, what, p->name, p->rank, p->dim, &t, err));
    size_t bytes = (size_t)p->count * sizeof *into;
    void *room = memory_open(b, into + p->offset, bytes);
    if (!room)
        return fail_memory(err);
    cseg_status status = pth_tensor_f32(file, &t, room, err);
    memory_close(b, into + p->offset, room, bytes);
    return status;
}

static cseg_status load_entry(optimizer *o, pth *file, const pickle_node *d, int64_t e, cseg_error *err)
{
    const param *p = o->entries[e].p;
    bool found;
    if (o->rule == OPTIM_SGD)
        return read_tensor(o, file, pickle_get(d, "momentum_buffer"), p, "momentum_buffer", o->first, &o->started[e],
                           err);
    int64_t step = -1;
    TRY(read_tensor(o, file, pickle_get(d, "exp_avg"), p, "exp_avg", o->first, &o->started[e], err));
    if (!o->started[e])
        return CSEG_OK;
    TRY(read_tensor(o, file, pickle_get(d, "exp_avg_sq"), p, "exp_avg_sq", o->second, &found, err));
    TRY(saved_count(file, d, "step", 0, SAVED_LARGEST, &step, err));
    if (!found || step < 0)
        return fail(err, CSEG_CORRUPT, "%s: the optimizer's state of %s has no '%s'", pth_path(file), p->name,
                    found ? "step" : "exp_avg_sq");
    o->steps[e] = step;
    return o->largest
               ? read_tensor(o, file, pickle_get(d, "max_exp_avg_sq"), p, "max_exp_avg_sq", o->largest, &found, err)
               : CSEG_OK;
}

/* Adam divides by 1 - beta. */
static cseg_status read_rates(pth *file, const pickle_node *saved, optim_rule rule, optim_group *g, cseg_error *err)
{
    double most = rule == OPTIM_SGD ? DBL_MAX : 1 - DBL_EPSILON;
    const pickle_node *betas = pickle_get(saved, "betas");
    TRY(saved_number(file, saved, "lr", 0, DBL_MAX, &g->lr, err));
    TRY(saved_number(file, saved, "initial_lr", 0, DBL_MAX, &g->initial_lr, err));
    TRY(saved_number(file, saved, "weight_decay", 0, DBL_MAX, &g->weight_decay, err));
    TRY(saved_number(file, saved, "initial_momentum", 0, most, &g->initial_momentum, err));
    return rule == OPTIM_SGD ? saved_number(file, saved, "momentum", 0, most, &g->momentum, err)
                             : saved_real(file, pickle_item(betas, 0), "betas", 0, most, &g->momentum, err);
}

/* torch's SGD has a momentum, its Adam variants have betas; neither can resume from the state of the other. */
static cseg_status check_kind(const optimizer *o, pth *file, const pickle_node *group, cseg_error *err)
{
    bool sgd = o->rule == OPTIM_SGD, adam_saved = pickle_get(group, "betas") != NULL;
    if (!group || sgd != adam_saved)
        return CSEG_OK;
    return fail(err, CSEG_CONFIG,
                "%s: was trained with %s, this config has %s: its state is of no use. To go on with another optimizer, "
                "begin a run with its weights (--load-from)",
                pth_path(file), adam_saved ? "Adam or AdamW" : "SGD", sgd ? "SGD" : "Adam or AdamW");
}

static void warn_rates(pth *file, const optim_group *configured, const optim_group *saved)
{
    if (configured->initial_lr == saved->initial_lr && configured->weight_decay == saved->weight_decay)
        return;
    log_warn_once("%s: was trained with lr=%g, weight_decay=%g, and goes on with them, as in the reference; those of "
                  "this config (%g, %g) have no effect. To change them begin a run with its weights (--load-from)",
                  pth_path(file), saved->initial_lr, saved->weight_decay, configured->initial_lr,
                  configured->weight_decay);
}

cseg_status optimizer_load(optimizer *o, pth *file, const pickle_node *saved, cseg_error *err)
{
    const pickle_node *state = pickle_get(saved, "state"), *groups = pickle_get(saved, "param_groups");
    size_t n = pickle_len(groups);
    int64_t at = 0;
    TRY(check_kind(o, file, pickle_item(groups, 0), err));
    if (n != (size_t)o->n_groups)
        return fail(err, CSEG_SHAPE,
                    "%s: the optimizer has %zu parameter groups, this model's has %d; was it trained with "
                    "another paramwise_cfg?",
                    pth_path(file), n, o->n_groups);
    if (o->n_paced > o->n_groups)
        TRY(read_rates(file, pickle_get(saved, "base_param_settings"), o->rule, &o->groups[o->n_groups], err));
    for (int i = 0; i < o->n_groups; i++) {
        const pickle_node *g = pickle_item(groups, (size_t)i), *params = pickle_get(g, "params");
        if (pickle_len(params) != (size_t)o->groups[i].n)
            return fail(err, CSEG_SHAPE,
                        "%s: parameter group %d of the optimizer has %zu parameters, this model's has %lld",
                        pth_path(file), i, pickle_len(params), (long long)o->groups[i].n);
        const optim_group configured = o->groups[i];
        TRY(read_rates(file, g, o->rule, &o->groups[i], err));
        warn_rates(file, &configured, &o->groups[i]);
        for (size_t k = 0; k < pickle_len(params); k++, at++) {
            int64_t id;
            const pickle_node *d = pickle_int(pickle_item(params, k), &id) ? pickle_get_int(state, id) : NULL;
            if (d && at < o->n_entries)
                TRY(load_entry(o, file, d, at, err));
        }
    }
    return CSEG_OK;
}
