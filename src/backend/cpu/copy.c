/* Copies tensors, and fills them with one value. */
#include "backend/cpu/map.h"

enum { PART = 1 << 16 };

static void copy(const void *from, void *to, size_t bytes)
{
    parts p = parts_of((int64_t)bytes, PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        memcpy((char *)to + i * PART, (const char *)from + i * PART, (size_t)parts_size(&p, i));
}

static cseg_status copy_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    copy(in[0], out[0], tensor_bytes(((const cpu_kernel *)base)->n->out[0]));
    return CSEG_OK;
}

static cseg_status assign_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)out, (void)scratch, (void)err;
    copy(in[1], in[0], tensor_bytes(((const cpu_kernel *)base)->n->in[0]));
    return CSEG_OK;
}

static cseg_status fill_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)in, (void)scratch, (void)err;
    const node *n = ((const cpu_kernel *)base)->n;
    parts p = parts_of(tensor_count(n->out[0]), PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        for (int64_t k = i * PART; k < i * PART + parts_size(&p, i); k++)
            ((float *)out[0])[k] = n->attr.axis.value;
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cpu_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    *out = &k->base;
    return CSEG_OK;
}

/* For tensors that are not in the plan's memory; in it a reshape or a detached map shares the memory of its input. */
const cpu_op cpu_op_reshape = {.prepare = prepare, .run = copy_run, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
const cpu_op cpu_op_detach = {.prepare = prepare, .run = copy_run, .either_in = PORTS_ALL, .either_out = PORTS_ALL};

const cpu_op cpu_op_assign = {.prepare = prepare, .run = assign_run};

const cpu_op cpu_op_fill = {.prepare = prepare, .run = fill_run};
