/* Casts between types. Casts between floats are bound by memory traffic; labels and masks are small beside maps. */
#include <math.h>

#include "backend/cpu/map.h"

enum { PART = 1 << 15 };

static bool is_float(const tensor *t)
{
    return t->type == DT_F32 || t->type == DT_BF16;
}

static int32_t whole(float x)
{
    if (isnan(x))
        return 0;
    return x <= (float)INT32_MIN ? INT32_MIN : x >= (float)INT32_MAX ? INT32_MAX : (int32_t)x;
}

/* A loop for each pair of types. */
#define CONVERT(from, to, value)                                                                                       \
    for (int64_t i = at; i < at + n; i++) {                                                                            \
        const from x = ((const from *)in)[i];                                                                          \
        ((to *)out)[i] = (to)(value);                                                                                  \
    }                                                                                                                  \
    return

static void convert(dtype from, dtype to, const void *in, void *out, int64_t at, int64_t n)
{
    if (from == to) {
        memcpy((char *)out + (size_t)at * dtype_size(to), (const char *)in + (size_t)at * dtype_size(to),
               (size_t)n * dtype_size(to));
        return;
    }
    if (from == DT_F32 && to == DT_I32) {
        CONVERT(float, int32_t, whole(x));
    }
    if (from == DT_F32) {
        CONVERT(float, uint8_t, x != 0);
    }
    if (from == DT_I32 && to == DT_F32) {
        CONVERT(int32_t, float, x);
    }
    if (from == DT_I32) {
        CONVERT(int32_t, uint8_t, x != 0);
    }
    if (to == DT_F32) {
        CONVERT(uint8_t, float, x);
    }
    CONVERT(uint8_t, int32_t, x);
}

static cseg_status cast_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const cpu_kernel *k = (const cpu_kernel *)base;
    const tensor *from = k->n->in[0], *to = k->n->out[0];
    map x = map_in(k->n, in, 0), y = map_out(k->n, out, 0);
    parts p = parts_of(tensor_count(to), PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        if (is_float(from) && is_float(to))
            map_copy(k->b->simd, y, i * PART, x, i * PART, parts_size(&p, i));
        else
            convert(from->type, to->type, in[0], out[0], i * PART, parts_size(&p, i));
    return CSEG_OK;
}

static cseg_status prepare_cast(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cpu_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, cast_run);
    if (!k)
        return fail_memory(err);
    *out = &k->base;
    return CSEG_OK;
}

static bool among_floats(const cpu_backend *b, const node *n)
{
    (void)b;
    return is_float(n->in[0]) && is_float(n->out[0]);
}

const cpu_op cpu_op_cast = {
    .prepare = prepare_cast, .either_in = PORTS_ALL, .either_out = PORTS_ALL, .takes_bf16 = among_floats};
