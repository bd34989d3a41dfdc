#include "io/vector/vector.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "base/file.h"
#include "base/temporary.h"
#include "io/raster/gdal_scope.h"
#include "io/vector/geojson.h"

/* Sqlite commits this many shapes at a time. */
enum { BATCH = 50000, MAX_FIELDS = 16 };

typedef enum { FORMAT_NONE, FORMAT_GPKG, FORMAT_GEOJSON, FORMAT_SHAPEFILE } vector_format;

/* A Shapefile's parts in the order in which they get their names: without the last, nobody takes it for one. */
static const char *const shape_parts[] = {".dbf", ".shx", ".prj", ".cpg", ".shp", NULL};

struct vector_writer {
    vector_format format;
    const char *path;
    arena *mem;
    GDALDatasetH set;
    OGRLayerH layer;
    OGRGeometryH shape, polygon; /* in the making; the polygon is not yet part of the shape, if that has several */
    vector_type types[MAX_FIELDS];
    int n_fields;
    bool multi, in_transaction;
    int64_t waiting;    /* shapes that are not committed */
    char *temporary;    /* a file; a Shapefile's is a folder */
    const char **parts; /* paths in that folder, beside shape_parts */
    int held;           /* a descriptor that marks it as being written; -1: none */
    file_replace file;  /* GeoJSON */
    geojson *json;
};

