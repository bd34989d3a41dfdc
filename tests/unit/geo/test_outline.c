/* Outlines against GDALPolygonize, and simplified ones against what no simplifying may change. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cpl_conv.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <ogr_api.h>

#include "base/random.h"
#include "base/usage.h"
#include "geo/outline/outline.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;

typedef struct shape {
    int label;
    double area, box[4];
    OGRGeometryH polygon;
    int64_t pixels, scored;
    uint64_t score;
} shape;
typedef struct shapes {
    shape *at;
    size_t n, cap, points;
} shapes;

static void shapes_add(shapes *l, shape s)
{
    OGREnvelope e;
    OGR_G_GetEnvelope(s.polygon, &e);
    memcpy(s.box, (double[4]){e.MinX, e.MinY, e.MaxX, e.MaxY}, sizeof s.box);
    if (l->n == l->cap)
        l->at = realloc(l->at, (l->cap = l->cap ? 2 * l->cap : 64) * sizeof *l->at);
    l->at[l->n++] = s;
}

static void shapes_free(shapes *l)
{
    for (size_t i = 0; i < l->n; i++)
        OGR_G_DestroyGeometry(l->at[i].polygon);
    free(l->at);
    *l = (shapes){0};
}

/* In a picture whose first row is on top. */
static bool counter_clockwise(const outline_ring *r)
{
    double sum = 0.0;
    for (size_t i = 0; i < r->n; i++) {
        outline_point a = r->at[i], b = r->at[(i + 1) % r->n];
        sum += (double)a.y * b.x - (double)a.x * b.y;
    }
    return sum > 0.0;
}

static cseg_status keep_shape(void *arg, const outline_shape *s, cseg_error *e)
{
    (void)e;
    shapes *l = arg;
    OGRGeometryH polygon = NULL, all = OGR_G_CreateGeometry(wkbMultiPolygon);
    for (size_t i = 0; i < s->n_rings; i++) {
        const outline_ring *r = &s->rings[i];
        OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
        for (size_t k = 0; k <= r->n; k++)
            OGR_G_AddPoint_2D(ring, r->at[k % r->n].x, r->at[k % r->n].y);
        l->points += r->n;
        assert_int_equal(counter_clockwise(r), r->outer);
        if (r->outer) {
            if (polygon)
                OGR_G_AddGeometryDirectly(all, polygon);
            polygon = OGR_G_CreateGeometry(wkbPolygon);
        }
        assert_non_null(polygon);
        OGR_G_AddGeometryDirectly(polygon, ring);
    }
    OGR_G_AddGeometryDirectly(all, polygon);
    assert_true(OGR_G_IsValid(all));
    shapes_add(l, (shape){.label = s->label,
                          .area = OGR_G_Area(all),
                          .polygon = all,
                          .pixels = s->pixels,
                          .score = s->score,
                          .scored = s->scored});
    return CSEG_OK;
}

typedef struct grid {
    int w, h;
    int32_t *at;
} grid;

static grid grid_new(int w, int h)
{
    grid g = {w, h, calloc((size_t)w * (size_t)h, sizeof(int32_t))};
    return g;
}

static const ground unplaced = {.transform = {0, 1, 0, 0, 0, 1}, .projection = ""};

static shapes outline_all(const grid *g, bool diagonal, double tolerance)
{
    shapes l = {0};
    arena *mem = arena_new();
    outline *o;
    outline_options how = {.w = g->w,
                           .h = g->h,
                           .diagonal = diagonal,
                           .ground = &unplaced,
                           .tolerance = tolerance,
                           .emit = keep_shape,
                           .arg = &l};
    assert_int_equal(outline_new(&how, mem, &o, &err), CSEG_OK);
    for (int y = 0; y < g->h; y++)
        assert_int_equal(outline_row(o, g->at + (size_t)y * (size_t)g->w, NULL, &err), CSEG_OK);
    assert_int_equal(outline_row(o, g->at, NULL, &err), CSEG_USAGE);
    arena_free(mem);
    return l;
}

