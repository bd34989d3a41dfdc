#include "backend/cpu/tiles.h"

enum { TASK_ROWS = 32 };

bool tiling_init(tiling *t, const cpu_backend *b, const tensor *logits, const tensor *label, const resize_attr *how,
                 arena *mem)
{
    int64_t classes = logits->dim[logits->rank - 1];
    *t = (tiling){.v = b->simd->loss, .resized = how != NULL, .images = 1, .rows = 1, .width = tensor_count(label)};
    if (how) {
        t->images = label->dim[0], t->rows = label->dim[1], t->width = label->dim[2];
        if (!interpolation_init(&t->y, logits->dim[1], t->rows, how->align_corners, how->nearest, how->scale_h, mem) ||
            !interpolation_init(&t->x, logits->dim[2], t->width, how->align_corners, how->nearest, how->scale_w, mem))
            return false;
    }
    t->classes = classes;
    /* Five tiles of a thread should fit into the first-level cache, or nearly. */
    t->lanes = classes <= 32 ? LOSS_LANES : classes <= 64 ? LOSS_LANES / 2 : LOSS_LANES / 4;
    t->across = (t->width + t->lanes - 1) / t->lanes;
    return true;
}

tile_column tile_column_at(const tiling *t, const float *logits, int64_t image, int64_t column, float *room)
{
    tile_column c = {.t = t,
                     .logits = logits,
                     .image = image,
                     .first = column * t->lanes,
                     .pixels = {.classes = t->classes},
                     .kept = {room, room + tiling_floats(t)},
                     .row = {-1, -1}};
    c.pixels.n = t->width - c.first < t->lanes ? t->width - c.first : t->lanes;
    if (t->resized) {
        c.logits += image * t->y.in * t->x.in * t->classes;
        c.pixels.i0 = t->x.i0 + c.first;
        c.pixels.i1 = t->x.i1 + c.first;
        c.pixels.w = t->x.w + c.first;
    } else {
        c.logits += c.first * t->classes;
    }
    return c;
}

/* Returns row r of the small logits, interpolated along x. */
static const float *spread_row(tile_column *c, int64_t r)
{
    const tiling *t = c->t;
    float *to = c->kept[r % 2];
    if (c->row[r % 2] != r) {
        t->v->spread(&c->pixels, c->logits + r * (t->resized ? t->x.in * t->classes : 0), to, t->lanes);
        c->row[r % 2] = r;
    }
    return to;
}

loss_tile tile_at(tile_column *c, int64_t row)
{
    const tiling *t = c->t;
    loss_tile tile = {.classes = t->classes, .lanes = t->lanes};
    if (!t->resized) {
        tile.a = spread_row(c, 0);
        return tile;
    }
    tile.a = spread_row(c, t->y.i0[row]);
    if (t->y.i1[row] != t->y.i0[row] && t->y.w[row] != 0) {
        tile.b = spread_row(c, t->y.i1[row]);
        tile.w = t->y.w[row];
    }
    return tile;
}

static parts row_parts(const tiling *t)
{
    return parts_of(t->rows, TASK_ROWS);
}

int64_t tile_task_count(const tiling *t)
{
    return t->images * row_parts(t).count * t->across;
}

tile_task tile_task_at(const tiling *t, int64_t i)
{
    parts p = row_parts(t);
    int64_t part = i / t->across % p.count, r0 = part * TASK_ROWS;
    return (tile_task){i / t->across / p.count, i % t->across, r0, r0 + parts_size(&p, part)};
}
