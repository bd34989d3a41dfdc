#include "io/imgproc/imgproc_resize.h"
#include "base/arena.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* One axis of the resize: source and output length, and the part of the output that is wanted. */
typedef struct axis_plan {
    int64_t from, to, start, n;
    double scale; /* source samples an output sample, as OpenCV rounds it: 1 / (to / from) */
} axis_plan;

static axis_plan plan_axis(int64_t from, int64_t to, int64_t start, int64_t n)
{
    return (axis_plan){from, to, start, n, 1.0 / ((double)to / (double)from)};
}

static bool whole_scale(double scale, int *out)
{
    double rounded = nearbyint(scale);
    *out = rounded < 1e6 ? (int)rounded : 0;
    return fabs(scale - rounded) < DBL_EPSILON && rounded >= 1 && rounded < 1e6;
}

static void cubic_weights(float x, float w[4])
{
    const float a = -0.75f;
    w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    w[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    w[3] = 1.f - w[0] - w[1] - w[2];
}

/* Fills the axis's tables. `clamps`: along x OpenCV drops the fraction at both ends; along y it clamps the rows and
 * keeps the fraction. `area`: the weights of RESIZE_AREA when it enlarges. `fused`: places in double, as IPP has them.
 */
static void fill_taps(resizer_axis *axis, const axis_plan *p, int taps, bool clamps, bool area, bool fused)
{
    for (int64_t i = 0; i < p->n; i++) {
        int64_t d = p->start + i;
        float f;
        int64_t s;
        if (area) {
            s = (int64_t)floor((double)d * p->scale);
            f = (float)((double)(d + 1) - (double)(s + 1) * ((double)p->to / (double)p->from));
            f = f <= 0 ? 0.f : f - floorf(f);
        } else if (fused) {
            double place = ((double)d + 0.5) * ((double)p->from / (double)p->to) - 0.5;
            s = (int64_t)floor(place);
            f = (float)(place - floor(place));
        } else {
            f = (float)(((double)d + 0.5) * p->scale - 0.5);
            s = (int64_t)floorf(f);
            f -= (float)s;
        }
        float *w = axis->weight + i * taps;
        if (taps == 4) {
            cubic_weights(f, w);
            s -= 1;
        } else {
            if (clamps && (s < 0 || s >= p->from - 1)) {
                s = s < 0 ? 0 : p->from - 1;
                f = 0;
            }
            w[0] = 1.f - f;
            w[1] = f;
        }
        axis->at[i] = (int32_t)s;
        for (int k = 0; k < taps; k++)
            axis->fixed[i * taps + k] = (int16_t)resize_clamp((int64_t)nearbyintf(w[k] * RESIZE_ONE), -32768, 32767);
        if (taps == 2)
            axis->pair[i] = (int32_t)((uint16_t)axis->fixed[2 * i] | (uint32_t)(uint16_t)axis->fixed[2 * i + 1] << 16);
    }
}

static int64_t put_cell(area_axis *axis, int64_t n, int64_t index, double weight)
{
    if (axis) {
        axis->index[n] = (int32_t)index;
        axis->weight[n] = (float)weight;
    }
    return n + 1;
}

/* Fills the cells of RESIZE_AREA when it shrinks. Returns the number of entries; with axis NULL it only counts. */
static int64_t fill_area(area_axis *axis, const axis_plan *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double low = (double)(p->start + i) * p->scale, high = low + p->scale;
        double cell = fmin(p->scale, (double)p->from - low);
        int64_t s1 = (int64_t)ceil(low), s2 = (int64_t)floor(high);
        s2 = s2 > p->from - 1 ? p->from - 1 : s2;
        s1 = s1 > s2 ? s2 : s1;
        if (axis)
            axis->first[i] = (int32_t)n;
        if ((double)s1 - low > 1e-3)
            n = put_cell(axis, n, s1 - 1, ((double)s1 - low) / cell);
        for (int64_t s = s1; s < s2; s++)
            n = put_cell(axis, n, s, 1.0 / cell);
        if (high - (double)s2 > 1e-3)
            n = put_cell(axis, n, s2, fmin(fmin(high - (double)s2, 1.), cell) / cell);
    }
    if (axis)
        axis->first[p->n] = (int32_t)n;
    return n;
}

/* Hands out parts of one block, 64-byte aligned; with base NULL it only counts. */
typedef struct carver {
    char *base;
    size_t used;
} carver;

static void *carve(carver *c, int64_t n, size_t size)
{
    void *at = c->base ? c->base + c->used : NULL;
    c->used += ((size_t)n * size + 63) / 64 * 64 + 64;
    return at;
}

static void carve_axis(carver *c, resizer_axis *a, int64_t n, int taps)
{
    a->at = carve(c, n, sizeof *a->at);
    a->weight = carve(c, n * taps, sizeof *a->weight);
    a->fixed = carve(c, n * taps, sizeof *a->fixed);
    a->pair = carve(c, n, sizeof *a->pair);
}

