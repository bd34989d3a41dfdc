/* Copies tensors out of their storages: any strides, any type. */
#include <string.h>

#include "base/str.h"
#include "io/torch/half.h"
#include "io/torch/pth_file.h"

/* Copies n elements that lie `step` bytes apart into a packed row. */
typedef void copy_run(const uint8_t *from, int64_t step, int64_t n, void *to);

#define RUN(name, source, target, expression)                                                                          \
    static void name(const uint8_t *from, int64_t step, int64_t n, void *to)                                           \
    {                                                                                                                  \
        target *t = to;                                                                                                \
        for (int64_t i = 0; i < n; i++, from += step) {                                                                \
            source v;                                                                                                  \
            memcpy(&v, from, sizeof v); /* entries of foreign zips are unaligned */                                    \
            t[i] = (expression);                                                                                       \
        }                                                                                                              \
    }
RUN(f32_of_f32, float, float, v)
RUN(f32_of_f64, double, float, (float)v)
RUN(f32_of_f16, uint16_t, float, half_to_f32(v))
RUN(f32_of_bf16, uint16_t, float, bfloat_to_f32(v))
RUN(f32_of_i64, int64_t, float, (float)v)
RUN(f32_of_i32, int32_t, float, (float)v)
RUN(f32_of_i16, int16_t, float, v)
RUN(f32_of_i8, int8_t, float, v)
RUN(f32_of_u8, uint8_t, float, v)
RUN(f32_of_bool, uint8_t, float, v != 0)
RUN(i64_of_i64, int64_t, int64_t, v)
RUN(i64_of_i32, int32_t, int64_t, v)
RUN(i64_of_i16, int16_t, int64_t, v)
RUN(i64_of_i8, int8_t, int64_t, v)
RUN(i64_of_u8, uint8_t, int64_t, v)
RUN(i64_of_bool, uint8_t, int64_t, v != 0)
RUN(raw_8, uint8_t, uint8_t, v)
RUN(raw_16, uint16_t, uint16_t, v)
RUN(raw_32, uint32_t, uint32_t, v)
RUN(raw_64, uint64_t, uint64_t, v)

static copy_run *const to_f32[PTH_TYPES] = {
    [PTH_F32] = f32_of_f32, [PTH_F64] = f32_of_f64,   [PTH_F16] = f32_of_f16, [PTH_BF16] = f32_of_bf16,
    [PTH_I64] = f32_of_i64, [PTH_I32] = f32_of_i32,   [PTH_I16] = f32_of_i16, [PTH_I8] = f32_of_i8,
    [PTH_U8] = f32_of_u8,   [PTH_BOOL] = f32_of_bool,
};
static copy_run *const to_i64[PTH_TYPES] = {
    [PTH_I64] = i64_of_i64, [PTH_I32] = i64_of_i32, [PTH_I16] = i64_of_i16,
    [PTH_I8] = i64_of_i8,   [PTH_U8] = i64_of_u8,   [PTH_BOOL] = i64_of_bool,
};

/* Dimensions that follow each other without a gap count as one, so that a contiguous tensor is a single run. */
static int merge(const pth_tensor *t, int64_t *shape, int64_t *stride)
{
    int n = 0;
    for (int i = 0; i < t->ndim; i++) {
        if (t->shape[i] == 1)
            continue;
        if (n && stride[n - 1] == t->shape[i] * t->stride[i]) {
            shape[n - 1] *= t->shape[i];
            stride[n - 1] = t->stride[i];
        } else {
            shape[n] = t->shape[i];
            stride[n++] = t->stride[i];
        }
    }
    if (n == 0) {
        shape[0] = 1;
        stride[n++] = 1;
    }
    return n;
}

static cseg_status copy(pth *p, const pth_tensor *t, copy_run *run, size_t target, void *to, cseg_error *err)
{
    const uint8_t *bytes = NULL;
    int64_t shape[PTH_MAX_DIMS], stride[PTH_MAX_DIMS], at[PTH_MAX_DIMS] = {0};
    if (t->count == 0)
        return CSEG_OK;
    p->asked += (uint64_t)t->count * pth_type_size(t->type);
    cseg_status status = pth_storage_bytes(p, t->storage, &bytes, err);
    if (status != CSEG_OK) {
        fail_within(err, "tensor '%.200s': ", t->name);
        return status;
    }
    int64_t size = (int64_t)pth_type_size(t->type);
    int last = merge(t, shape, stride) - 1;
    const uint8_t *from = bytes + t->offset * size;
    for (char *out = to;;) {
        run(from, stride[last] * size, shape[last], out);
        out += (size_t)shape[last] * target;
        int d = last - 1;
        for (; d >= 0; d--) {
            from += stride[d] * size;
            if (++at[d] < shape[d])
                break;
            from -= shape[d] * stride[d] * size;
            at[d] = 0;
        }
        if (d < 0)
            return CSEG_OK;
    }
}

cseg_status pth_tensor_f32(pth *p, const pth_tensor *t, float *to, cseg_error *err)
{
    return copy(p, t, to_f32[t->type], sizeof *to, to, err);
}

cseg_status pth_tensor_i64(pth *p, const pth_tensor *t, int64_t *to, cseg_error *err)
{
    if (!to_i64[t->type])
        return fail(err, CSEG_SHAPE, "%s: tensor '%.200s' holds %s, integers are needed", p->path, t->name,
                    pth_type_name(t->type));
    return copy(p, t, to_i64[t->type], sizeof *to, to, err);
}

cseg_status pth_tensor_raw(pth *p, const pth_tensor *t, void *to, cseg_error *err)
{
    size_t size = pth_type_size(t->type);
    return copy(p, t, size == 1 ? raw_8 : size == 2 ? raw_16 : size == 4 ? raw_32 : raw_64, size, to, err);
}
