#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>

#include "base/file.h"
#include "base/temporary.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster.h"
#include "io/raster/raster_types.h"

struct raster_writer {
    GDALDatasetH set;
    const char *path;
    char *temporary;
    int held; /* a descriptor that marks the file as being written; -1: none */
    int64_t h, w, bands;
    const char **classes; /* n_classes of them */
    int n_classes;
};

cseg_status raster_spec_check(const char *path, const raster_spec *s, cseg_error *err)
{
    if (s->h < 1 || s->w < 1 || s->h > INT_MAX || s->w > INT_MAX || s->bands < 1 || s->bands > IMAGE_MAX_CHANNELS)
        return fail(err, CSEG_SHAPE, "%s: a raster of %lld x %lld pixels with %lld bands cannot be made", path,
                    (long long)s->w, (long long)s->h, (long long)s->bands);
    if (s->palette && (s->bands != 1 || s->type != IMAGE_U8 || s->palette_n < 1 || s->palette_n > 256))
        return fail(err, CSEG_USAGE, "%s: a palette is for one uint8 band and has 1 to 256 colours", path);
    return CSEG_OK;
}

static GDALDatasetH create(const char *temporary, const raster_spec *s)
{
    GDALDriverH driver = GDALGetDriverByName("GTiff");
    if (!driver)
        return NULL;
    char **options = NULL;
    options = CSLSetNameValue(options, "TILED", "YES");
    options = CSLSetNameValue(options, "BLOCKXSIZE", "256");
    options = CSLSetNameValue(options, "BLOCKYSIZE", "256");
    options = CSLSetNameValue(options, "COMPRESS", "DEFLATE");
    /* Differences of neighbours compress better; the indices of a mask do not. */
    if (s->type != IMAGE_U8)
        options = CSLSetNameValue(options, "PREDICTOR", s->type == IMAGE_F32 ? "3" : "2");
    options = CSLSetNameValue(options, "BIGTIFF", "IF_SAFER");
    if (s->bands > 1)
        options = CSLSetNameValue(options, "INTERLEAVE", "BAND");
    /* By itself GDAL takes the last of two or four bands of bytes for alpha: a band of infrared would say where there
     * are no data. */
    options = CSLSetNameValue(options, "ALPHA", s->has_alpha ? "YES" : "NO");
    GDALDatasetH set =
        GDALCreate(driver, temporary, (int)s->w, (int)s->h, (int)s->bands, raster_gdal_type(s->type), options);
    CSLDestroy(options);
    return set;
}

static bool set_palette(GDALRasterBandH band, const raster_spec *s)
{
    GDALColorTableH table = GDALCreateColorTable(GPI_RGB);
    for (int i = 0; i < s->palette_n; i++) {
        const uint8_t *p = s->palette + 3 * i;
        GDALColorEntry c = {p[0], p[1], p[2], 255};
        GDALSetColorEntry(table, i, &c);
    }
    bool good = GDALSetRasterColorTable(band, table) == CE_None;
    GDALDestroyColorTable(table);
    return good;
}

bool raster_spec_write(GDALDatasetH set, const raster_spec *s)
{
    bool good = true;
    if (s->place)
        good = raster_place_write(set, s->place);
    for (int i = 0; i < s->n_classes; i++) {
        char key[32];
        snprintf(key, sizeof key, "CLASS_%d", i);
        good = good && GDALSetMetadataItem(set, key, s->classes[i] ? s->classes[i] : "", NULL) == CE_None;
    }
    if (s->palette)
        good = good && set_palette(GDALGetRasterBand(set, 1), s);
    if (s->has_alpha)
        good =
            good && GDALSetRasterColorInterpretation(GDALGetRasterBand(set, (int)s->bands), GCI_AlphaBand) == CE_None;
    for (int b = 0; b < s->bands; b++) {
        GDALRasterBandH band = GDALGetRasterBand(set, b + 1);
        if (s->has_nodata)
            good = good && GDALSetRasterNoDataValue(band, s->nodata) == CE_None;
        if (s->scale != 0.0)
            good = good && GDALSetRasterScale(band, s->scale) == CE_None;
        if (s->names && s->names[b])
            GDALSetDescription(band, s->names[b]);
    }
    return good;
}

static void remove_temporary(raster_writer *w)
{
    if (w->held >= 0)
        close(w->held);
    w->held = -1;
    unlink(w->temporary);
    temporary_end(w->temporary);
}

