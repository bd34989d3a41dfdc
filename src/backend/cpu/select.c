/* Comparisons to masks, and selection by masks. Bound by memory traffic. */
#include "backend/cpu/repeat.h"

typedef struct select_kernel {
    cpu_kernel k;
    repeat r;
} select_kernel;

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    select_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    repeat_init(&k->r, n, n->n_in);
    *out = &k->k.base;
    return CSEG_OK;
}

/* y[i] = a[i * run] OP b[i * run] */
#define COMPARE_WITH(op)                                                                                               \
    for (int64_t i = 0; i < n; i++)                                                                                    \
        y[i] = a[i * ra] op b[i * rb];                                                                                 \
    break
#define COMPARE_OF(type)                                                                                               \
    static void compare_##type(compare_kind kind, const type *a, int64_t ra, const type *b, int64_t rb, uint8_t *y,    \
                               int64_t n)                                                                              \
    {                                                                                                                  \
        switch (kind) {                                                                                                \
        case COMPARE_EQ:                                                                                               \
            COMPARE_WITH(==);                                                                                          \
        case COMPARE_NE:                                                                                               \
            COMPARE_WITH(!=);                                                                                          \
        case COMPARE_LT:                                                                                               \
            COMPARE_WITH(<);                                                                                           \
        case COMPARE_LE:                                                                                               \
            COMPARE_WITH(<=);                                                                                          \
        case COMPARE_GT:                                                                                               \
            COMPARE_WITH(>);                                                                                           \
        case COMPARE_GE:                                                                                               \
            COMPARE_WITH(>=);                                                                                          \
        }                                                                                                              \
    }
COMPARE_OF(float)
COMPARE_OF(int32_t)
COMPARE_OF(uint8_t)

static cseg_status compare_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const select_kernel *k = (const select_kernel *)base;
    compare_kind kind = k->k.n->attr.compare;
    dtype type = k->k.n->in[0]->type;
    int64_t ra = k->r.run[0], rb = k->r.run[1];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->r.tasks; i++) {
        repeat_piece p = repeat_at(&k->r, i);
        uint8_t *y = (uint8_t *)out[0] + p.at;
        if (type == DT_F32)
            compare_float(kind, (const float *)in[0] + p.from[0], ra, (const float *)in[1] + p.from[1], rb, y, p.n);
        else if (type == DT_I32)
            compare_int32_t(kind, (const int32_t *)in[0] + p.from[0], ra, (const int32_t *)in[1] + p.from[1], rb, y,
                            p.n);
        else
            compare_uint8_t(kind, (const uint8_t *)in[0] + p.from[0], ra, (const uint8_t *)in[1] + p.from[1], rb, y,
                            p.n);
    }
    return CSEG_OK;
}

const cpu_op cpu_op_compare = {.prepare = prepare, .run = compare_run};

/* For elements of four bytes, or of one, of any type. */
#define WHERE_OF(type)                                                                                                 \
    static void where_##type(const repeat *r, const repeat_piece *p, void *const *in, void *out)                       \
    {                                                                                                                  \
        const uint8_t *m = (const uint8_t *)in[0] + p->from[0];                                                        \
        const type *a = (const type *)in[1] + p->from[1], *b = (const type *)in[2] + p->from[2];                       \
        type *y = (type *)out + p->at;                                                                                 \
        for (int64_t i = 0; i < p->n; i++)                                                                             \
            y[i] = m[i * r->run[0]] ? a[i * r->run[1]] : b[i * r->run[2]];                                             \
    }
WHERE_OF(uint32_t)
WHERE_OF(uint8_t)

static cseg_status where_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const select_kernel *k = (const select_kernel *)base;
    bool bytes = dtype_size(k->k.n->out[0]->type) == 1;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->r.tasks; i++) {
        repeat_piece p = repeat_at(&k->r, i);
        if (bytes)
            where_uint8_t(&k->r, &p, in, out[0]);
        else
            where_uint32_t(&k->r, &p, in, out[0]);
    }
    return CSEG_OK;
}

const cpu_op cpu_op_where = {.prepare = prepare, .run = where_run};
