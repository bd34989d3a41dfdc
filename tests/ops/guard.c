#define _GNU_SOURCE
#include "guard.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "graph/op.h"
#include "graph/plan_internal.h"

/* A NaN in float32 and in bfloat16, and no class as a label. */
static const unsigned char canary[2] = {0xa5, 0xff};

static void fill(char *from, const char *to)
{
    for (; from < to; from++)
        *from = (char)canary[(uintptr_t)from % 2];
}

static size_t page(void)
{
    static size_t bytes;
    if (!bytes)
        bytes = (size_t)sysconf(_SC_PAGESIZE);
    return bytes;
}

static char *first_of(const guard_block *b)
{
    return b->map + page();
}

static char *end_of(const guard_block *b)
{
    return b->map + b->map_bytes - page();
}

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

bool guard_open(guard_block *b, size_t bytes, const char *what)
{
    size_t rounded = bytes ? (bytes + 63) / 64 * 64 : 64, pages = (rounded + page() - 1) / page() * page();
    *b = (guard_block){.map_bytes = pages + 2 * page(), .bytes = bytes, .what = what};
    b->map = mmap(NULL, b->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->map == MAP_FAILED) {
        *b = (guard_block){0};
        return false;
    }
    b->data = end_of(b) - rounded;
    guard_protect(b, PROT_READ | PROT_WRITE);
    fill(first_of(b), b->data);
    fill(b->data + bytes, end_of(b));
    return true;
}

void guard_close(guard_block *b)
{
    if (b->map)
        munmap(b->map, b->map_bytes);
    *b = (guard_block){0};
}

void guard_fill(guard_block *b)
{
    memset(b->data, 0xff, b->bytes);
}

void guard_protect(guard_block *b, int protection)
{
    if (mprotect(first_of(b), (size_t)(end_of(b) - first_of(b)), protection) != 0)
        abort();
}

static cseg_status check_range(const guard_block *b, const char *from, const char *to, const char *name,
                               cseg_error *err)
{
    for (const char *c = from; c < to; c++)
        if ((unsigned char)*c != canary[(uintptr_t)c % 2])
            return fail(err, CSEG_CORRUPT, "%s: byte %ld %s its %s (%zu bytes) was written", name,
                        c < b->data ? (long)(b->data - c) : (long)(c - b->data - (long)b->bytes + 1),
                        c < b->data ? "in front of" : "behind", b->what, b->bytes);
    return CSEG_OK;
}

cseg_status guard_check(const guard_block *b, const char *name, cseg_error *err)
{
    TRY(check_range(b, first_of(b), b->data, name, err));
    return check_range(b, b->data + b->bytes, end_of(b), name, err);
}

/* ---- kernels --------------------------------------------------------------------------------------------------- */

typedef struct guarded {
    kernel base;
    kernel *inner;
    const node *n;
    char name[160]; /* for messages */
    guard_block *in, *out, scratch;
    void **in_at, **out_at;
} guarded;

static guarded *volatile running; /* whose touch a SIGSEGV is */

static bool holds(const guard_block *b, const char *address)
{
    return b->map && address >= b->map && address < b->map + b->map_bytes;
}

static const guard_block *block_at(const guarded *k, const char *address)
{
    for (int i = 0; i < k->n->n_in; i++)
        if (holds(&k->in[i], address))
            return &k->in[i];
    for (int i = 0; i < k->n->n_out; i++)
        if (holds(&k->out[i], address))
            return &k->out[i];
    return holds(&k->scratch, address) ? &k->scratch : NULL;
}

/* The page was touched, maybe by a helper's thread: there is nowhere to return to. */
static void tell_touch(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    char text[400];
    const guarded *k = running;
    const guard_block *b = k ? block_at(k, info->si_addr) : NULL;
    const char *at = info->si_addr;
    int n;
    if (!b)
        n = snprintf(text, sizeof text, "%s: touches memory outside of its inputs, outputs and scratch\n",
                     k ? k->name : "a kernel");
    else if (at >= b->data && at < b->data + b->bytes)
        n = snprintf(text, sizeof text, "%s: touches its %s, which this run may not (or only read)\n", k->name,
                     b->what);
    else
        n = snprintf(text, sizeof text, "%s: touches byte %ld %s its %s (%zu bytes)\n", k->name,
                     at < b->data ? (long)(b->data - at) : (long)(at - b->data - (long)b->bytes + 1),
                     at < b->data ? "in front of" : "behind", b->what, b->bytes);
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        _exit(3);
    _exit(2);
}

/* A node with an effect moves parameters in their place: running statistics. */
static bool may_write(const node *n, int i)
{
    return n->has_effect && n->in[i]->role == TENSOR_PARAM;
}

