/* Which labels a model can learn from. */
#include "model/heads/decode_head.h"
#include "model/model.h"

typedef VEC(model_label_rule) rule_list;

/* What all losses of the head take. */
static int64_t labels_of(const decode_head *h)
{
    int64_t n = h->losses.n ? INT64_MAX : h->out_channels;
    for (size_t i = 0; i < h->losses.n; i++) {
        const module *loss = h->losses.at[i];
        int64_t one = loss->kind->as.loss.labels ? loss->kind->as.loss.labels(loss, h->out_channels) : h->out_channels;
        n = one < n ? one : n;
    }
    return n;
}

static bool add_rule(const module *m, const char *gt_key, arena *mem, rule_list *out)
{
    const decode_head *h = m->state;
    model_label_rule rule = {.head = m->name,
                             .gt_key = gt_key,
                             .n_labels = labels_of(h),
                             .ignore_index = h->config->ignore_index,
                             .one_class = h->out_channels == 1 && labels_of(h) == 1};
    return vec_push(mem, out, rule);
}

/* A head that answers may learn from maps of another name than its own field says: one of each date. */
static bool add_head(const model *m, const module *head, arena *mem, rule_list *out)
{
    bool answers = false;
    for (size_t i = 0; i < m->heads.n; i++) {
        if (m->heads.at[i].head != head)
            continue;
        answers = true;
        if (!add_rule(head, m->heads.at[i].gt_key, mem, out))
            return false;
    }
    return answers || add_rule(head, ((const decode_head *)head->state)->config->gt_key, mem, out);
}

static bool visit(const model *m, const module *at, arena *mem, rule_list *out)
{
    if (at->kind && at->kind->family == FAMILY_HEAD)
        return add_head(m, at, mem, out);
    for (size_t i = 0; i < at->children.n; i++)
        if (!visit(m, at->children.at[i], mem, out))
            return false;
    return true;
}

cseg_status model_label_rules(const model *m, arena *mem, model_label_rule **out, int *n, cseg_error *err)
{
    rule_list list = {0};
    if (!visit(m, m->root, mem, &list))
        return fail_memory(err);
    *out = list.at;
    *n = (int)list.n;
    return CSEG_OK;
}