static void carve_area(carver *c, area_axis *a, const axis_plan *p)
{
    int64_t n = fill_area(NULL, p);
    a->first = carve(c, p->n + 1, sizeof *a->first);
    a->index = carve(c, n, sizeof *a->index);
    a->weight = carve(c, n, sizeof *a->weight);
}

static void carve_all(resizer *r, carver *c, const axis_plan *px, const axis_plan *py)
{
    if (r->how == BY_NEAREST) {
        r->near_x = carve(c, r->w, sizeof *r->near_x);
        r->near_y = carve(c, r->h, sizeof *r->near_y);
        if (r->c == 1 && r->src->type == IMAGE_U8)
            r->shuffles = carve(c, r->w, 2);
    }
    if (r->how == BY_LINEAR_U8 || r->how == BY_TAPS) {
        carve_axis(c, &r->x, r->w, r->taps);
        carve_axis(c, &r->y, r->h, r->taps);
        for (int i = 0; i < r->taps; i++)
            r->ring[i] = carve(c, r->row_samples, sizeof(float));
        if (r->fused)
            r->wide = carve(c, r->src->w * r->c, sizeof(float));
    }
    if (r->how == BY_AREA) {
        carve_area(c, &r->ax, px);
        carve_area(c, &r->ay, py);
        r->ring[0] = carve(c, r->row_samples, sizeof(float));
        r->sum = carve(c, r->row_samples, sizeof(float));
    }
    if (r->how != BY_COPY)
        r->row = carve(c, r->row_samples, image_type_size(r->src->type));
}

static void fill_nearest(int32_t *at, const axis_plan *p)
{
    for (int64_t i = 0; i < p->n; i++) {
        int64_t s = (int64_t)floor((double)(p->start + i) * p->scale);
        at[i] = (int32_t)(s < p->from - 1 ? s : p->from - 1);
    }
}

/* What opencv-python's OpenCV leaves to IPP. */
static bool fused_kind(const image *m, resize_kind kind, int64_t group)
{
    bool type = m->type == IMAGE_U16 || m->type == IMAGE_F32 || (m->type == IMAGE_U8 && kind == RESIZE_CUBIC);
    return type && (kind == RESIZE_LINEAR || kind == RESIZE_CUBIC) && (group == 1 || group == 3 || group == 4) &&
           m->h > 1 && m->w > 1;
}

/* Chooses the method that gives OpenCV's bits: exact halving by INTER_LINEAR is averaging of blocks, and INTER_AREA
 * that enlarges along either axis is a linear resize with other weights. */
static void choose_way(resizer *r, const delayed *d, const axis_plan *px, const axis_plan *py)
{
    resize_kind kind = d->kind;
    int64_t group = r->group;
    bool usual = group == 1 || group == 3 || group == 4;
    bool whole_x = whole_scale(px->scale, &r->block_w), whole_y = whole_scale(py->scale, &r->block_h);
    bool blocks = whole_x && whole_y;
    if (!d->resizes || (r->src->h == d->full_h && r->src->w == d->full_w))
        r->how = BY_COPY;
    else if (kind == RESIZE_NEAREST)
        r->how = BY_NEAREST;
    else if (kind == RESIZE_AREA && px->scale >= 1 && py->scale >= 1)
        r->how = blocks ? BY_BLOCKS : BY_AREA;
    else if (fused_kind(r->src, kind, group)) {
        r->fused = true;
        r->taps = kind == RESIZE_CUBIC ? 4 : 2;
        r->how = BY_TAPS;
    } else if (kind == RESIZE_LINEAR && blocks && r->block_w == 2 && r->block_h == 2)
        r->how = usual && r->src->type == IMAGE_U8 ? BY_HALVES_U8 : BY_BLOCKS;
    else {
        r->taps = kind == RESIZE_CUBIC ? 4 : 2;
        r->how = r->taps == 2 && r->src->type == IMAGE_U8 ? BY_LINEAR_U8 : BY_TAPS;
    }
}

cseg_status resizer_open(const image *src, const delayed *d, resizer **out, cseg_error *err)
{
    return resizer_open_from(src, NULL, d, out, err);
}

