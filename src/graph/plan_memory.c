/* Reports what a plan's memory contains, and when it contains the most. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "graph/plan_internal.h"

static bool in_arena(const plan_buffer *b)
{
    return !b->fixed && !b->external;
}

static bool lives_at(const plan_buffer *b, size_t at)
{
    return in_arena(b) && b->first <= (int)at && b->last >= (int)at;
}

cseg_status plan_measure(const plan *p, plan_memory *out, cseg_error *err)
{
    /* by step: bytes whose lifetime begins there, and bytes freed after the step before */
    size_t *born = mem_alloc((p->n_steps + 2) * sizeof *born), *freed = mem_alloc((p->n_steps + 2) * sizeof *freed);
    cseg_status status = CSEG_OK;
    *out = (plan_memory){.arena = p->bytes,
                         .fixed = p->fixed_bytes,
                         .scratch = p->scratch_bytes,
                         .kept = p->kept_bytes,
                         .steps = p->n_steps};
    if (!born || !freed) {
        status = fail_memory(err);
        goto done;
    }
    for (size_t i = 0; i < p->n_buffers; i++)
        if (in_arena(&p->buffers[i])) {
            born[p->buffers[i].first] += p->buffers[i].bytes;
            freed[p->buffers[i].last + 1] += p->buffers[i].bytes;
        }
    size_t now = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        now = now + born[i] - freed[i];
        if (now > out->bound) {
            out->bound = now;
            out->peak = i;
        }
    }
    out->at = p->n_steps ? p->steps[out->peak].node : NULL;
    for (size_t i = 0; i < p->n_buffers; i++)
        out->alive += lives_at(&p->buffers[i], out->peak);
done:
    mem_free(born);
    mem_free(freed);
    return status;
}

/* For each buffer, the tensor in it at a step: the last one made in it by then. */
static const tensor **contents_at(const plan *p, size_t at, arena *mem)
{
    const tensor **holds = ARENA_ARRAY(mem, p->n_buffers + 1, const tensor *);
    for (size_t i = 0; holds && i <= at && i < p->n_steps; i++) {
        const node *n = p->steps[i].node;
        for (int k = 0; k < n->n_out; k++)
            if (p->place[n->out[k]->id].buffer >= 0)
                holds[p->place[n->out[k]->id].buffer] = n->out[k];
    }
    return holds;
}

static int by_size(const void *a, const void *b)
{
    const plan_buffer *x = *(const plan_buffer *const *)a, *y = *(const plan_buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->root - y->root;
}

enum { MODULE_COLUMNS = 30 };

/* Adds a module's name; of a long name the end, which says more. */
static void add_module(strbuf *b, const char *scope)
{
    const char *name = scope && *scope ? scope : "(model)";
    size_t n = strlen(name);
    bool cut = n > MODULE_COLUMNS;
    strbuf_addf(b, " %s%-*s", cut ? ".." : "", MODULE_COLUMNS - (cut ? 2 : 0),
                cut ? name + n - (MODULE_COLUMNS - 2) : name);
}

char *plan_memory_text(const plan *p, const plan_memory *m, size_t largest, arena *mem)
{
    strbuf b = {.mem = mem};
    const plan_buffer **alive = ARENA_ARRAY(mem, p->n_buffers + 1, const plan_buffer *);
    const tensor **holds = contents_at(p, m->peak, mem);
    size_t n = 0, rest = 0;
    if (!alive || !holds)
        return NULL;
    for (size_t i = 0; i < p->n_buffers; i++)
        if (lives_at(&p->buffers[i], m->peak))
            alive[n++] = &p->buffers[i];
    qsort(alive, n, sizeof *alive, by_size);
    for (size_t i = 0; i < n; i++) {
        const tensor *t = holds[alive[i] - p->buffers];
        char shape[96];
        if (i >= largest || !t) {
            rest += alive[i]->bytes;
            continue;
        }
        strbuf_addf(&b, "%8.1f", (double)alive[i]->bytes / 0x1p20);
        add_module(&b, t->from->scope);
        strbuf_addf(&b, " %-21s %s\n", op_name(t->from->op), tensor_shape_text(t, shape));
    }
    if (n > largest)
        strbuf_addf(&b, "%8.1f the other %zu\n", (double)rest / 0x1p20, n - largest);
    return b.failed ? NULL : b.text ? b.text : arena_strdup(mem, "");
}
