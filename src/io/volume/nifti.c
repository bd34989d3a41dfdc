#include "io/volume/nifti.h"

#include <math.h>
#include <string.h>

/* nifti1.h and nifti2.h of the NIfTI Data Format Working Group: where the fields lie. */
enum { HEAD_1 = 348, HEAD_2 = 540, MOST_SIZES = 7 };
enum { U8 = 2, I16 = 4, I32 = 8, F32 = 16, F64 = 64, I8 = 256, U16 = 512, U32 = 768, I64 = 1024, U64 = 1280 };

static uint64_t get(const uint8_t *p, int bytes, bool big)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[big ? i : bytes - 1 - i];
    return v;
}

static double get_float(const uint8_t *p, int bytes, bool big)
{
    uint64_t raw = get(p, bytes, big);
    if (bytes == 8) {
        double v;
        memcpy(&v, &raw, sizeof v);
        return v;
    }
    uint32_t low = (uint32_t)raw;
    float v;
    memcpy(&v, &low, sizeof v);
    return (double)v;
}

static int bytes_of(int type)
{
    switch (type) {
    case U8:
    case I8:
        return 1;
    case I16:
    case U16:
        return 2;
    case I32:
    case U32:
    case F32:
        return 4;
    case F64:
    case I64:
    case U64:
        return 8;
    default:
        return 0;
    }
}

/* Fields of either version. */
typedef struct head {
    int64_t sizes[MOST_SIZES + 1]; /* their number first */
    double offset;
} head;

static head read_head(const uint8_t *p, bool second, nifti *v)
{
    head h;
    int step = second ? 8 : 2, real = second ? 8 : 4;
    for (int i = 0; i <= MOST_SIZES; i++) {
        uint64_t raw = get(p + (second ? 16 : 40) + i * step, step, v->big);
        h.sizes[i] = second ? (int64_t)raw : (int16_t)raw;
    }
    v->type = (int)get(p + (second ? 12 : 70), 2, v->big);
    h.offset = second ? (double)(int64_t)get(p + 168, 8, v->big) : get_float(p + 108, 4, v->big);
    v->slope = get_float(p + (second ? 176 : 112), real, v->big);
    v->inter = get_float(p + (second ? 184 : 116), real, v->big);
    return h;
}

static cseg_status check(const head *h, size_t n, const char *path, nifti *v, cseg_error *err)
{
    if (h->sizes[0] < 3 || h->sizes[0] > MOST_SIZES)
        return fail(err, CSEG_UNSUPPORTED, "%s: holds %lld dimensions; a volume has three", path,
                    (long long)h->sizes[0]);
    double bytes = bytes_of(v->type);
    for (int i = 1; i <= h->sizes[0]; i++) {
        int64_t size = h->sizes[i];
        if (size < 1 || (i > 3 && size != 1))
            return fail(err, CSEG_UNSUPPORTED, "%s: dimension %d is %lld; a volume has three dimensions", path, i,
                        (long long)size);
        bytes *= (double)size;
        if (i <= 3)
            v->size[i - 1] = size;
    }
    if (bytes == 0.0)
        return fail(err, CSEG_UNSUPPORTED, "%s: voxels of type %d are no plain numbers", path, v->type);
    if (!(h->offset >= 0.0) || h->offset > (double)n || bytes > (double)n - h->offset)
        return fail(err, CSEG_CORRUPT,
                    "%s: damaged or truncated: %.0f bytes of voxels are said to begin at byte %.0f of %zu", path, bytes,
                    h->offset, n);
    return CSEG_OK;
}

cseg_status nifti_open(const void *bytes, size_t n, const char *path, nifti *out, cseg_error *err)
{
    const uint8_t *p = bytes;
    *out = (nifti){0};
    for (int big = 0; n >= HEAD_1 && big < 2; big++) {
        uint64_t size = get(p, 4, big);
        if (size != HEAD_1 && (size != HEAD_2 || n < HEAD_2))
            continue;
        bool second = size == HEAD_2;
        if (memcmp(p + (second ? 4 : 344), second ? "n+2" : "n+1", 4) != 0)
            break;
        out->big = big;
        head h = read_head(p, second, out);
        TRY(check(&h, n, path, out, err));
        out->voxels = p + (size_t)h.offset;
        if (!isfinite(out->slope) || out->slope == 0.0) { /* then the header says that nothing is scaled */
            out->slope = 1.0;
            out->inter = 0.0;
        }
        return isfinite(out->inter) ? CSEG_OK : fail(err, CSEG_CORRUPT, "%s: the voxels' offset is no number", path);
    }
    return fail(err, CSEG_CORRUPT, "%s: is no NIfTI file with its voxels in it (.nii), or is damaged", path);
}

static double raw_at(const nifti *v, const uint8_t *p, int bytes)
{
    uint64_t raw = get(p, bytes, v->big);
    switch (v->type) {
    case I8:
        return (int8_t)raw;
    case I16:
        return (int16_t)raw;
    case I32:
        return (int32_t)raw;
    case I64:
        return (double)(int64_t)raw;
    case F32:
    case F64:
        return get_float(p, bytes, v->big);
    default:
        return (double)raw;
    }
}

double nifti_at(const nifti *v, int64_t i, int64_t j, int64_t k)
{
    int bytes = bytes_of(v->type);
    double raw = raw_at(v, v->voxels + ((k * v->size[1] + j) * v->size[0] + i) * bytes, bytes);
    return raw * v->slope + v->inter;
}
