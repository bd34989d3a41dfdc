/* How the grids of two rasters differ, and the second on the grid of the first. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cpl_string.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <gdalwarper.h>

#include "base/log.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster_grid.h"
#include "io/raster/raster_types.h"

/* ---- comparing ------------------------------------------------------------------------------------------------- */

/* The place of b's pixels, counted in a's: column = t[0] + t[1]*col + t[2]*row, row = t[3] + t[4]*col + t[5]*row. */
static bool relate(const double *a, const double *b, double t[static 6])
{
    double det = a[1] * a[5] - a[2] * a[4];
    for (int i = 0; i < 3; i++) {
        double x = b[i] - (i ? 0 : a[0]), y = b[3 + i] - (i ? 0 : a[3]);
        t[i] = (a[5] * x - a[2] * y) / det;
        t[3 + i] = (a[1] * y - a[4] * x) / det;
    }
    for (int i = 0; i < 6; i++)
        if (!isfinite(t[i]))
            return false;
    return true;
}

static double pixel_width(const double *t)
{
    return hypot(t[1], t[4]);
}

static double pixel_height(const double *t)
{
    return hypot(t[2], t[5]);
}

static double overlap(double from, double n, double m)
{
    double low = fmax(from, 0), high = fmin(from + n, m);
    return high > low ? high - low : 0;
}

static pair_relation compare_extents(const raster_info *a, const raster_info *b, pair_difference *d)
{
    double w = overlap(d->column, (double)b->w, (double)a->w), h = overlap(d->row, (double)b->h, (double)a->h);
    double part_column = fabs(d->column - round(d->column)), part_row = fabs(d->row - round(d->row));
    bool fraction = fmax(part_column, part_row) > RASTER_GRID_TOLERANCE;
    if (w <= RASTER_GRID_TOLERANCE || h <= RASTER_GRID_TOLERANCE) {
        snprintf(d->text, sizeof d->text,
                 "they do not overlap: the second begins %.6g columns and %.6g rows from where the first, of %lld x "
                 "%lld pixels, does",
                 d->column, d->row, (long long)a->w, (long long)a->h);
        return PAIR_APART;
    }
    if (!fraction && fabs(d->column) <= RASTER_GRID_TOLERANCE && fabs(d->row) <= RASTER_GRID_TOLERANCE &&
        a->h == b->h && a->w == b->w)
        return PAIR_ALIKE;
    snprintf(d->text, sizeof d->text,
             "the second is shifted by %.6g columns and %.6g rows%s and has %lld x %lld pixels, the first %lld x %lld; "
             "they overlap in %.0f x %.0f (%.3g%% of the first)",
             d->column, d->row, fraction ? " (parts of a pixel)" : "", (long long)b->w, (long long)b->h,
             (long long)a->w, (long long)a->h, w, h, 100 * w * h / ((double)a->w * (double)a->h));
    return fraction ? PAIR_FRACTION : PAIR_EXTENT;
}

static pair_relation compare(const raster_info *a, const raster_info *b, pair_difference *d)
{
    double t[6], size = (double)(b->w > b->h ? b->w : b->h);
    raster_grid x = raster_grid_of(&a->place), y = raster_grid_of(&b->place);
    if (x.kind != GRID_TRANSFORM || y.kind != GRID_TRANSFORM) {
        snprintf(d->text, sizeof d->text, "the %s does not say where its grid lies",
                 x.kind != GRID_TRANSFORM ? y.kind != GRID_TRANSFORM ? "first, like the second," : "first" : "second");
        return PAIR_UNKNOWN;
    }
    if (!raster_same_system(x.projection, y.projection)) {
        char first[120], second[120];
        raster_describe_system(x.projection, first, sizeof first);
        raster_describe_system(y.projection, second, sizeof second);
        snprintf(d->text, sizeof d->text, "their coordinate systems differ: the first is in %s, the second in %s",
                 first, second);
        return PAIR_SYSTEM;
    }
    if (!relate(x.transform, y.transform, t)) {
        snprintf(d->text, sizeof d->text, "the first has pixels without a size");
        return PAIR_UNKNOWN;
    }
    d->column = t[0] + 0.0; /* no -0 */
    d->row = t[3] + 0.0;
    if (fmax(fmax(fabs(t[1] - 1), fabs(t[2])), fmax(fabs(t[4]), fabs(t[5] - 1))) * size > RASTER_GRID_TOLERANCE) {
        double turn = atan2(t[4], t[1]) * 180 / M_PI;
        int n = snprintf(
            d->text, sizeof d->text, "their pixels differ: %.8g x %.8g in the first, %.8g x %.8g in the second",
            pixel_width(x.transform), pixel_height(x.transform), pixel_width(y.transform), pixel_height(y.transform));
        if (fabs(turn) > 1e-3 && n > 0 && (size_t)n < sizeof d->text)
            snprintf(d->text + n, sizeof d->text - (size_t)n, ", turned by %.4g degrees", turn);
        return PAIR_PIXELS;
    }
    return compare_extents(a, b, d);
}

