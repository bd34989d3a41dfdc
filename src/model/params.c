#include "model/params.h"
#include "graph/memory.h"

#include <string.h>
#include <unistd.h>

static void collect(module *m)
{
    model *mod = m->model;
    bool ok = true;
    for (size_t i = 0; i < m->params.n && ok; i++)
        ok = vec_push(mod->mem, &mod->params, m->params.at[i]);
    for (size_t i = 0; i < m->buffers.n && ok; i++)
        ok = vec_push(mod->mem, &mod->params, m->buffers.at[i]);
    if (!ok)
        model_fail(mod, CSEG_NO_MEMORY, NULL, "out of memory");
}

void params_collect(model *m)
{
    module_each(m->root, collect);
}

/* Rounds up to whole cache lines, so that no vector spans two parameters. */
static size_t padded(int64_t count)
{
    return ((size_t)count + 15) & ~(size_t)15;
}

static size_t *total_of(model *m, const param *p)
{
    return p->role == PARAM_TRAINED ? &m->flat_count : p->type == DT_I64 ? &m->counter_count : &m->buffer_count;
}

static void *allocate(model *m, backend *b, size_t count, size_t size)
{
    void *p = count <= SIZE_MAX / size ? memory_in_arena(b, count * size, m->mem) : NULL;
    if (!p) {
        model_fail(m, CSEG_NO_MEMORY, NULL, "out of memory: the model's weights need %zu MiB", count * size >> 20);
        return NULL;
    }
    return p;
}

static void place(model *m, param *p)
{
    const param *of = param_twin_of(p);
    if (of) { /* which stands before it, and has its place */
        p->data = of->data;
        p->offset = of->offset;
    } else if (p->role == PARAM_TRAINED) {
        p->data = m->data + p->offset;
        p->grad = m->grad && p->requires_grad ? m->grad + p->offset : NULL;
    } else if (param_constant(p)) {
        p->data = (void *)(uintptr_t)param_constant(p); /* which nobody writes */
    } else if (p->type == DT_I64) {
        p->data = m->counters + p->offset;
    } else {
        p->data = m->buffers + p->offset;
    }
}

backend *model_home(const model *m, const param *p)
{
    return p->type == DT_I64 ? backend_host() : m->backend;
}

cseg_status model_view(const model *m, const param *p, const void *at, arena *mem, const void **out, cseg_error *err)
{
    return memory_view(model_home(m, p), at, (size_t)p->count * dtype_size(p->type), mem, out, err);
}

/* Refuses before the system would kill the process: a mistake in a config can ask for any number of channels. */
static void check_memory(model *m)
{
    double need = 4.0 * (double)m->flat_count * (m->options.no_grad ? 1 : 2) + 4.0 * (double)m->buffer_count;
    if (!m->backend->memory->of_host)
        return; /* its alloc knows */
    double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (need > have)
        model_fail(m, CSEG_NO_MEMORY, m->config, "the model's weights need %.1f GiB, this machine has %.1f",
                   need / 0x1p30, have / 0x1p30);
}

void params_allocate(model *m)
{
    for (size_t i = 0; i < m->params.n; i++) {
        param *p = m->params.at[i];
        if (param_twin_of(p) || param_constant(p))
            continue;
        size_t *total = total_of(m, p);
        p->offset = *total;
        *total += padded(p->count);
    }
    check_memory(m);
    if (model_failed(m))
        return;
    m->data = allocate(m, m->backend, m->flat_count, sizeof(float));
    m->buffers = allocate(m, m->backend, m->buffer_count, sizeof(float));
    m->counters = allocate(m, backend_host(), m->counter_count, sizeof(int64_t));
    if (!m->options.no_grad)
        m->grad = allocate(m, m->backend, m->flat_count, sizeof(float));
    if (model_failed(m))
        return;
    for (size_t i = 0; i < m->params.n; i++)
        place(m, m->params.at[i]);
}

param *model_find(const model *m, const char *name)
{
    for (size_t i = 0; i < m->params.n; i++)
        if (strcmp(m->params.at[i]->name, name) == 0)
            return m->params.at[i];
    return NULL;
}