static shapes gdal_polygons(const grid *g, bool diagonal)
{
    shapes l = {0};
    GDALDatasetH set = GDALCreate(GDALGetDriverByName("MEM"), "", g->w, g->h, 1, GDT_Int32, NULL);
    assert_int_equal(
        GDALRasterIO(GDALGetRasterBand(set, 1), GF_Write, 0, 0, g->w, g->h, g->at, g->w, g->h, GDT_Int32, 0, 0),
        CE_None);
    GDALDatasetH vector = GDALCreate(GDALGetDriverByName("Memory"), "", 0, 0, 0, GDT_Unknown, NULL);
    OGRLayerH layer = GDALDatasetCreateLayer(vector, "p", NULL, wkbPolygon, NULL);
    OGRFieldDefnH field = OGR_Fld_Create("v", OFTInteger);
    OGR_L_CreateField(layer, field, TRUE);
    OGR_Fld_Destroy(field);
    char *options[] = {"8CONNECTED=8", NULL};
    assert_int_equal(GDALPolygonize(GDALGetRasterBand(set, 1), NULL, layer, 0, diagonal ? options : NULL, NULL, NULL),
                     CE_None);
    OGRFeatureH f;
    while ((f = OGR_L_GetNextFeature(layer))) {
        int label = OGR_F_GetFieldAsInteger(f, 0);
        /* A ring of GDAL's may touch itself. */
        if (label >= 0) {
            OGRGeometryH p = OGR_G_MakeValid(OGR_F_GetGeometryRef(f));
            assert_non_null(p);
            shapes_add(&l, (shape){.label = label, .area = OGR_G_Area(p), .polygon = p});
        }
        OGR_F_Destroy(f);
    }
    GDALClose(vector);
    GDALClose(set);
    return l;
}

static int count_rings(OGRGeometryH g)
{
    int n = 0, parts = OGR_G_GetGeometryCount(g);
    if (wkbFlatten(OGR_G_GetGeometryType(g)) == wkbLineString)
        return 1;
    for (int i = 0; i < parts; i++)
        n += count_rings(OGR_G_GetGeometryRef(g, i));
    return n;
}