static void bring_inputs(guarded *k, void *const *in)
{
    for (int i = 0; i < k->n->n_in; i++) {
        k->in_at[i] = in[i] ? k->in[i].data : NULL;
        if (!in[i])
            continue;
        memcpy(k->in[i].data, in[i], tensor_bytes(k->n->in[i]));
        bool idle = !k->inner->stale && i < 32 && k->inner->read_when_stale >> i & 1;
        if (idle)
            guard_protect(&k->in[i], PROT_NONE);
        else if (!may_write(k->n, i))
            guard_protect(&k->in[i], PROT_READ);
    }
}

static void place_outputs(guarded *k, void *const *in, void *const *out)
{
    for (int o = 0; o < k->n->n_out; o++) {
        k->out_at[o] = out[o] ? k->out[o].data : NULL;
        guard_fill(&k->out[o]);
        for (int i = 0; i < k->n->n_in; i++)
            if (in[i] && in[i] == out[o]) {
                k->out_at[o] = k->in[i].data;
                guard_protect(&k->in[i], PROT_READ | PROT_WRITE);
            }
    }
}

static cseg_status bring_back(guarded *k, void *const *in, void *const *out, cseg_error *err)
{
    for (int i = 0; i < k->n->n_in; i++)
        if (in[i]) {
            guard_protect(&k->in[i], PROT_READ | PROT_WRITE);
            TRY(guard_check(&k->in[i], k->name, err));
            if (may_write(k->n, i))
                memcpy(in[i], k->in[i].data, tensor_bytes(k->n->in[i]));
        }
    for (int o = 0; o < k->n->n_out; o++)
        if (out[o]) {
            TRY(guard_check(&k->out[o], k->name, err));
            memcpy(out[o], k->out_at[o], tensor_bytes(k->n->out[o]));
        }
    return guard_check(&k->scratch, k->name, err);
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    guarded *k = (guarded *)base;
    struct sigaction old, tell = {.sa_sigaction = tell_touch, .sa_flags = SA_SIGINFO};
    (void)scratch;
    k->inner->stale = base->stale;
    bring_inputs(k, in);
    place_outputs(k, in, out);
    guard_fill(&k->scratch);
    running = k;
    sigaction(SIGSEGV, &tell, &old);
    cseg_status status = k->inner->run(k->inner, k->in_at, k->out_at, k->scratch.data, err);
    sigaction(SIGSEGV, &old, NULL);
    running = NULL;
    base->stale = k->inner->stale;
    cseg_status kept = bring_back(k, in, out, status == CSEG_OK ? err : NULL);
    return status == CSEG_OK ? kept : status;
}

static void release(kernel *base)
{
    guarded *k = (guarded *)base;
    for (int i = 0; i < k->n->n_in; i++)
        guard_close(&k->in[i]);
    for (int i = 0; i < k->n->n_out; i++)
        guard_close(&k->out[i]);
    guard_close(&k->scratch);
    if (k->inner->release)
        k->inner->release(k->inner);
}

/* What lies in place in an input's block may be longer than the input, by what placing rounds. */
static size_t bytes_of_input(const guarded *k, int i)
{
    size_t in = tensor_bytes(k->n->in[i]), out = k->n->n_out ? tensor_bytes(k->n->out[0]) : 0;
    return i == k->inner->in_place && out > in ? out : in;
}

static bool open_blocks(guarded *k)
{
    bool good = guard_open(&k->scratch, k->inner->scratch, "scratch");
    for (int i = 0; i < k->n->n_in && good; i++)
        if (k->n->in[i])
            good = guard_open(&k->in[i], bytes_of_input(k, i), "input");
    for (int i = 0; i < k->n->n_out && good; i++)
        good = guard_open(&k->out[i], tensor_bytes(k->n->out[i]), "output");
    return good;
}

static cseg_status guard_step(plan *p, step *s, cseg_error *err)
{
    const node *n = s->node;
    size_t n_in = (size_t)n->n_in + 1, n_out = (size_t)n->n_out + 1;
    guarded *k = ARENA_NEW(p->mem, guarded);
    if (!k)
        return fail_memory(err);
    *k = (guarded){.base = *s->kernel,
                   .inner = s->kernel,
                   .n = n,
                   .in = ARENA_ARRAY(p->mem, n_in, guard_block),
                   .out = ARENA_ARRAY(p->mem, n_out, guard_block),
                   .in_at = ARENA_ARRAY(p->mem, n_in, void *),
                   .out_at = ARENA_ARRAY(p->mem, n_out, void *)};
    k->base.run = run;
    k->base.release = release;
    snprintf(k->name, sizeof k->name, "%s, %s%s", n->scope ? n->scope : "", op_name(n->op), n->is_grad ? "'" : "");
    if (!k->in || !k->out || !k->in_at || !k->out_at)
        return fail_memory(err);
    s->kernel = &k->base; /* plan_free releases it, whatever is open by now */
    return open_blocks(k) ? CSEG_OK : fail_memory(err);
}

cseg_status guard_plan(plan *p, cseg_error *err)
{
    if (!p->backend->memory->of_host) /* tests/far guards its own */
        return CSEG_OK;
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].kernel)
            TRY(guard_step(p, &p->steps[i], err));
    return CSEG_OK;
}
