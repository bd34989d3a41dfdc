#include "graph/passes/rewrite.h"

#include <string.h>

#include "base/error.h"

typedef struct pass {
    unsigned bit;
    const char *name;
    cseg_status (*run)(graph *g, cseg_error *err);
    bool training, inference; /* graphs that it applies to */
    bool behind;              /* runs after autodiff, since it needs the backward pass */
} pass;

/* In order: norms are folded into convolutions before the convolutions are cut up; convolutions are moved before the
 * ops beside them are fused; long sums become one node before a convolution or a norm would take one of their parts. */
static const pass passes[] = {
    {PASS_FOLD_NORM, "fold_norm", pass_fold_norm, false, true, false},
    {PASS_COMMUTE_RESIZE, "commute_resize", pass_commute_resize, true, true, false},
    {PASS_FUSE_SUM, "fuse_sum", pass_fuse_sum, true, true, false},
    {PASS_FUSE_CONV, "fuse_conv", pass_fuse_conv, false, true, false},
    {PASS_RESIZE_ARGMAX, "resize_argmax", pass_resize_argmax, false, true, false},
    {PASS_FUSE_NORM, "fuse_norm", pass_fuse_norm, true, true, false},
    {PASS_FUSE_LOSS, "fuse_loss", pass_fuse_loss, true, false, false},
    {PASS_RECOMPUTE, "recompute", pass_recompute, true, false, true},
};
enum { PASS_COUNT = sizeof passes / sizeof *passes };

static const pass *find(const char *name, size_t n)
{
    for (int i = 0; i < PASS_COUNT; i++)
        if (strlen(passes[i].name) == n && memcmp(passes[i].name, name, n) == 0)
            return &passes[i];
    return NULL;
}

cseg_status passes_from_text(const char *text, unsigned *out, cseg_error *err)
{
    *out = PASS_ALL;
    if (!text || !*text || strcmp(text, "all") == 0)
        return CSEG_OK;
    if (strcmp(text, "none") == 0) {
        *out = 0;
        return CSEG_OK;
    }
    while (*text) {
        size_t n = strcspn(text, ",");
        bool off = *text == '-';
        const pass *p = find(text + off, n - off);
        if (!p)
            return fail(err, CSEG_USAGE,
                        "'%.*s' is no graph pass; write none, all, or -NAME with commute_resize, fold_norm, fuse_sum, "
                        "fuse_conv, resize_argmax, fuse_norm, fuse_loss, recompute",
                        (int)n, text);
        *out = off ? *out & ~p->bit : *out | p->bit;
        text += n + (text[n] == ',');
    }
    return CSEG_OK;
}

cseg_status graph_optimize(graph *g, unsigned chosen, cseg_error *err)
{
    for (int i = 0; i < PASS_COUNT; i++) {
        const pass *p = &passes[i];
        if (p->behind || !(chosen & p->bit) || !(g->train ? p->training : p->inference))
            continue;
        TRY(p->run(g, err));
        TRY(graph_status(g, err));
        if (!rewrite_sort(g))
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* Keeps the order of nodes: it decides how long tensors live. */
cseg_status graph_optimize_backward(graph *g, tensor *loss, unsigned chosen, cseg_error *err)
{
    TRY(graph_backward(g, loss, err));
    for (int i = 0; i < PASS_COUNT; i++)
        if (passes[i].behind && chosen & passes[i].bit)
            TRY(passes[i].run(g, err));
    return graph_status(g, err);
}

cseg_status graph_plan(graph *g, backend *b, plan **out, cseg_error *err)
{
    if (b->port_of)
        TRY(graph_bf16(g, b, err));
    return plan_build(g, b, out, err);
}