static int by_all(const void *a, const void *b)
{
    const shape *s = a, *t = b;
    if (s->label != t->label)
        return s->label < t->label ? -1 : 1;
    double x[5] = {s->area, s->box[0], s->box[1], s->box[2], s->box[3]},
           y[5] = {t->area, t->box[0], t->box[1], t->box[2], t->box[3]};
    for (int i = 0; i < 5; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static void same_as_gdal(const grid *g, bool diagonal)
{
    shapes ours = outline_all(g, diagonal, 0.0), theirs = gdal_polygons(g, diagonal);
    int64_t pixels = 0, all = 0;
    assert_int_equal(ours.n, theirs.n);
    if (ours.n) {
        qsort(ours.at, ours.n, sizeof *ours.at, by_all);
        qsort(theirs.at, theirs.n, sizeof *theirs.at, by_all);
    }
    for (size_t i = 0; i < ours.n; i++) {
        const shape *s = &ours.at[i], *t = &theirs.at[i];
        assert_int_equal(s->label, t->label);
        assert_true(s->area == t->area);
        assert_true(s->area == (double)s->pixels);
        assert_int_equal(count_rings(s->polygon), count_rings(t->polygon));
        OGRGeometryH difference = OGR_G_SymDifference(s->polygon, t->polygon);
        assert_true(OGR_G_IsEmpty(difference));
        OGR_G_DestroyGeometry(difference);
        pixels += s->pixels;
    }
    for (int64_t i = 0; i < (int64_t)g->w * g->h; i++)
        all += g->at[i] >= 0;
    assert_int_equal(pixels, all);
    shapes_free(&ours);
    shapes_free(&theirs);
}

/* Simplified: valid (keep_shape looks), as many, none empty, without gaps or overlaps between neighbours; no further
 * off than the tolerance. */
static size_t keeps_order(const grid *g, bool diagonal, double tolerance)
{
    shapes plain = outline_all(g, diagonal, 0.0), thin = outline_all(g, diagonal, tolerance);
    double sum = 0.0, all = 0.0;
    size_t points = thin.points;
    assert_int_equal(plain.n, thin.n);
    assert_true(thin.points <= plain.points * 2);
    for (size_t i = 0; i < thin.n; i++) {
        assert_true(thin.at[i].area > 0.0);
        sum += thin.at[i].area;
        all += plain.at[i].area;
    }
    bool full = true;
    for (int64_t i = 0; i < (int64_t)g->w * g->h; i++)
        full = full && g->at[i] >= 0;
    if (full) /* nothing is lost, and nothing is there twice */
        assert_true(fabs(sum - all) < 1e-6 * all);
    if (thin.n < 50) /* no two overlap */
        for (size_t i = 0; i < thin.n; i++)
            for (size_t k = 0; k < i; k++)
                assert_false(OGR_G_Overlaps(thin.at[i].polygon, thin.at[k].polygon));
    shapes_free(&plain);
    shapes_free(&thin);
    return points;
}

static void all_ways(const grid *g)
{
    for (int diagonal = 0; diagonal < 2; diagonal++) {
        same_as_gdal(g, diagonal);
        keeps_order(g, diagonal, 0.8);
        keeps_order(g, diagonal, 2.5);
        keeps_order(g, diagonal, 40.0);
    }
}

static grid from_text(const char *const *rows, int h)
{
    grid g = grid_new((int)strlen(rows[0]), h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < g.w; x++)
            g.at[y * g.w + x] = rows[y][x] == ' ' ? -1 : rows[y][x] - '0';
    return g;
}

#define DRAWN(...)                                                                                                     \
    do {                                                                                                               \
        static const char *const rows_[] = {__VA_ARGS__};                                                              \
        grid g_ = from_text(rows_, (int)(sizeof rows_ / sizeof *rows_));                                               \
        all_ways(&g_);                                                                                                 \
        free(g_.at);                                                                                                   \
    } while (0)

static void drawn_masks(void **state)
{
    (void)state;
    DRAWN("1");
    DRAWN(" ");
    DRAWN("1122 33311");
    DRAWN("1", "1", " ", "2", "1");
    DRAWN("0101010", "1010101", "0101010", "1010101");
    DRAWN("11111", "10001", "10101", "10001", "11111"); /* a hole within a hole */
    DRAWN("1111", "1011", "1101", "1111");              /* two holes that touch */
    DRAWN("1110", "1011", "1101", "1111");              /* they touch the border too */
    DRAWN("0110", "1001", "1001", "0110");
    DRAWN("10000", "01000", "00100", "00010", "00001");
    DRAWN("1111111", "1      ", "1 11111", "1 1   1", "1 1 1 1", "1 111 1", "1     1", "1111111"); /* a spiral */
    DRAWN("11 22", "1 2 2", " 212 ", "2 1 1", "22 11");
    DRAWN("111", "101", "110"); /* a ring that closes at a corner */
    DRAWN("00000", "01110", "01010", "01100", "00000");
    /* A border that may not become the segment that another has, and whose furthest point lies on the wrong side. */
    DRAWN("2000202", "0002100", "0002000", "0002200", "0002200", "0000000");
}

static void random_masks(void **state)
{
    (void)state;
    rng r = rng_derive(7, 0, 0);
    for (int i = 0; i < 150; i++) {
        grid g = grid_new(1 + (int)rng_below(&r, 24), 1 + (int)rng_below(&r, 24));
        int labels = 1 + (int)rng_below(&r, 4), holes = (int)rng_below(&r, 2);
        for (int k = 0; k < g.w * g.h; k++)
            g.at[k] = (int)rng_below(&r, labels + 1) - holes;
        all_ways(&g);
        free(g.at);
    }
}

/* Blobs: sums of waves, cut at levels; larger than a band of rows if h says so. */
static grid blobs(int w, int h, int labels, double scale)
{
    grid g = grid_new(w, h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double u = x / scale, v = y / scale;
            double f = sin(u) * cos(0.7 * v) + sin(0.31 * u + 1.1 * v) + 0.5 * sin(2.3 * u - 1.7 * v) +
                       0.3 * sin(5.1 * u) * sin(4.3 * v);
            g.at[(size_t)y * (size_t)w + (size_t)x] = (int)floor((f + 2.8) / 5.6 * labels);
        }
    return g;
}

static void blobs_in_several_bands(void **state)
{
    (void)state;
    grid g = blobs(150, 1300, 4, 9.0);
    all_ways(&g);
    size_t plain = keeps_order(&g, false, 0.01), thin = keeps_order(&g, false, 1.0);
    assert_true(thin < plain / 2); /* it does simplify */
    free(g.at);
    /* Noise in which points abound. */
    g = grid_new(90, 600);
    rng r = rng_derive(9, 0, 0);
    for (int k = 0; k < g.w * g.h; k++)
        g.at[k] = rng_below(&r, 5) ? 1 : (int32_t)rng_below(&r, 3) - 1;
    all_ways(&g);
    free(g.at);
}

static void spiral(void **state)
{
    (void)state;
    int n = 301;
    grid g = grid_new(n, n);
    int x = 0, y = 0, dx = 1, dy = 0, length = n - 1;
    g.at[0] = 1;
    for (int turn = 0; length > 0; turn++) {
        for (int i = 0; i < length; i++) {
            x += dx;
            y += dy;
            g.at[y * n + x] = 1;
        }
        int t = dx;
        dx = -dy;
        dy = t;
        if (turn && turn % 2 == 0)
            length -= 2;
    }
    same_as_gdal(&g, false);
    same_as_gdal(&g, true);
    keeps_order(&g, false, 5.0);
    free(g.at);
}

static void straight_lines_need_few_points(void **state)
{
    (void)state;
    grid g = grid_new(400, 400);
    for (int y = 0; y < 400; y++)
        for (int x = 0; x < 400; x++)
            g.at[y * 400 + x] = 3 * x > 2 * y + 100;
    shapes thin = outline_all(&g, false, 1.0);
    assert_int_equal(thin.n, 2);
    assert_true(thin.points <= 12); /* 4 corners of the raster, both ends of the line twice */
    shapes_free(&thin);
    free(g.at);
}

static void scores_are_summed(void **state)
{
    (void)state;
    int32_t row[6] = {1, 1, 2, 2, 1, -1};
    uint8_t score[6] = {250, 100, 255, 7, 255, 9};
    shapes l = {0};
    arena *mem = arena_new();
    outline *o;
    outline_options how = {.w = 6, .h = 2, .ground = &unplaced, .emit = keep_shape, .arg = &l};
    assert_int_equal(outline_new(&how, mem, &o, &err), CSEG_OK);
    assert_int_equal(outline_row(o, row, score, &err), CSEG_OK);
    assert_int_equal(outline_row(o, row, score, &err), CSEG_OK);
    assert_int_equal(l.n, 3);
    qsort(l.at, l.n, sizeof *l.at, by_all);
    assert_int_equal(l.at[0].scored, 0);
    assert_int_equal(l.at[1].score, 700);
    assert_int_equal(l.at[1].scored, 4);
    assert_int_equal(l.at[2].score, 14);
    assert_int_equal(l.at[2].scored, 2);
    arena_free(mem);
    shapes_free(&l);
}

static cseg_status drop_shape(void *arg, const outline_shape *s, cseg_error *e)
{
    (void)e;
    *(int64_t *)arg += s->pixels;
    return CSEG_OK;
}

static int64_t sweep_long(int64_t h, double tolerance, int64_t *pixels)
{
    enum { W = 1000 };
    static int32_t row[W];
    arena *mem = arena_new();
    outline *o;
    outline_options how = {
        .w = W, .h = h, .ground = &unplaced, .tolerance = tolerance, .emit = drop_shape, .arg = pixels};
    assert_int_equal(outline_new(&how, mem, &o, &err), CSEG_OK);
    rng r = rng_derive(3, 0, 0);
    for (int64_t y = 0; y < h; y++) {
        for (int x = 0; x < W; x++)
            if (rng_below(&r, 6) == 0 || y % 50 == 0)
                row[x] = y % 50 == 0 ? -1 : (int32_t)rng_below(&r, 3);
        assert_int_equal(outline_row(o, row, NULL, &err), CSEG_OK);
    }
    int64_t bytes = (int64_t)arena_bytes(mem);
    arena_free(mem);
    return bytes;
}

static void memory_does_not_grow_with_rows(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        int64_t few = 0, many = 0;
        int64_t a = sweep_long(1500, i * 1.5, &few), b = sweep_long(9000, i * 1.5, &many);
        assert_true(few > 1300000 && many > 6 * few - 100000); /* all but the rows in between */
        assert_true(b < a + a / 4);
    }
}

static cseg_status stop_here(void *arg, const outline_shape *s, cseg_error *e)
{
    (void)arg;
    (void)s;
    e->code = CSEG_INTERRUPTED;
    return CSEG_INTERRUPTED;
}

static void a_status_ends_the_sweep(void **state)
{
    (void)state;
    int32_t row[2] = {0, 1};
    arena *mem = arena_new();
    outline *o;
    outline_options how = {.w = 2, .h = 1, .ground = &unplaced, .emit = stop_here};
    assert_int_equal(outline_new(&how, mem, &o, &err), CSEG_OK);
    assert_int_equal(outline_row(o, row, NULL, &err), CSEG_INTERRUPTED);
    how.w = 0;
    assert_int_equal(outline_new(&how, mem, &o, &err), CSEG_SHAPE);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_masks),
        cmocka_unit_test(random_masks),
        cmocka_unit_test(blobs_in_several_bands),
        cmocka_unit_test(spiral),
        cmocka_unit_test(straight_lines_need_few_points),
        cmocka_unit_test(scores_are_summed),
        cmocka_unit_test(memory_does_not_grow_with_rows),
        cmocka_unit_test(a_status_ends_the_sweep),
    };
    GDALAllRegister();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