static void abort_later(void *w)
{
    raster_abort(w);
}

cseg_status raster_create(const char *path, const raster_spec *spec, arena *mem, raster_writer **out, cseg_error *err)
{
    TRY(raster_spec_check(path, spec, err));
    TRY(file_check_output(path, err));
    raster_writer *w = ARENA_NEW(mem, raster_writer);
    if (!w || !(w->path = arena_strdup(mem, path)) || !arena_defer(mem, abort_later, w) ||
        !(w->temporary = temporary_begin(path, mem)))
        return fail_memory(err);
    w->classes = ARENA_ARRAY(mem, (size_t)spec->n_classes + 1, const char *);
    for (; w->classes && w->n_classes < spec->n_classes; w->n_classes++)
        if (!(w->classes[w->n_classes] =
                  arena_strdup(mem, spec->classes[w->n_classes] ? spec->classes[w->n_classes] : "")))
            break;
    if (!w->classes || w->n_classes < spec->n_classes)
        return fail_memory(err);
    w->held = -1;
    w->h = spec->h;
    w->w = spec->w;
    w->bands = spec->bands;
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    w->set = create(w->temporary, spec);
    if (!w->set || !raster_spec_write(w->set, spec))
        status = gdal_fail(&scope, CSEG_IO, path, "create the GeoTIFF", err);
    gdal_end(&scope);
    if (status != CSEG_OK) {
        raster_abort(w);
        remove_temporary(w); /* also what a failed GDALCreate may have left */
    } else {
        w->held = open(w->temporary, O_RDONLY | O_CLOEXEC);
        if (w->held >= 0)
            temporary_hold(w->held);
        *out = w;
    }
    return status;
}

cseg_status raster_write(raster_writer *w, int64_t y, int64_t x, int first_band, const image *from, cseg_error *err)
{
    if (y < 0 || x < 0 || from->h > w->h || from->w > w->w || y > w->h - from->h || x > w->w - from->w ||
        first_band < 0 || first_band > w->bands - from->c)
        return fail(err, CSEG_SHAPE,
                    "%s: a window of %lld x %lld at column %lld, row %lld, bands %d to %lld, does not "
                    "lie within its %lld x %lld pixels and %lld bands",
                    w->path, (long long)from->w, (long long)from->h, (long long)x, (long long)y, first_band,
                    (long long)(first_band + from->c - 1), (long long)w->w, (long long)w->h, (long long)w->bands);
    int *map = mem_alloc((size_t)from->c * sizeof *map);
    if (!map)
        return fail_memory(err);
    for (int k = 0; k < from->c; k++)
        map[k] = first_band + k + 1;
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    int size = (int)image_type_size(from->type);
    CPLErr result = GDALDatasetRasterIOEx(w->set, GF_Write, (int)x, (int)y, (int)from->w, (int)from->h, from->data,
                                          (int)from->w, (int)from->h, raster_gdal_type(from->type), (int)from->c, map,
                                          size * from->c, image_row_bytes(from), size, NULL);
    if (result != CE_None || scope.text[0])
        status = gdal_fail(&scope, CSEG_IO, w->path, "write", err);
    gdal_end(&scope);
    mem_free(map);
    return status;
}

cseg_status raster_commit(raster_writer *w, cseg_error *err)
{
    gdal_scope scope;
    gdal_begin(&scope);
    GDALClose(w->set); /* writes what is cached: a full disk often shows only here */
    w->set = NULL;
    gdal_end(&scope);
    if (scope.text[0]) {
        remove_temporary(w);
        return gdal_fail(&scope, CSEG_IO, w->path, "write", err);
    }
    file_replace f = {.path = w->path, .temporary = w->temporary, .out = fopen(w->temporary, "r+be")};
    if (!f.out) {
        cseg_status status = fail_errno(err, w->path, "write");
        remove_temporary(w);
        return status;
    }
    cseg_status status = file_replace_commit(&f, err);
    if (w->held >= 0)
        close(w->held);
    w->held = -1;
    if (status == CSEG_OK && w->n_classes)
        status = raster_classes_write(w->path, w->classes, w->n_classes, err);
    return status;
}

void raster_abort(raster_writer *w)
{
    if (!w || !w->set)
        return;
    gdal_scope scope;
    gdal_begin(&scope);
    GDALClose(w->set);
    w->set = NULL;
    gdal_end(&scope);
    remove_temporary(w);
}
