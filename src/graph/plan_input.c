/* Brings data into a plan. All data come in here, and are compared with what the graph declares. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/channels.h"
#include "base/error.h"
#include "graph/plan_internal.h"

static tensor *input_named(const plan *p, const char *name)
{
    for (size_t i = 0; i < p->graph->inputs.n; i++)
        if (strcmp(p->graph->inputs.at[i]->name, name) == 0)
            return p->graph->inputs.at[i];
    return NULL;
}

/* The memory in which the host writes an input that is not bound. */
static void *own_memory(const plan *p, const tensor *t)
{
    return p->staged ? p->staged[t->id] : p->fixed_memory + p->place[t->id].offset;
}

void *plan_input(plan *p, const char *name, const tensor **shape)
{
    tensor *t = input_named(p, name);
    if (!t)
        return NULL;
    if (shape)
        *shape = t;
    return own_memory(p, t);
}

/* ---- shapes ---------------------------------------------------------------------------------------------------- */

static const char *file_of(const plan_data *d, int64_t i)
{
    const char *file = d->file ? d->file(d->arg, i) : NULL;
    return file ? file : "the image";
}

static bool same_but_channels(const tensor *t, const plan_data *d)
{
    return t->type == d->type && t->rank == d->rank && t->rank == 4 && memcmp(t->dim, d->dim, 3 * sizeof *t->dim) == 0;
}

static cseg_status compare(const tensor *t, const plan_data *d, cseg_error *err)
{
    char is[96], wanted[96];
    if (d->rank >= 0 && d->rank <= TENSOR_MAX_RANK && same_but_channels(t, d))
        return channels_compare(file_of(d, 0), (channel_count){d->dim[3], d->dates == 2 ? 2 : 1},
                                (channel_count){t->dim[3], t->dates}, err);
    bool same = t->type == d->type && t->rank == d->rank;
    for (int i = 0; same && i < t->rank; i++)
        same = t->dim[i] == d->dim[i];
    if (same)
        return CSEG_OK;
    tensor given = {.rank = d->rank < 0 || d->rank > TENSOR_MAX_RANK ? 0 : d->rank};
    memcpy(given.dim, d->dim, sizeof given.dim);
    return fail(err, CSEG_SHAPE, "%s: %s is %s %s in its batch, the model takes %s %s", file_of(d, 0), t->name,
                dtype_name(d->type), tensor_shape_text(&given, is), dtype_name(t->type), tensor_shape_text(t, wanted));
}

/* ---- labels ---------------------------------------------------------------------------------------------------- */

static bool same_rule(const label_rule *a, const label_rule *b)
{
    return a->input == b->input && a->low == b->low && a->classes == b->classes && a->ignore_index == b->ignore_index;
}

/* A sigmoid on one channel has two classes. */
static bool rule_of(const node *n, label_rule *out)
{
    bool sigmoid = n->op == OP_binary_cross_entropy;
    if ((!sigmoid && n->op != OP_cross_entropy) || n->in[1]->role != TENSOR_INPUT || n->in[1]->type != DT_I32)
        return false;
    int64_t channels = n->in[0]->dim[n->in[0]->rank - 1], ignore = n->attr.loss.ignore_index;
    *out = (label_rule){.input = n->in[1],
                        .low = sigmoid ? INT32_MIN : 0,
                        .classes = (int32_t)(sigmoid && channels == 1 ? 2 : channels),
                        .ignore_index = ignore >= INT32_MIN && ignore <= INT32_MAX ? (int32_t)ignore : 0,
                        .scope = n->scope && *n->scope ? n->scope : "the loss"};
    return true;
}

cseg_status plan_find_label_rules(plan *p, cseg_error *err)
{
    for (size_t i = 0; i < p->graph->nodes.n; i++) {
        label_rule r;
        bool known = !rule_of(p->graph->nodes.at[i], &r);
        for (size_t k = 0; k < p->rules.n && !known; k++)
            known = same_rule(&p->rules.at[k], &r);
        if (!known && !vec_push(p->mem, &p->rules, r))
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* Returns the first label that is not allowed, n if there is none. Works in blocks of a fixed length without early
 * exit, so that the compiler vectorises them. Bound by reading 4 bytes for each pixel. */
static int64_t first_outside(const label_rule *r, const int32_t *label, int64_t n)
{
    enum { BLOCK = 1024 };
    uint32_t low = (uint32_t)r->low, range = (uint32_t)r->classes - low;
    int32_t ignore = r->ignore_index;
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        uint32_t outside = 0;
        for (int k = 0; k < BLOCK; k++)
            outside |= (uint32_t)((uint32_t)label[i + k] - low >= range) & (uint32_t)(label[i + k] != ignore);
        if (outside)
            break;
    }
    while (i < n && ((uint32_t)label[i] - low < range || label[i] == ignore))
        i++;
    return i;
}

static cseg_status check_labels(const plan *p, const tensor *t, const int32_t *label, const plan_data *d,
                                cseg_error *err)
{
    int64_t n = tensor_count(t), image = t->rank > 0 ? n / t->dim[0] : n;
    for (size_t k = 0; k < p->rules.n; k++) {
        const label_rule *r = &p->rules.at[k];
        int64_t at = r->input == t ? first_outside(r, label, n) : n;
        if (at < n)
            return fail(err, CSEG_DATA,
                        "%s: label %" PRId32 " is out of bounds in %s: %s takes the classes 0 to %" PRId32
                        ", and ignores %" PRId32 " (ignore_index); it comes from the label file, or fills what a step "
                        "has padded (seg_pad_val)",
                        file_of(d, at / image), label[at], t->name, r->scope, r->classes - 1, r->ignore_index);
    }
    return CSEG_OK;
}

/* ---- both ways in ---------------------------------------------------------------------------------------------- */

static void bind(plan *p, const tensor *t, const void *data)
{
    p->connected &= p->bound[t->id] == data;
    p->bound[t->id] = data;
}

cseg_status plan_bind_input(plan *p, const char *name, const plan_data *d, cseg_error *err)
{
    const tensor *t = input_named(p, name);
    if (!t)
        return fail(err, CSEG_NOT_FOUND, "the graph has no input '%s'", name);
    if (d) {
        TRY(compare(t, d, err));
        if (t->type == DT_I32)
            TRY(check_labels(p, t, d->data, d, err));
    }
    bind(p, t, d ? d->data : NULL);
    return CSEG_OK;
}

cseg_status plan_open_input(plan *p, const char *name, const plan_data *d, void **to, cseg_error *err)
{
    const tensor *t = input_named(p, name);
    if (!t)
        return fail(err, CSEG_NOT_FOUND, "the graph has no input '%s'", name);
    TRY(compare(t, d, err));
    bind(p, t, NULL);
    *to = own_memory(p, t);
    return CSEG_OK;
}