static vector_format format_of(const char *path)
{
    static const struct {
        const char *ending;
        vector_format format;
    } known[] = {
        {".gpkg", FORMAT_GPKG}, {".geojson", FORMAT_GEOJSON}, {".json", FORMAT_GEOJSON}, {".shp", FORMAT_SHAPEFILE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(path_ext(path), known[i].ending) == 0)
            return known[i].format;
    return FORMAT_NONE;
}

cseg_status vector_check_path(const char *path, cseg_error *err)
{
    if (format_of(path) == FORMAT_NONE)
        return fail(
            err, CSEG_USAGE,
            "%s: polygons are written as GeoPackage (.gpkg), GeoJSON (.geojson, .json) or Shapefile (.shp); give "
            "a name with one of these endings",
            path);
    return CSEG_OK;
}

bool vector_is_geographic(const char *path)
{
    return format_of(path) == FORMAT_GEOJSON;
}

/* "DIR/NAME.shp" -> "DIR/NAME.dbf" */
static char *beside(const char *path, const char *ending, arena *mem)
{
    return arena_printf(mem, "%.*s%s", (int)(strlen(path) - strlen(path_ext(path))), path, ending);
}

char **vector_paths(const char *path, arena *mem)
{
    char **to = ARENA_ARRAY(mem, 8, char *);
    size_t n = 0;
    if (!to || !(to[n++] = arena_strdup(mem, path)))
        return NULL;
    for (int i = 0; format_of(path) == FORMAT_SHAPEFILE && strcmp(shape_parts[i], ".shp") != 0; i++)
        if (!(to[n++] = beside(path, shape_parts[i], mem)))
            return NULL;
    return to;
}

/* ---- making ---- */

/* Between gdal_begin and gdal_end: GDAL keeps options until they are changed. Its writer of Shapefiles would compare
 * each ring with each other to turn them the right way round, which takes minutes for a polygon of ten thousand holes.
 */
static void rewind_rings(bool yes)
{
    CPLSetThreadLocalConfigOption("SHAPE_REWIND_ON_WRITE", yes ? NULL : "NO");
}

static GDALDatasetH create_gpkg(vector_writer *w)
{
    /* The file gets its name when it is whole, so a journal would be for nothing, and another file to remove. */
    CPLSetThreadLocalConfigOption("OGR_SQLITE_JOURNAL", "OFF");
    CPLSetThreadLocalConfigOption("OGR_SQLITE_SYNCHRONOUS", "OFF");
    GDALDatasetH set = GDALCreate(gdal_writer("GPKG"), w->temporary, 0, 0, 0, GDT_Unknown, NULL);
    CPLSetThreadLocalConfigOption("OGR_SQLITE_JOURNAL", NULL);
    CPLSetThreadLocalConfigOption("OGR_SQLITE_SYNCHRONOUS", NULL);
    return set;
}

static cseg_status begin_file(vector_writer *w, const vector_spec *spec, const gdal_scope *scope, cseg_error *err)
{
    if (w->format == FORMAT_GPKG) {
        if (!(w->temporary = temporary_begin(w->path, w->mem)))
            return fail_memory(err);
        w->set = create_gpkg(w);
        w->held = open(w->temporary, O_RDONLY | O_CLOEXEC);
    } else if (w->format == FORMAT_GEOJSON) {
        TRY(file_replace_open(&w->file, w->path, w->mem, err));
        return geojson_begin(w->file.out, w->path, spec, scope, w->mem, &w->json, err);
    } else {
        const char *base = path_base(w->path);
        w->parts = ARENA_ARRAY(w->mem, sizeof shape_parts / sizeof *shape_parts, const char *);
        for (int i = 0; w->parts && shape_parts[i]; i++)
            if (!(w->parts[i] = beside(base, shape_parts[i], w->mem)))
                w->parts = NULL;
        if (!w->parts)
            return fail_memory(err);
        TRY(temporary_begin_folder(w->path, w->parts, w->mem, &w->temporary, err));
        w->held = open(w->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        w->set = GDALCreate(gdal_writer("ESRI Shapefile"), w->temporary, 0, 0, 0, GDT_Unknown, NULL);
    }
    if (w->held >= 0)
        temporary_hold(w->held);
    return w->set ? CSEG_OK : gdal_fail(scope, CSEG_IO, w->path, "create it", err);
}

static char **layer_options(const vector_writer *w)
{
    char **o = NULL;
    if (w->format == FORMAT_SHAPEFILE) {
        o = CSLSetNameValue(o, "ENCODING", "UTF-8");
        o = CSLSetNameValue(o, "2GB_LIMIT", "YES"); /* other programs read no more */
    }
    return o;
}

static bool make_fields(vector_writer *w, const vector_spec *spec)
{
    static const OGRFieldType type[] = {OFTInteger64, OFTReal, OFTString, OFTDate};
    bool good = true;
    for (int i = 0; i < spec->n_fields && good; i++) {
        OGRFieldDefnH f = OGR_Fld_Create(spec->fields[i].name, type[spec->fields[i].type]);
        good = OGR_L_CreateField(w->layer, f, FALSE) == OGRERR_NONE;
        OGR_Fld_Destroy(f);
        w->types[i] = spec->fields[i].type;
    }
    w->n_fields = spec->n_fields;
    return good;
}

static cseg_status make_layer(vector_writer *w, const vector_spec *spec, const gdal_scope *scope, cseg_error *err)
{
    OGRSpatialReferenceH system = NULL;
    char *wkt = (char *)spec->projection;
    if (*wkt) {
        system = OSRNewSpatialReference(NULL);
        if (!system || OSRImportFromWkt(system, &wkt) != OGRERR_NONE) {
            OSRDestroySpatialReference(system);
            return gdal_fail(scope, CSEG_UNSUPPORTED, w->path, "use the scene's coordinate system", err);
        }
        OSRSetAxisMappingStrategy(system, OAMS_TRADITIONAL_GIS_ORDER);
    }
    char **options = layer_options(w);
    const char *name = w->format == FORMAT_SHAPEFILE ? w->parts[4] : spec->layer;
    char *base = arena_strndup(w->mem, name, strlen(name) - (w->format == FORMAT_SHAPEFILE ? 4 : 0));
    if (base)
        w->layer = GDALDatasetCreateLayer(w->set, base, system, spec->multi ? wkbMultiPolygon : wkbPolygon, options);
    CSLDestroy(options);
    if (system)
        OSRRelease(system);
    if (!base)
        return fail_memory(err);
    if (!w->layer || !make_fields(w, spec) || scope->text[0])
        return gdal_fail(scope, *spec->projection ? CSEG_UNSUPPORTED : CSEG_IO, w->path, "create its layer", err);
    return CSEG_OK;
}

static void abort_later(void *w)
{
    vector_abort(w);
}

static cseg_status check_spec(const char *path, const vector_spec *spec, cseg_error *err)
{
    TRY(vector_check_path(path, err));
    if (spec->n_fields > MAX_FIELDS)
        return fail(err, CSEG_USAGE, "%s: more than %d attributes", path, MAX_FIELDS);
    return file_check_output(path, err);
}

cseg_status vector_create(const char *path, const vector_spec *spec, arena *mem, vector_writer **out, cseg_error *err)
{
    TRY(check_spec(path, spec, err));
    vector_writer *w = ARENA_NEW(mem, vector_writer);
    if (!w || !(w->path = arena_strdup(mem, path)))
        return fail_memory(err);
    w->format = format_of(path);
    w->mem = mem;
    w->multi = spec->multi;
    w->held = -1;
    if (!arena_defer(mem, abort_later, w))
        return fail_memory(err);
    gdal_scope scope;
    gdal_begin(&scope);
    rewind_rings(false);
    cseg_status status = begin_file(w, spec, &scope, err);
    if (status == CSEG_OK && !w->json)
        status = make_layer(w, spec, &scope, err);
    rewind_rings(true);
    gdal_end(&scope);
    if (status != CSEG_OK)
        vector_abort(w);
    else
        *out = w;
    return status;
}

/* ---- shapes ---- */

static void end_polygon(vector_writer *w)
{
    if (!w->polygon)
        return;
    if (!w->multi) {
        OGR_G_DestroyGeometry(w->shape);
        w->shape = w->polygon;
    } else {
        if (!w->shape)
            w->shape = OGR_G_CreateGeometry(wkbMultiPolygon);
        OGR_G_AddGeometryDirectly(w->shape, w->polygon);
    }
    w->polygon = NULL;
}

cseg_status vector_ring(vector_writer *w, const double *x, const double *y, size_t n, bool outer, cseg_error *err)
{
    if (n >= INT32_MAX || (!outer && !w->polygon && !w->json))
        return fail(err, CSEG_UNSUPPORTED, "%s: a ring of %zu points cannot be written", w->path, n);
    if (w->json)
        return geojson_ring(w->json, x, y, n, outer, err);
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    if (outer) {
        end_polygon(w);
        w->polygon = OGR_G_CreateGeometry(wkbPolygon);
    }
    OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
    OGR_G_SetPointCount(ring, (int)n + 1); /* once: it would grow by half again else */
    if (OGR_G_GetPointCount(ring) == (int)n + 1) {
        if (w->format == FORMAT_SHAPEFILE) { /* there they run the other way */
            OGR_G_SetPoints(ring, (int)n, &x[n - 1], -(int)sizeof *x, &y[n - 1], -(int)sizeof *y, NULL, 0);
            OGR_G_AddPoint_2D(ring, x[n - 1], y[n - 1]);
        } else {
            OGR_G_SetPoints(ring, (int)n, x, sizeof *x, y, sizeof *y, NULL, 0);
            OGR_G_AddPoint_2D(ring, x[0], y[0]);
        }
    }
    if (OGR_G_GetPointCount(ring) != (int)n + 1)
        status = gdal_fail(&scope, CSEG_NO_MEMORY, w->path, "make a ring", err);
    OGR_G_AddGeometryDirectly(w->polygon, ring);
    gdal_end(&scope);
    return status;
}

static void set_field(OGRFeatureH f, int i, vector_type type, const vector_value *v)
{
    int year, month, day;
    if (v->is_null)
        OGR_F_SetFieldNull(f, i);
    else if (type == VECTOR_INT)
        OGR_F_SetFieldInteger64(f, i, v->number);
    else if (type == VECTOR_REAL)
        OGR_F_SetFieldDouble(f, i, v->real);
    else if (type == VECTOR_DATE && sscanf(v->text, "%4d-%2d-%2d", &year, &month, &day) == 3)
        OGR_F_SetFieldDateTime(f, i, year, month, day, 0, 0, 0, 0);
    else
        OGR_F_SetFieldString(f, i, v->text);
}

/* Sqlite is fast only within a transaction; the other formats know none. */
static bool keep_transaction(vector_writer *w)
{
    if (w->format != FORMAT_GPKG)
        return true;
    bool good = true;
    if (w->in_transaction && w->waiting >= BATCH) {
        good = GDALDatasetCommitTransaction(w->set) == OGRERR_NONE;
        w->in_transaction = false;
    }
    if (good && !w->in_transaction) {
        good = GDALDatasetStartTransaction(w->set, FALSE) == OGRERR_NONE;
        w->in_transaction = good;
        w->waiting = 0;
    }
    w->waiting++;
    return good;
}

static bool add_feature(vector_writer *w, const vector_value *values)
{
    end_polygon(w);
    OGRFeatureH f = OGR_F_Create(OGR_L_GetLayerDefn(w->layer));
    for (int i = 0; i < w->n_fields; i++)
        set_field(f, i, w->types[i], &values[i]);
    if (w->shape)
        OGR_F_SetGeometryDirectly(f, w->shape);
    w->shape = NULL;
    rewind_rings(false);
    bool good = keep_transaction(w) && OGR_L_CreateFeature(w->layer, f) == OGRERR_NONE;
    rewind_rings(true);
    OGR_F_Destroy(f);
    return good;
}

cseg_status vector_shape(vector_writer *w, const vector_value *values, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    if (w->json) {
        status = geojson_shape(w->json, values, &scope, err);
        if (status == CSEG_OK && ferror(w->file.out))
            status = fail_errno(err, w->path, "write");
    } else if (!add_feature(w, values) || scope.text[0]) {
        status = gdal_fail(&scope, CSEG_IO, w->path, "write", err);
    }
    gdal_end(&scope);
    return status;
}

/* ---- the end ---- */

static void close_set(vector_writer *w)
{
    if (w->set)
        GDALClose(w->set);
    w->set = NULL;
    w->layer = NULL;
    OGR_G_DestroyGeometry(w->shape);
    OGR_G_DestroyGeometry(w->polygon);
    w->shape = w->polygon = NULL;
    geojson_free(w->json);
    w->json = NULL;
}

void vector_abort(vector_writer *w)
{
    if (!w)
        return;
    gdal_scope scope;
    gdal_begin(&scope);
    if (w->set && w->in_transaction)
        GDALDatasetRollbackTransaction(w->set);
    close_set(w);
    gdal_end(&scope);
    file_replace_abort(&w->file);
    if (w->temporary && w->format == FORMAT_SHAPEFILE) {
        temporary_remove_folder(w->temporary, w->parts);
    } else if (w->temporary) {
        unlink(w->temporary);
        temporary_end(w->temporary);
    }
    w->temporary = NULL;
    if (w->held >= 0)
        close(w->held);
    w->held = -1;
}

/* The journal of an earlier file of this name would be taken for the new one's. */
static cseg_status commit_gpkg(vector_writer *w, cseg_error *err)
{
    static const char *const journals[] = {"-journal", "-wal", "-shm"};
    file_replace f = {.path = w->path, .temporary = w->temporary, .out = fopen(w->temporary, "r+be")};
    if (!f.out)
        return fail_errno(err, w->path, "write");
    for (size_t i = 0; i < sizeof journals / sizeof *journals; i++) {
        char *name = arena_printf(w->mem, "%s%s", w->path, journals[i]);
        if (!name) {
            fclose(f.out);
            return fail_memory(err);
        }
        unlink(name);
    }
    w->temporary = NULL; /* removed whatever comes of it */
    return file_replace_commit(&f, err);
}

static cseg_status sync_file(const char *path, cseg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, path, "write");
    cseg_status status = fsync(fd) == 0 ? CSEG_OK : fail_errno(err, path, "write");
    close(fd);
    return status;
}

/* The old .shp goes first, so that no mixture of old and new files is taken for a Shapefile, and with it what other
 * programs made of it: their indexes would not fit. */
static cseg_status commit_shapefile(vector_writer *w, cseg_error *err)
{
    static const char *const stale[] = {".shp", ".qix", ".sbn", ".sbx", ".idm", ".ind", ".qpj", ".prj", NULL};
    enum { N = sizeof shape_parts / sizeof *shape_parts - 1 };
    const char *from[N], *to[N];
    for (int i = 0; i < N; i++) {
        from[i] = path_join(w->mem, w->temporary, w->parts[i]);
        to[i] = strcmp(shape_parts[i], ".shp") == 0 ? w->path : beside(w->path, shape_parts[i], w->mem);
        if (!from[i] || !to[i])
            return fail_memory(err);
        if (file_exists(from[i])) /* there is no .prj without a coordinate system */
            TRY(sync_file(from[i], err));
    }
    for (int i = 0; stale[i]; i++) {
        char *old = i ? beside(w->path, stale[i], w->mem) : NULL;
        if (i && !old)
            return fail_memory(err);
        unlink(i ? old : w->path);
    }
    for (int i = 0; i < N; i++)
        if (file_exists(from[i]) && rename(from[i], to[i]) != 0)
            return fail_errno(err, to[i], "write");
    char *folder = path_dir(w->mem, w->path);
    if (folder)
        (void)sync_file(folder, NULL); /* some file systems cannot sync a folder */
    return CSEG_OK;
}

cseg_status vector_commit(vector_writer *w, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    if (w->in_transaction && GDALDatasetCommitTransaction(w->set) != OGRERR_NONE)
        status = gdal_fail(&scope, CSEG_IO, w->path, "write", err);
    w->in_transaction = false;
    if (w->json)
        geojson_end(w->json);
    close_set(w); /* writes what is cached, and makes the spatial index: a full disk may show only here */
    if (status == CSEG_OK && scope.text[0])
        status = gdal_fail(&scope, CSEG_IO, w->path, "write", err);
    gdal_end(&scope);
    if (status == CSEG_OK) {
        if (w->format == FORMAT_GPKG)
            status = commit_gpkg(w, err);
        else if (w->format == FORMAT_GEOJSON)
            status = file_replace_commit(&w->file, err);
        else
            status = commit_shapefile(w, err);
    }
    vector_abort(w); /* what is left */
    return status;
}
