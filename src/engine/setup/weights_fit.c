#include "engine/setup/weights_fit.h"

#include <string.h>

#include "backend/backends.h"
#include "graph/memory.h"
#include "graph/plan.h"

/* Tensors that are fitted are tables of positions: not more than this. */
enum { MOST_VALUES = 1 << 26 };

static cseg_status run_resize(backend *b, graph *g, const plan_data *d, float *to, int64_t count, cseg_error *err)
{
    plan *p = NULL;
    const void *values;
    cseg_status status = CSEG_OK;
    TRY_DONE(graph_status(g, err));
    TRY_DONE(plan_build(g, b, &p, err));
    TRY_DONE(plan_bind_input(p, "map", d, err));
    TRY_DONE(plan_run(p, err));
    TRY_DONE(plan_get_output(p, "resized", &values, NULL, err));
    memcpy(to, values, (size_t)count * sizeof *to);
done:
    plan_free(p);
    return status;
}

cseg_status weights_resize(const float *x, int64_t h, int64_t w, int64_t c, const resize_attr *a, float *to,
                           cseg_error *err)
{
    backend *b = backend_ref_new();
    graph *g = graph_new(false);
    plan_data d = {.data = x, .type = DT_F32, .rank = 4, .dim = {1, h, w, c}};
    cseg_status status = b && g ? CSEG_OK : fail_memory(err);
    if (status == CSEG_OK) {
        tensor *y = op_resize(g, graph_input(g, "map", DT_F32, 4, d.dim), *a);
        graph_add_output(g, "resized", y);
        status = run_resize(b, g, &d, to, a->h * a->w * c, err);
    }
    graph_free(g);
    backend_free(b);
    return status;
}

static cseg_status keep(const module *m, const float *v, param *p, cseg_error *err)
{
    backend *home = model_home(m->model, p);
    size_t bytes = (size_t)p->count * sizeof(float);
    void *room = memory_open(home, p->data, bytes);
    if (!room)
        return fail_memory(err);
    memcpy(room, v, bytes);
    memory_close(home, p->data, room, bytes);
    return CSEG_OK;
}

static cseg_status fit(const module *m, pth *file, const pth_tensor *t, const param *p, arena *mem, float **to,
                       bool *fits, cseg_error *err)
{
    float *v = ARENA_ARRAY(mem, (size_t)t->count, float);
    *to = ARENA_ARRAY(mem, (size_t)p->count, float);
    if (!v || !*to)
        return fail_memory(err);
    fitting f = {.m = m, .p = p, .rank = t->ndim, .v = v, .to = *to, .resize = weights_resize, .mem = mem};
    memcpy(f.dim, t->shape, (size_t)t->ndim * sizeof *f.dim);
    TRY(pth_tensor_f32(file, t, v, err));
    return m->kind->pretrained->fit(&f, fits, err);
}

/* keeps: p gets the values. */
static cseg_status try_fit(const module *m, pth *file, const pth_tensor *t, param *p, bool keeps, bool *fits,
                           cseg_error *err)
{
    const pretrained_form *form = m && m->kind ? m->kind->pretrained : NULL;
    *fits = form && form->fit && p->type == DT_F32 && t->ndim <= TENSOR_MAX_RANK && t->count <= MOST_VALUES;
    if (!*fits)
        return CSEG_OK;
    float *to;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = fit(m, file, t, p, mem, &to, fits, err);
    if (status == CSEG_OK && *fits && keeps)
        status = keep(m, to, p, err);
    arena_free(mem);
    return status;
}

cseg_status weights_fit(const module *m, pth *file, const pth_tensor *t, param *p, bool *fits, cseg_error *err)
{
    return try_fit(m, file, t, p, true, fits, err);
}

cseg_status weights_could_fit(const module *m, pth *file, const pth_tensor *t, param *p, bool *fits, cseg_error *err)
{
    return try_fit(m, file, t, p, false, fits, err);
}
