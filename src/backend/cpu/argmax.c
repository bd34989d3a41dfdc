/* Finds the class of each pixel: argmax over logits. Logits that must be resized first are resized on the way, so they
 * never lie in memory at full size. */
#include "backend/cpu/tiles.h"

typedef struct argmax_kernel {
    cpu_kernel k;
    tiling t;
} argmax_kernel;

static cseg_status argmax_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    argmax_kernel *k = (argmax_kernel *)base;
    const tiling *t = &k->t;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < tile_task_count(t); i++) {
        tile_task task = tile_task_at(t, i);
        float *room = (float *)scratch + omp_get_thread_num() * 2 * tiling_floats(t), best[LOSS_LANES];
        tile_column c = tile_column_at(t, in[0], task.image, task.column, room);
        for (int64_t row = task.r0; row < task.r1; row++) {
            loss_tile tile = tile_at(&c, row);
            int32_t *y = (int32_t *)out[0] + tile_begin(&c, row);
            t->v->best(&tile, best);
            for (int64_t p = 0; p < c.pixels.n; p++)
                y[p] = (int32_t)best[p];
        }
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, const resize_attr *how, arena *mem, kernel **out,
                           cseg_error *err)
{
    argmax_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, argmax_run);
    if (!k || !tiling_init(&k->t, b, n->in[0], n->out[0], how, mem))
        return fail_memory(err);
    k->k.base.scratch = (size_t)(b->options.threads * 2 * tiling_floats(&k->t)) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

static cseg_status prepare_argmax(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare(b, n, NULL, mem, out, err);
}

const cpu_op cpu_op_argmax = {.prepare = prepare_argmax};

static cseg_status prepare_resize_argmax(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare(b, n, &n->attr.resize, mem, out, err);
}

const cpu_op cpu_op_resize_argmax = {.prepare = prepare_resize_argmax};