cseg_status resizer_open_from(const image *src, const resize_source *from, const delayed *d, resizer **out,
                              cseg_error *err)
{
    *out = NULL;
    if (src->h < 1 || src->w < 1 || d->h < 1 || d->w < 1 || d->full_h > IMAGE_MAX_SIDE || d->full_w > IMAGE_MAX_SIDE)
        return fail(err, CSEG_SHAPE, "cannot resize an image of %lld x %lld to %lld x %lld", (long long)src->h,
                    (long long)src->w, (long long)d->full_h, (long long)d->full_w);
    resizer *r = mem_alloc(sizeof *r);
    if (!r)
        return fail_memory(err);
    r->src = src;
    r->c = src->c;
    r->h = d->h;
    r->w = d->w;
    r->row_samples = d->w * src->c;
    r->y0 = d->y;
    r->x0 = d->x;
    r->full_w = d->full_w;
    r->group = d->group ? d->group : src->c;
    axis_plan px = plan_axis(src->w, d->full_w, d->x, d->w), py = plan_axis(src->h, d->full_h, d->y, d->h);
    choose_way(r, d, &px, &py);
    cseg_status status = CSEG_OK;
    if (src->type == IMAGE_I32 && r->how != BY_COPY && r->how != BY_NEAREST) {
        status = fail(err, CSEG_UNSUPPORTED, "32-bit integer images can be resized by the nearest sample only");
        goto done;
    }
    carver count = {0};
    carve_all(r, &count, &px, &py);
    r->block = mem_alloc(count.used + 64);
    if (!r->block) {
        status = fail_memory(err);
        goto done;
    }
    carver real = {r->block, 0};
    carve_all(r, &real, &px, &py);
    for (int i = 0; i < RESIZE_MAX_TAPS; i++)
        r->held[i] = -1;
    if (r->how == BY_NEAREST) {
        fill_nearest(r->near_x, &px);
        fill_nearest(r->near_y, &py);
        if (r->shuffles)
            resize_prepare_nearest(r);
    }
    if (r->how == BY_LINEAR_U8 || r->how == BY_TAPS) {
        fill_taps(&r->x, &px, r->taps, true, d->kind == RESIZE_AREA, r->fused);
        fill_taps(&r->y, &py, r->taps, false, d->kind == RESIZE_AREA, r->fused);
        resize_find_fast(r);
    }
    if (r->how == BY_AREA) {
        fill_area(&r->ax, &px);
        fill_area(&r->ay, &py);
    }
    status = resize_get_source(r, from, err);
done:
    if (status != CSEG_OK)
        resizer_close(r);
    else
        *out = r;
    return status;
}

void resizer_close(resizer *r)
{
    if (!r)
        return;
    image_release(&r->part);
    mem_free(r->block);
    mem_free(r);
}

const void *resizer_row(resizer *r, int64_t y)
{
    switch (r->how) {
    case BY_COPY:
        return image_at(r->src, r->y0 - r->part_y + y, r->x0 - r->part_x);
    case BY_NEAREST:
        resize_nearest_row(r, y);
        break;
    case BY_LINEAR_U8:
        resize_linear_u8_row(r, y);
        break;
    case BY_HALVES_U8:
        resize_halves_u8_row(r, y);
        break;
    case BY_TAPS:
        resize_taps_row(r, y);
        break;
    case BY_BLOCKS:
        resize_blocks_row(r, y);
        break;
    case BY_AREA:
        resize_area_row(r, y);
        break;
    }
    return r->row;
}

cseg_status imgproc_new(int64_t h, int64_t w, int64_t c, image_type t, image *out, cseg_error *err)
{
    *out = (image){0};
    if (h < 1 || w < 1 || h > IMAGE_MAX_SIDE || w > IMAGE_MAX_SIDE ||
        h * w > IMAGE_MAX_BYTES / (c * (int64_t)image_type_size(t)))
        return fail(err, CSEG_SHAPE, "cannot make an image of %lld x %lld pixels", (long long)h, (long long)w);
    image m = {.h = h, .w = w, .c = c, .type = t};
    m.data = mem_alloc_raw((size_t)(h * w * c) * image_type_size(t));
    if (!m.data)
        return fail_memory(err);
    *out = m;
    return CSEG_OK;
}

cseg_status imgproc_settle(const image *src, const delayed *d, image *out, cseg_error *err)
{
    *out = (image){0};
    resizer *r = NULL;
    TRY(resizer_open(src, d, &r, err));
    cseg_status status = imgproc_new(d->h, d->w, src->c, src->type, out, err);
    size_t pixel = (size_t)src->c * image_type_size(src->type);
    for (int64_t y = 0; y < d->h && status == CSEG_OK; y++) {
        const void *row = resizer_row(r, y);
        void *to = image_at(out, d->flip_y ? d->h - 1 - y : y, 0);
        if (d->flip_x)
            imgproc_reverse(to, row, d->w, pixel);
        else
            memcpy(to, row, (size_t)d->w * pixel);
    }
    resizer_close(r);
    return status;
}

cseg_status imgproc_resize(const image *src, int64_t h, int64_t w, resize_kind kind, image *out, cseg_error *err)
{
    delayed d = {.any = true, .resizes = true, .kind = kind, .full_h = h, .full_w = w, .h = h, .w = w};
    return imgproc_settle(src, &d, out, err);
}
