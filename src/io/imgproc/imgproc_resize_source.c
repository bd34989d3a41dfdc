/* Fetches the part of a source that a resized window is made from: decodes or reads it, and moves the tables to it. */
#include "io/imgproc/imgproc_resize.h"

/* First and last place along both axes of the source. */
typedef struct reach {
    int64_t y[2], x[2];
} reach;

static void taps_range(const resizer_axis *a, int64_t n, int taps, int64_t from, int64_t out[2])
{
    out[0] = resize_clamp(a->at[0], 0, from - 1);
    out[1] = resize_clamp(a->at[n - 1] + taps - 1, 0, from - 1);
}

static reach find_reach(const resizer *r)
{
    reach o = {{r->y0, r->y0 + r->h - 1}, {r->x0, r->x0 + r->w - 1}};
    switch (r->how) {
    case BY_COPY:
        break;
    case BY_NEAREST:
        o.y[0] = r->near_y[0], o.y[1] = r->near_y[r->h - 1];
        o.x[0] = r->near_x[0], o.x[1] = r->near_x[r->w - 1];
        break;
    case BY_LINEAR_U8:
    case BY_TAPS:
        taps_range(&r->y, r->h, r->taps, r->src->h, o.y);
        taps_range(&r->x, r->w, r->taps, r->src->w, o.x);
        break;
    case BY_HALVES_U8:
    case BY_BLOCKS:
        o.y[0] *= r->block_h, o.y[1] = o.y[0] + r->h * r->block_h - 1;
        o.x[0] *= r->block_w, o.x[1] = o.x[0] + r->w * r->block_w - 1;
        break;
    case BY_AREA:
        o.y[0] = r->ay.index[0], o.y[1] = r->ay.index[r->ay.first[r->h] - 1];
        o.x[0] = r->ax.index[0], o.x[1] = r->ax.index[r->ax.first[r->w] - 1];
        break;
    }
    return o;
}

void resize_find_fast(resizer *r)
{
    int64_t step = r->src->type == IMAGE_U8 ? 8 : 4, need = r->c + (r->c + step - 1) / step * step;
    r->fast_x = 0;
    while (r->fast_x < r->w && (int64_t)r->x.at[r->fast_x] * r->c + need <= r->src->w * r->c)
        r->fast_x++;
}

static void move(int32_t *at, int64_t n, int64_t by)
{
    for (int64_t i = 0; i < n; i++)
        at[i] -= (int32_t)by;
}

/* Moves the tables to the part's corner. Places before the picture's first row or column are clamped to it; they stay
 * before the part too, which then begins with the picture. The same for places behind the last row or column. */
static void move_tables(resizer *r)
{
    switch (r->how) {
    case BY_NEAREST:
        move(r->near_y, r->h, r->part_y);
        move(r->near_x, r->w, r->part_x);
        if (r->shuffles)
            resize_prepare_nearest(r);
        break;
    case BY_LINEAR_U8:
    case BY_TAPS:
        move(r->y.at, r->h, r->part_y);
        move(r->x.at, r->w, r->part_x);
        resize_find_fast(r);
        break;
    case BY_AREA:
        move(r->ay.index, r->ay.first[r->h], r->part_y);
        move(r->ax.index, r->ax.first[r->w], r->part_x);
        break;
    default:
        break;
    }
}

static cseg_status read_part(resizer *r, const resize_source *from, const reach *o, cseg_error *err)
{
    int64_t h = o->y[1] - o->y[0] + 1, w = o->x[1] - o->x[0] + 1;
    TRY(from->read(from->arg, o->y[0], o->x[0], h, w, &r->part, err));
    if (r->part.h != h || r->part.w != w || r->part.c != r->src->c || r->part.type != r->src->type)
        return fail(err, CSEG_SHAPE, "a window of %lld x %lld came as %lld x %lld with %lld channels of %s",
                    (long long)h, (long long)w, (long long)r->part.h, (long long)r->part.w, (long long)r->part.c,
                    image_type_name(r->part.type));
    r->src = &r->part;
    r->part_y = o->y[0];
    r->part_x = o->x[0];
    move_tables(r);
    return CSEG_OK;
}

cseg_status resize_get_source(resizer *r, const resize_source *from, cseg_error *err)
{
    const image *m = r->src;
    if (!from && !m->coded)
        return CSEG_OK;
    reach o = find_reach(r);
    if (from)
        return read_part(r, from, &o, err);
    if (r->fused) /* whole rows are widened */
        o.x[0] = 0, o.x[1] = m->w - 1;
    TRY(image_decode_part(m, o.y[0], o.x[0], o.y[1] - o.y[0] + 1, o.x[1] - o.x[0] + 1, &r->part, err));
    r->src = &r->part;
    return CSEG_OK;
}
