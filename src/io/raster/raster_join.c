/* Makes one cloud-optimised GeoTIFF of many: GDAL copies a VRT over the parts, which exists in memory alone. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>

#include "base/file.h"
#include "base/str.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster.h"
#include "io/raster/raster_types.h"

/* Adds text to XML. */
static void add_escaped(strbuf *b, const char *s)
{
    char *text = CPLEscapeString(s, -1, CPLES_XML);
    strbuf_add(b, text ? text : "");
    b->failed |= !text;
    CPLFree(text);
}

cseg_status raster_classes_write(const char *path, const char *const *classes, int n, cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    strbuf name = {.mem = mem}, xml = {.mem = mem};
    strbuf_addf(&name, "%s.aux.xml", path);
    strbuf_add(&xml, "<PAMDataset>\n  <PAMRasterBand band=\"1\">\n    <CategoryNames>\n");
    for (int i = 0; i < n; i++) {
        strbuf_add(&xml, "      <Category>");
        add_escaped(&xml, classes[i] ? classes[i] : "");
        strbuf_add(&xml, "</Category>\n");
    }
    strbuf_add(&xml, "    </CategoryNames>\n  </PAMRasterBand>\n</PAMDataset>\n");
    cseg_status status =
        name.failed || xml.failed ? fail_memory(err) : file_replace_bytes(name.text, xml.text, xml.n, mem, err);
    arena_free(mem);
    return status;
}

/* The parts are named, not opened: GDAL opens and closes them as it comes to them, however many there are. */
static void add_part(strbuf *b, const raster_part *p, int band, const char *type)
{
    strbuf_add(b, "<SimpleSource><SourceFilename relativeToVRT=\"0\">");
    add_escaped(b, p->path);
    strbuf_addf(
        b,
        "</SourceFilename><SourceBand>%d</SourceBand><SourceProperties RasterXSize=\"%lld\" RasterYSize=\"%lld\" "
        "DataType=\"%s\"/><SrcRect xOff=\"0\" yOff=\"0\" xSize=\"%lld\" ySize=\"%lld\"/><DstRect xOff=\"%lld\" "
        "yOff=\"%lld\" xSize=\"%lld\" ySize=\"%lld\"/></SimpleSource>",
        band, (long long)p->w, (long long)p->h, type, (long long)p->w, (long long)p->h, (long long)p->x,
        (long long)p->y, (long long)p->w, (long long)p->h);
}

static void add_vrt(strbuf *b, const raster_spec *spec, const raster_join_options *o)
{
    const char *type = GDALGetDataTypeName(raster_gdal_type(spec->type));
    strbuf_addf(b, "<VRTDataset rasterXSize=\"%lld\" rasterYSize=\"%lld\">", (long long)spec->w, (long long)spec->h);
    for (int band = 1; band <= spec->bands; band++) {
        strbuf_addf(b, "<VRTRasterBand dataType=\"%s\" band=\"%d\">", type, band);
        for (size_t i = 0; i < o->n; i++)
            add_part(b, &o->parts[i], band, type);
        strbuf_add(b, "</VRTRasterBand>");
    }
    strbuf_add(b, "</VRTDataset>");
}

typedef struct watcher {
    const raster_join_options *o;
    bool stopped;
} watcher;

static int CPL_STDCALL tell(double done, const char *text, void *arg)
{
    (void)text;
    watcher *w = arg;
    w->stopped = w->o->progress && !w->o->progress(w->o->arg, done);
    return !w->stopped;
}

static char **create_options(const raster_spec *s, const raster_join_options *o)
{
    char threads[16], **list = NULL;
    snprintf(threads, sizeof threads, "%d", o->threads > 0 ? o->threads : 1);
    list = CSLSetNameValue(list, "COMPRESS", "DEFLATE");
    list = CSLSetNameValue(list, "BIGTIFF", "IF_SAFER");
    list = CSLSetNameValue(list, "NUM_THREADS", threads);
    if (o->plain) {
        list = CSLSetNameValue(list, "TILED", "YES");
        if (s->type != IMAGE_U8)
            list = CSLSetNameValue(list, "PREDICTOR", s->type == IMAGE_F32 ? "3" : "2");
        list = CSLSetNameValue(list, "INTERLEAVE", "BAND");
        return CSLSetNameValue(list, "ALPHA", "NO");
    }
    if (s->type != IMAGE_U8)
        list = CSLSetNameValue(list, "PREDICTOR", "YES");
    /* Numbers of classes have no mean. */
    return CSLSetNameValue(list, "OVERVIEW_RESAMPLING", s->palette || s->n_classes ? "NEAREST" : "AVERAGE");
}

static bool copy(GDALDatasetH vrt, const raster_spec *spec, const raster_join_options *o, watcher *w)
{
    GDALDriverH driver = GDALGetDriverByName(o->plain ? "GTiff" : "COG");
    if (!driver)
        return false;
    char **options = create_options(spec, o);
    GDALDatasetH made = GDALCreateCopy(driver, o->temporary, vrt, FALSE, options, tell, w);
    CSLDestroy(options);
    if (made)
        GDALClose(made);
    return made != NULL;
}

static cseg_status join(const char *path, const raster_spec *spec, const raster_join_options *o, const char *xml,
                        cseg_error *err)
{
    gdal_scope scope;
    watcher w = {.o = o};
    cseg_status status = CSEG_OK;
    gdal_begin(&scope);
    /* Else GDAL would write an .aux.xml for the VRT, and one for the file that has not its name yet. */
    CPLSetThreadLocalConfigOption("GDAL_PAM_ENABLED", "NO");
    static const char *const vrt_alone[] = {"VRT", NULL};
    GDALDatasetH vrt = GDALOpenEx(xml, GDAL_OF_RASTER | GDAL_OF_UPDATE, vrt_alone, NULL, NULL);
    if (!vrt || !raster_spec_write(vrt, spec) || !copy(vrt, spec, o, &w) || scope.text[0])
        status = w.stopped ? fail(err, CSEG_INTERRUPTED, "%s: stopped by a signal while it was put together", path)
                           : gdal_fail(&scope, CSEG_IO, path, "write", err);
    if (vrt)
        GDALClose(vrt);
    CPLSetThreadLocalConfigOption("GDAL_PAM_ENABLED", NULL);
    gdal_end(&scope);
    return status;
}

cseg_status raster_join(const char *path, const raster_spec *spec, const raster_join_options *o, cseg_error *err)
{
    TRY(raster_spec_check(path, spec, err));
    TRY(file_check_output(path, err));
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    strbuf xml = {.mem = mem};
    add_vrt(&xml, spec, o);
    cseg_status status = xml.failed ? fail_memory(err) : join(path, spec, o, xml.text, err);
    if (status == CSEG_OK) {
        file_replace f = {.path = path, .temporary = (char *)o->temporary, .out = fopen(o->temporary, "r+be")};
        status = f.out ? file_replace_commit(&f, err) : fail_errno(err, path, "write");
    }
    if (status != CSEG_OK)
        unlink(o->temporary);
    if (status == CSEG_OK && spec->n_classes)
        status = raster_classes_write(path, spec->classes, spec->n_classes, err);
    arena_free(mem);
    return status;
}
