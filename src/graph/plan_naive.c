/* Reports nodes that fall back to the naive backend, so that slowness is not silent. */
#include "base/log.h"
#include "base/str.h"
#include "graph/plan_internal.h"
#include "graph/work.h"

/* Nodes with a smaller share are not reported, as the scalar that a gradient begins with. */
#define LEAST_SHARE 0.001

typedef struct share {
    int steps;
    double bytes;
} share;

void plan_tell_naive(const plan *p)
{
    share of[OP_COUNT] = {{0}}, all = {0};
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (!s->kernel || s->fixed)
            continue;
        double bytes = node_bytes(s->node);
        all.bytes += bytes;
        if (!s->kernel->naive)
            continue;
        of[s->node->op].steps++;
        of[s->node->op].bytes += bytes;
    }
    strbuf b = {.mem = p->mem};
    int told = 0;
    for (int op = 0; op < OP_COUNT; op++)
        if (of[op].steps && of[op].bytes >= LEAST_SHARE * all.bytes)
            strbuf_addf(&b, "%s%s (%d step%s, %.1f%% of the bytes)", told++ ? ", " : "", op_name((op_kind)op),
                        of[op].steps, of[op].steps == 1 ? "" : "s", 100.0 * of[op].bytes / all.bytes);
    if (told && !b.failed)
        log_say(LOG_DEBUG, "the backend %s has no kernels of its own for these, which are right and slow: %s",
                p->backend->name, b.text);
}
