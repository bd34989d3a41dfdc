/* What becomes of a tensor's shape and values. */
#include <string.h>

#include "base/str.h"
#include "io/torch/convert/weight_rules.h"

static cseg_status refuse(const weight *w, const char *wanted, cseg_error *err)
{
    char shape[256];
    pth_shape_text(w->ndim, w->shape, shape);
    return fail(err, CSEG_SHAPE, "tensor '%.200s' is %s; %s is expected", w->name, shape, wanted);
}

/* Sees the tensor as [a, b, c] and puts the values in the order [a, c, b]; the shape is the caller's to set. */
static cseg_status swap(weight *w, int64_t a, int64_t b, int64_t c, arena *mem, cseg_error *err)
{
    size_t size = pth_type_size(w->type);
    uint8_t *to = arena_array(mem, (size_t)w->count + 1, size), *out = to;
    if (!to)
        return fail_memory(err);
    for (int64_t i = 0; i < a; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t j = 0; j < b; j++, out += size)
                memcpy(out, (const uint8_t *)w->data + (size_t)((i * b + j) * c + k) * size, size);
    w->data = to;
    return CSEG_OK;
}

static void set_shape(weight *w, int ndim, int64_t a, int64_t b)
{
    w->ndim = ndim;
    w->shape[0] = a;
    w->shape[1] = b;
}

cseg_status weight_transpose(weight *w, arena *mem, cseg_error *err)
{
    if (w->ndim != 2)
        return refuse(w, "a matrix", err);
    TRY(swap(w, 1, w->shape[0], w->shape[1], mem, err));
    set_shape(w, 2, w->shape[1], w->shape[0]);
    return CSEG_OK;
}

cseg_status weight_as_1x1(weight *w, arena *mem, cseg_error *err)
{
    (void)mem;
    if (w->ndim != 2)
        return refuse(w, "a matrix", err);
    w->shape[2] = w->shape[3] = 1;
    w->ndim = 4;
    return CSEG_OK;
}

cseg_status weight_as_batch(weight *w, arena *mem, cseg_error *err)
{
    (void)mem;
    if (w->ndim == PTH_MAX_DIMS)
        return refuse(w, "a shape with fewer dimensions", err);
    memmove(w->shape + 1, w->shape, (size_t)w->ndim++ * sizeof *w->shape);
    w->shape[0] = 1;
    return CSEG_OK;
}

cseg_status weight_as_token(weight *w, arena *mem, cseg_error *err)
{
    if (w->ndim != 1)
        return refuse(w, "a vector", err);
    TRY(weight_as_batch(w, mem, err));
    return weight_as_batch(w, mem, err);
}

/* Swin's authors concatenate the pixels of a 2x2 window column by column, unfold takes them row by row: the middle two
 * change places. */
cseg_status weight_as_unfold(weight *w, arena *mem, cseg_error *err)
{
    static const int order[] = {0, 2, 1, 3};
    int64_t wide = w->ndim ? w->shape[w->ndim - 1] : 0, part = wide / 4;
    size_t bytes = (size_t)part * pth_type_size(w->type);
    if (wide == 0 || wide % 4)
        return refuse(w, "a last dimension of 4 pixels", err);
    uint8_t *to = arena_array(mem, (size_t)w->count + 1, pth_type_size(w->type));
    if (!to)
        return fail_memory(err);
    for (int64_t i = 0; i < w->count / part; i++)
        memcpy(to + (size_t)i * bytes, (const uint8_t *)w->data + (size_t)(i / 4 * 4 + order[i % 4]) * bytes, bytes);
    w->data = to;
    return swap(w, w->count / wide, 4, part, mem, err);
}

cseg_status weight_of_jax_conv(weight *w, arena *mem, cseg_error *err)
{
    if (w->ndim != 4)
        return refuse(w, "a convolution's kernel", err);
    int64_t h = w->shape[0], wide = w->shape[1], in = w->shape[2], out = w->shape[3];
    TRY(swap(w, 1, h * wide * in, out, mem, err)); /* [out, h, w, in] */
    TRY(swap(w, out, h * wide, in, mem, err));
    memcpy(w->shape, (int64_t[]){out, in, h, wide}, 4 * sizeof *w->shape);
    return CSEG_OK;
}

cseg_status weight_of_jax_in(weight *w, arena *mem, cseg_error *err)
{
    if (w->ndim < 2 || w->shape[0] == 0)
        return refuse(w, "a matrix", err);
    int64_t in = w->shape[0], out = w->count / in;
    TRY(swap(w, 1, in, out, mem, err));
    set_shape(w, 2, out, in);
    return CSEG_OK;
}

cseg_status weight_of_jax_out(weight *w, arena *mem, cseg_error *err)
{
    if (w->ndim < 2 || w->shape[w->ndim - 1] == 0)
        return refuse(w, "a matrix", err);
    int64_t out = w->shape[w->ndim - 1], in = w->count / out;
    TRY(swap(w, 1, in, out, mem, err));
    set_shape(w, 2, out, in);
    return CSEG_OK;
}

cseg_status weight_flat(weight *w, arena *mem, cseg_error *err)
{
    (void)mem;
    (void)err;
    set_shape(w, 1, w->count, 0);
    return CSEG_OK;
}