void raster_pair_compare(const raster_info *a, const raster_info *b, pair_difference *out)
{
    gdal_scope scope;
    gdal_begin(&scope);
    *out = (pair_difference){0};
    out->relation = compare(a, b, out);
    gdal_end(&scope);
}

/* ---- warping --------------------------------------------------------------------------------------------------- */

/* A coordinate system may name grids of shifts and tables, which PROJ would open as files: only its own name of none is
 * accepted. */
static bool names_a_file(const char *wkt)
{
    static const char *const keys[] = {"grids=", "file=", "model=", "init=", "PARAMETERFILE"};
    for (const char *p = wkt; *p; p++)
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            size_t n = strlen(keys[i]);
            if (strncasecmp(p, keys[i], n) == 0 && strncmp(p + n, "@null", 5) != 0)
                return true;
        }
    return false;
}

/* By what b says where it lies. Nothing else is tried, since arrays of places are files of their own. */
static const char *method_of(const raster_place *p)
{
    return p->has_transform ? "GEOTRANSFORM" : p->n_gcps ? "GCP_POLYNOMIAL" : NULL;
}

/* Whether some of n x n points of [w, h] pixels fall into [other_w, other_h]. */
static bool any_inside(void *transformer, bool to_source, double w, double h, double other_w, double other_h)
{
    enum { N = 21 };
    for (int i = 0; i < N * N; i++) {
        double x = w * (i % N + 0.5) / N, y = h * (i / N + 0.5) / N, z = 0;
        int good = 0;
        GDALGenImgProjTransform(transformer, to_source, 1, &x, &y, &z, &good);
        if (good && x >= 0 && y >= 0 && x <= other_w && y <= other_h)
            return true;
    }
    return false;
}

typedef struct warp {
    const raster *a;
    raster *b;
    const pair_options *o;
    void *exact; /* from b's pixels to a's and back, in an approximation's care once that is made */
    GDALWarpOptions *how;
    int n_data; /* bands but alpha */
} warp;

static cseg_status make_transformer(warp *w, const char *name, const gdal_scope *scope, cseg_error *err)
{
    const raster_place *of = &w->b->info.place, *to = &w->a->info.place;
    const char *method = method_of(of), *from_wkt = of->has_transform ? of->projection : of->gcp_projection;
    if (!method || !to->has_transform)
        return fail(err, CSEG_UNSUPPORTED,
                    "%s cannot be brought onto the other grid: that needs a transform, or here control points", name);
    if (names_a_file(from_wkt) || names_a_file(to->projection))
        return fail(err, CSEG_UNSUPPORTED, "%s: the coordinate system names a file of shifts, which is not opened",
                    name);
    bool both = *from_wkt && *to->projection;
    char **options = NULL;
    options = CSLSetNameValue(options, "METHOD", method);
    options = CSLSetNameValue(options, "SRC_SRS", both ? from_wkt : "");
    options = CSLSetNameValue(options, "DST_SRS", both ? to->projection : "");
    w->exact = GDALCreateGenImgProjTransformer2(w->b->set, NULL, options);
    CSLDestroy(options);
    if (!w->exact)
        return gdal_fail(scope, CSEG_UNSUPPORTED, name, "bring it onto the other grid", err);
    GDALSetGenImgProjTransformerDstGeoTransform(w->exact, to->transform);
    double aw = (double)w->a->info.w, ah = (double)w->a->info.h, bw = (double)w->b->info.w, bh = (double)w->b->info.h;
    if (!any_inside(w->exact, true, aw, ah, bw, bh) && !any_inside(w->exact, false, bw, bh, aw, ah))
        return fail(err, CSEG_DATA, "%s does not overlap the raster onto whose grid it is to be brought", name);
    return CSEG_OK;
}

/* What counts as no data in b, and what stands for it. */
static void put_nodata(const warp *w)
{
    GDALWarpOptions *how = w->how;
    bool any = false;
    how->padfSrcNoDataReal = CPLMalloc(sizeof(double) * (size_t)w->n_data);
    for (int i = 0; i < w->n_data; i++) {
        int has = 0;
        GDALRasterBandH band = GDALGetRasterBand(w->b->set, w->b->band[i]);
        how->padfSrcNoDataReal[i] = GDALGetRasterNoDataValue(band, &has);
        if (!has) /* a value that no sample has: NaN means no data anyway */
            how->padfSrcNoDataReal[i] = NAN;
        any |= has || GDALDataTypeIsFloating(GDALGetRasterDataType(band));
    }
    if (any) {
        how->papszWarpOptions = CSLSetNameValue(how->papszWarpOptions, "UNIFIED_SRC_NODATA", "YES");
        return;
    }
    CPLFree(how->padfSrcNoDataReal);
    how->padfSrcNoDataReal = NULL;
}

