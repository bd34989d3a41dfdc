/* Computes where the tiles of Winograd's convolutions are, and how channels are cut. */
#include "backend/cpu/winograd.h"

#include "backend/cpu/simd/tables.h"

enum { TILE = 4, BLOCK_FLOATS = 64 };

wino_geometry wino_geometry_of(const int64_t *x, const int64_t *y, const conv_attr *a, bool grad_data)
{
    wino_geometry g = {.images = x[0], .step = a->dilation[0], .k = x[3], .n = y[3]};
    g.total = g.images * g.step * g.step;
    for (int i = 0; i < 2; i++) {
        g.in[i] = x[1 + i];
        g.out[i] = y[1 + i];
        g.pad[i] = grad_data ? 2 * g.step - a->pad[i] : a->pad[i];
        int64_t phase = (g.out[i] + g.step - 1) / g.step;
        g.tiles[i] = (phase + TILE - 1) / TILE;
        g.total *= g.tiles[i];
    }
    return g;
}

cseg_status wino_geometry_zeros(wino_geometry *g, arena *mem, cseg_error *err)
{
    g->zeros = ARENA_ARRAY(mem, (size_t)(g->k > g->n ? g->k : g->n), float);
    return g->zeros ? CSEG_OK : fail_memory(err);
}

/* Returns the tile's image, and sets the first pixel of the output down and across. */
static int64_t locate(const wino_geometry *g, int64_t tile, int64_t first[2])
{
    int64_t across = tile % g->tiles[1];
    tile /= g->tiles[1];
    int64_t down = tile % g->tiles[0];
    tile /= g->tiles[0];
    first[1] = across * TILE * g->step;
    first[0] = down * TILE * g->step;
    if (g->step == 1)
        return tile;
    first[1] += tile % g->step;
    tile /= g->step;
    first[0] += tile % g->step;
    return tile / g->step;
}

/* Whether `size` pixels from `first` on lie inside of a map both down and across. */
static bool is_inside(const int64_t first[2], int64_t size, int64_t step, const int64_t map[2])
{
    int64_t last = (size - 1) * step;
    return first[0] >= 0 && first[1] >= 0 && first[0] + last < map[0] && first[1] + last < map[1];
}

/* Gives the pixels of a square that lies inside, of `side` pixels: a constant where this is called. */
static inline void inside(const char *at, int64_t row, int64_t col, int side, const void **to)
{
    for (int i = 0; i < side; i++, at += row)
        for (int j = 0; j < side; j++)
            to[side * i + j] = at + j * col;
}

void wino_tile_input(const wino_geometry *g, int64_t tile, const void *x, size_t size, const void **at)
{
    int64_t first[2], image = locate(g, tile, first), pixel = g->k * (int64_t)size;
    const char *base = (const char *)x + image * g->in[0] * g->in[1] * pixel;
    int64_t from[2] = {first[0] - g->pad[0], first[1] - g->pad[1]};
    if (is_inside(from, TILE + 2, g->step, g->in)) {
        inside(base + (from[0] * g->in[1] + from[1]) * pixel, g->step * g->in[1] * pixel, g->step * pixel, TILE + 2,
               at);
        return;
    }
    for (int i = 0; i < 6; i++) {
        int64_t row = from[0] + i * g->step;
        for (int j = 0; j < 6; j++) {
            int64_t col = from[1] + j * g->step;
            bool inside = row >= 0 && row < g->in[0] && col >= 0 && col < g->in[1];
            at[6 * i + j] = inside ? base + (row * g->in[1] + col) * pixel : (const void *)g->zeros;
        }
    }
}

void wino_tile_output(const wino_geometry *g, int64_t tile, const void *y, size_t size, const void **at)
{
    int64_t first[2], image = locate(g, tile, first), pixel = g->n * (int64_t)size;
    const char *base = (const char *)y + image * g->out[0] * g->out[1] * pixel;
    if (is_inside(first, TILE, g->step, g->out)) {
        inside(base + (first[0] * g->out[1] + first[1]) * pixel, g->step * g->out[1] * pixel, g->step * pixel, TILE,
               at);
        return;
    }
    for (int i = 0; i < TILE; i++) {
        int64_t row = first[0] + i * g->step;
        for (int j = 0; j < TILE; j++) {
            int64_t col = first[1] + j * g->step;
            bool inside = row < g->out[0] && col < g->out[1];
            at[TILE * i + j] = inside ? base + (row * g->out[1] + col) * pixel : NULL;
        }
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

/* Zen 4 has AVX-512, and computes a vector in two halves. */
static bool halves_vectors(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_is("amdfam19h");
#else
    return false;
#endif
}

const simd_table *wino_simd(const cpu_backend *b, int64_t n)
{
    const simd_table *half = &simd_table_avx2;
    if (b->simd != &simd_table_avx512 || !halves_vectors())
        return b->simd;
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
