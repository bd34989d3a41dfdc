#include "engine/train/checkpoint/saved.h"

#include <math.h>

#include "base/error.h"

#define WAY_OUT "The file is damaged or was changed: take another checkpoint, or begin from its weights with load_from"

static bool absent(const pickle_node *n)
{
    return !n || n->kind == PICKLE_NONE;
}

/* A number, or a tensor of one. */
static cseg_status read_number(pth *file, const pickle_node *n, double *out, bool *is_number, cseg_error *err)
{
    pth_tensor t;
    *is_number = pickle_number(n, out);
    if (*is_number || !pth_is_tensor(n))
        return CSEG_OK;
    TRY(pth_as_tensor(file, n, &t, err));
    if (t.count != 1)
        return CSEG_OK;
    *is_number = true;
    if (t.type == PTH_F64)
        return pth_tensor_raw(file, &t, out, err);
    if (t.type >= PTH_I64) {
        int64_t whole = 0;
        TRY(pth_tensor_i64(file, &t, &whole, err));
        *out = (double)whole;
        return CSEG_OK;
    }
    float v = 0;
    TRY(pth_tensor_f32(file, &t, &v, err));
    *out = (double)v;
    return CSEG_OK;
}

cseg_status saved_count(pth *file, const pickle_node *dict, const char *key, int64_t least, int64_t most, int64_t *out,
                        cseg_error *err)
{
    const pickle_node *n = pickle_get(dict, key);
    int64_t whole;
    double v = 0;
    bool number;
    if (absent(n))
        return CSEG_OK;
    if (!pickle_int(n, &whole)) {
        TRY(read_number(file, n, &v, &number, err));
        if (!number)
            return fail(err, CSEG_CORRUPT, "%s: its '%s' is %s, where a whole number belongs. " WAY_OUT, pth_path(file),
                        key, pickle_kind_name(n->kind));
        if (!(fabs(v) < 0x1p62) || v != floor(v))
            return fail(err, CSEG_CORRUPT, "%s: its '%s' is %g, where a whole number of %lld to %lld belongs. " WAY_OUT,
                        pth_path(file), key, v, (long long)least, (long long)most);
        whole = (int64_t)v;
    }
    if (whole < least || whole > most)
        return fail(err, CSEG_CORRUPT, "%s: its '%s' is %lld, where a whole number of %lld to %lld belongs. " WAY_OUT,
                    pth_path(file), key, (long long)whole, (long long)least, (long long)most);
    *out = whole;
    return CSEG_OK;
}

cseg_status saved_real(pth *file, const pickle_node *n, const char *name, double least, double most, double *out,
                       cseg_error *err)
{
    double v = 0;
    bool number;
    if (absent(n))
        return CSEG_OK;
    TRY(read_number(file, n, &v, &number, err));
    if (!number)
        return fail(err, CSEG_CORRUPT, "%s: its '%s' is %s, where a number belongs. " WAY_OUT, pth_path(file), name,
                    pickle_kind_name(n->kind));
    if (!(v >= least && v <= most) || !isfinite(v))
        return fail(err, CSEG_CORRUPT, "%s: its '%s' is %g, where a number of %g to %g belongs. " WAY_OUT,
                    pth_path(file), name, v, least, most);
    *out = v;
    return CSEG_OK;
}

cseg_status saved_number(pth *file, const pickle_node *dict, const char *key, double least, double most, double *out,
                         cseg_error *err)
{
    return saved_real(file, pickle_get(dict, key), key, least, most, out, err);
}

cseg_status saved_shaped(pth *file, const pickle_node *n, const char *what, const char *of, int ndim,
                         const int64_t *shape, pth_tensor *out, cseg_error *err)
{
    char theirs[256], ours[256];
    TRY(pth_as_tensor(file, n, out, err));
    bool same = out->ndim == ndim;
    for (int i = 0; same && i < ndim; i++)
        same = out->shape[i] == shape[i];
    if (same)
        return CSEG_OK;
    pth_shape_text(out->ndim, out->shape, theirs);
    pth_shape_text(ndim, shape, ours);
    return fail(err, CSEG_SHAPE, "%s: %s of %s is %s, this model's is %s", pth_path(file), what, of, theirs, ours);
}
