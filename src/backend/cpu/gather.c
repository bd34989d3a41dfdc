/* Takes the entry of the last axis at a label, and its gradient; one-hot maps of labels. */
#include "backend/cpu/map.h"

enum { PART_FLOATS = 1 << 15 };

typedef struct pick_kernel {
    cpu_kernel k;
    int64_t classes;
    parts p; /* of pixels */
} pick_kernel;

static bool is_class(const pick_kernel *k, int32_t label)
{
    return label >= 0 && label < k->classes;
}

static cseg_status pick_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const pick_kernel *k = (const pick_kernel *)base;
    const float *x = in[0];
    const int32_t *label = in[1];
    float *y = out[0];
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < k->p.count; part++)
        for (int64_t i = part * k->p.each; i < part * k->p.each + parts_size(&k->p, part); i++)
            y[i] = is_class(k, label[i]) ? x[i * k->classes + label[i]] : 0;
    return CSEG_OK;
}

static cseg_status pick_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const pick_kernel *k = (const pick_kernel *)base;
    const float *dy = in[0];
    const int32_t *label = in[1];
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < k->p.count; part++) {
        int64_t first = part * k->p.each, n = parts_size(&k->p, part);
        float *dx = (float *)out[0] + first * k->classes;
        memset(dx, 0, (size_t)(n * k->classes) * sizeof *dx);
        for (int64_t i = 0; i < n; i++)
            if (is_class(k, label[first + i]))
                dx[i * k->classes + label[first + i]] = dy[first + i];
    }
    return CSEG_OK;
}

static cseg_status one_hot_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const pick_kernel *k = (const pick_kernel *)base;
    const int32_t *label = in[0];
    map all = map_out(k->k.n, out, 0);
    const uint16_t half_one = 0x3f80;
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < k->p.count; part++) {
        int64_t first = part * k->p.each, n = parts_size(&k->p, part);
        map y = map_from(all, first * k->classes);
        memset(y.at, 0, (size_t)(n * k->classes) * y.size);
        for (int64_t i = 0; i < n; i++) {
            int64_t at = i * k->classes + label[first + i];
            if (is_class(k, label[first + i]) && y.half)
                ((uint16_t *)y.at)[at] = half_one;
            else if (is_class(k, label[first + i]))
                ((float *)y.at)[at] = 1;
        }
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    const tensor *wide = n->op == OP_pick ? n->in[0] : n->out[0];
    pick_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    k->classes = wide->dim[wide->rank - 1];
    k->p = parts_of(tensor_count(n->op == OP_one_hot ? n->in[0] : n->in[1]),
                    k->classes < PART_FLOATS ? PART_FLOATS / k->classes : 1);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_pick = {.prepare = prepare, .run = pick_run};

const cpu_op cpu_op_pick_grad = {.prepare = prepare, .run = pick_grad_run};

const cpu_op cpu_op_one_hot = {.prepare = prepare, .run = one_hot_run, .either_out = PORTS_ALL};
