/* Computes where the tiles of Winograd's convolutions are, and how channels are cut. */
#include "backend/cpu/winograd.h"

enum { TILE = 4, BLOCK_FLOATS = 64 };

wino_geometry wino_geometry_of(const int64_t *x, const int64_t *y, const int64_t *w, const conv_attr *a, bool grad_data)
{
    wino_geometry g = {.images = x[0], .k = x[3], .n = y[3], .total = x[0]};
    for (int i = 0; i < 2; i++) {
        g.in[i] = x[1 + i];
        g.out[i] = y[1 + i];
        g.taps[i] = w[2 + i];
        g.step[i] = g.taps[i] > 1 ? a->dilation[i] : 1;
        g.tile[i] = g.taps[i] > 1 ? TILE : 1;
        g.pad[i] = grad_data ? (g.taps[i] - 1) * g.step[i] - a->pad[i] : a->pad[i];
        int64_t phase = (g.out[i] + g.step[i] - 1) / g.step[i];
        g.tiles[i] = (phase + g.tile[i] - 1) / g.tile[i];
        g.total *= g.step[i] * g.tiles[i];
    }
    return g;
}

cseg_status wino_geometry_zeros(wino_geometry *g, arena *mem, cseg_error *err)
{
    g->zeros = ARENA_ARRAY(mem, (size_t)(g->k > g->n ? g->k : g->n), float);
    return g->zeros ? CSEG_OK : fail_memory(err);
}

const winograd_form *wino_form(const winograd_table *t, const wino_geometry *g)
{
    return g->taps[0] == g->taps[1] ? &t->square : &t->strip;
}

wino_place wino_place_of(const wino_geometry *g, int64_t tile)
{
    wino_place p = {.tile = tile, .across = tile % g->tiles[1]};
    tile /= g->tiles[1];
    int64_t down = tile % g->tiles[0];
    tile /= g->tiles[0];
    p.first[1] = p.across * g->tile[1] * g->step[1] + tile % g->step[1];
    tile /= g->step[1];
    p.first[0] = down * g->tile[0] * g->step[0] + tile % g->step[0];
    p.image = tile / g->step[0];
    return p;
}

void wino_place_next(const wino_geometry *g, wino_place *p)
{
    if (++p->across == g->tiles[1]) {
        *p = wino_place_of(g, p->tile + 1);
        return;
    }
    p->tile++;
    p->first[1] += g->tile[1] * g->step[1];
}

/* Whether `size` pixels down and across from `first` on lie inside of a map. */
static bool is_inside(const wino_geometry *g, const int64_t first[2], const int64_t size[2], const int64_t map[2])
{
    bool inside = true;
    for (int i = 0; i < 2; i++)
        inside = inside && first[i] >= 0 && first[i] + (size[i] - 1) * g->step[i] < map[i];
    return inside;
}

/* Gives the pixels of a tile that lies inside, `row` and `col` bytes apart. */
static inline void pixels_inside(const char *at, int64_t row, int64_t col, int64_t rows, int64_t columns,
                                 const void **to)
{
    for (int64_t i = 0; i < rows; i++, at += row)
        for (int64_t j = 0; j < columns; j++)
            *to++ = at + j * col;
}

/* The same for `size` pixels down and across; squares, which are most, have loops of constant length. */
static void inside(const wino_geometry *g, const char *base, int64_t width, const int64_t first[2],
                   const int64_t size[2], int64_t pixel, const void **to)
{
    const char *at = base + (first[0] * width + first[1]) * pixel;
    int64_t row = g->step[0] * width * pixel, col = g->step[1] * pixel;
    if (size[0] == TILE && size[1] == TILE)
        pixels_inside(at, row, col, TILE, TILE, to);
    else if (size[0] == TILE + 2 && size[1] == TILE + 2)
        pixels_inside(at, row, col, TILE + 2, TILE + 2, to);
    else
        pixels_inside(at, row, col, size[0], size[1], to);
}

void wino_tile_input(const wino_geometry *g, const wino_place *p, const void *x, size_t size, const void **at)
{
    int64_t pixel = g->k * (int64_t)size, first[2], pixels[2];
    const char *base = (const char *)x + p->image * g->in[0] * g->in[1] * pixel;
    for (int i = 0; i < 2; i++) {
        first[i] = p->first[i] - g->pad[i];
        pixels[i] = g->tile[i] + g->taps[i] - 1;
    }
    if (is_inside(g, first, pixels, g->in)) {
        inside(g, base, g->in[1], first, pixels, pixel, at);
        return;
    }
    for (int64_t i = 0, row = first[0]; i < pixels[0]; i++, row += g->step[0])
        for (int64_t j = 0, col = first[1]; j < pixels[1]; j++, col += g->step[1]) {
            bool in_map = row >= 0 && row < g->in[0] && col >= 0 && col < g->in[1];
            *at++ = in_map ? base + (row * g->in[1] + col) * pixel : (const void *)g->zeros;
        }
}

void wino_tile_output(const wino_geometry *g, const wino_place *p, const void *y, size_t size, const void **at)
{
    int64_t pixel = g->n * (int64_t)size, row = p->first[0];
    const char *base = (const char *)y + p->image * g->out[0] * g->out[1] * pixel;
    if (is_inside(g, p->first, g->tile, g->out)) {
        inside(g, base, g->out[1], p->first, g->tile, pixel, at);
        return;
    }
    for (int64_t i = 0; i < g->tile[0]; i++, row += g->step[0]) {
        int64_t col = p->first[1];
        for (int64_t j = 0; j < g->tile[1]; j++, col += g->step[1])
            *at++ = row < g->out[0] && col < g->out[1] ? base + (row * g->out[1] + col) * pixel : NULL;
    }
}

static wino_range cut(int64_t total, int64_t pieces, int64_t i)
{
    int64_t from = total * i / pieces;
    return (wino_range){from, total * (i + 1) / pieces - from};
}

wino_blocks wino_blocks_of(const winograd_table *t, int64_t n)
{
    wino_blocks b = {.vec = t->vec, .panels = t->panels, .vectors = (n + t->vec - 1) / t->vec};
    int64_t most = BLOCK_FLOATS / t->vec;
    b.count = (b.vectors + most - 1) / most;
    return b;
}

const simd_table *wino_simd(const cpu_backend *b, int64_t n)
{
    const simd_table *half = simd_halved(b->simd);
    wino_blocks w = wino_blocks_of(b->simd->winograd, n), h = wino_blocks_of(half->winograd, n);
    /* 80 lanes instead of 72 are no loss: long vectors take fewer instructions. */
    return w.vectors * w.vec * 7 > h.vectors * h.vec * 8 ? half : b->simd;
}

wino_range wino_block(const wino_blocks *b, int64_t i)
{
    return cut(b->vectors, b->count, i);
}

int64_t wino_panels(const wino_blocks *b, int64_t size)
{
    return (size + b->panels - 1) / b->panels;
}

wino_range wino_panel(const wino_blocks *b, int64_t size, int64_t i)
{
    return cut(size, wino_panels(b, size), i);
}