static cseg_status make_options(warp *w, cseg_error *err)
{
    const raster *b = w->b;
    GDALWarpOptions *how = w->how = GDALCreateWarpOptions();
    if (!how)
        return fail_memory(err);
    bool alpha = b->info.has_alpha;
    w->n_data = (int)b->info.bands - alpha;
    how->hSrcDS = b->set;
    how->eResampleAlg = w->o->nearest ? GRA_NearestNeighbour : GRA_Bilinear;
    how->nBandCount = w->n_data;
    how->panSrcBands = CPLMalloc(sizeof(int) * (size_t)w->n_data);
    how->panDstBands = CPLMalloc(sizeof(int) * (size_t)w->n_data);
    for (int i = 0; i < w->n_data; i++) {
        how->panSrcBands[i] = b->band[i];
        how->panDstBands[i] = i + 1;
    }
    how->nSrcAlphaBand = b->alpha;
    how->nDstAlphaBand = w->n_data + 1;
    how->eWorkingDataType = raster_gdal_type(b->info.type);
    how->papszWarpOptions = CSLSetNameValue(how->papszWarpOptions, "INIT_DEST", "0");
    put_nodata(w);
    /* An eighth of a pixel, as gdalwarp allows by default. */
    how->pTransformerArg = GDALCreateApproxTransformer(GDALGenImgProjTransform, w->exact, 0.125);
    if (!how->pTransformerArg)
        return fail_memory(err);
    GDALApproxTransformerOwnsSubtransformer(how->pTransformerArg, TRUE);
    w->exact = NULL;
    how->pfnTransformer = GDALApproxTransform;
    return CSEG_OK;
}

/* The bands of b alone; the alpha that says where b has nothing stays unseen unless b has one. */
static cseg_status hide_alpha(raster *r, int64_t bands, arena *mem, cseg_error *err)
{
    if (r->info.bands == bands)
        return CSEG_OK;
    int64_t *first = ARENA_ARRAY(mem, (size_t)bands, int64_t);
    if (!first)
        return fail_memory(err);
    for (int64_t i = 0; i < bands; i++)
        first[i] = i + 1;
    return raster_select(r, first, (size_t)bands, err);
}

static cseg_status warp_onto(warp *w, const char *name, arena *mem, raster **out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    GDALDatasetH set = NULL;
    gdal_scope scope;
    double transform[6];
    memcpy(transform, w->a->info.place.transform, sizeof transform);
    gdal_begin(&scope);
    TRY_DONE(make_transformer(w, name, &scope, err));
    TRY_DONE(make_options(w, err));
    set = GDALCreateWarpedVRT(w->b->set, (int)w->a->info.w, (int)w->a->info.h, transform, w->how);
    if (!set) {
        status = gdal_fail(&scope, CSEG_UNSUPPORTED, name, "bring it onto the other grid", err);
        goto done;
    }
    w->how->pTransformerArg = NULL; /* the dataset's now */
    if (*w->a->info.place.projection)
        GDALSetProjection(set, w->a->info.place.projection);
    TRY_DONE(raster_of_dataset(set, name, mem, out, err));
    status = hide_alpha(*out, w->b->info.bands, mem, err);
done:
    if (w->exact)
        GDALDestroyGenImgProjTransformer(w->exact);
    if (w->how) {
        if (w->how->pTransformerArg)
            GDALDestroyApproxTransformer(w->how->pTransformerArg);
        GDALDestroyWarpOptions(w->how);
    }
    gdal_end(&scope);
    return status;
}

cseg_status raster_pair_align(const char *name_a, const raster *a, const char *name_b, raster *b, const pair_options *o,
                              arena *mem, raster **out, cseg_error *err)
{
    pair_difference d;
    bool one_size = a->info.h == b->info.h && a->info.w == b->info.w;
    raster_pair_compare(&a->info, &b->info, &d);
    *out = b;
    if (d.relation == PAIR_ALIKE)
        return CSEG_OK;
    if (d.relation == PAIR_UNKNOWN && one_size) /* all that can be said of pictures without a place */
        return raster_same_place(name_a, &a->info, name_b, &b->info, o->force, err);
    if (one_size && o->force) {
        log_say(LOG_WARNING,
                "%s and %s do not have one grid, and are used pixel by pixel all the same, as --force "
                "says: %s",
                name_a, name_b, d.text);
        return CSEG_OK;
    }
    if (d.relation == PAIR_UNKNOWN || d.relation == PAIR_APART || !o->warp)
        return fail(err, CSEG_DATA, "%s and %s do not have one grid: %s%s", name_a, name_b, d.text,
                    d.relation == PAIR_UNKNOWN || d.relation == PAIR_APART ? ""
                                                                           : "; --warp brings the second onto the grid "
                                                                             "of the first");
    warp w = {.a = a, .b = b, .o = o};
    log_say(LOG_INFO, "%s is brought onto the grid of %s: %s", name_b, name_a, d.text);
    return warp_onto(&w, name_b, mem, out, err);
}
