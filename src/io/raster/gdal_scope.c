#include "io/raster/gdal_scope.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cpl_conv.h>
#include <cpl_error.h>
#include <gdal.h>

static atomic_bool remote;

/* Formats whose files hold all of their pixels themselves (with a header, mask or overviews beside them at most), and
 * name neither addresses nor other files. */
static const char *const whole_drivers[] = {
    "GTiff", "COG",   "LIBERTIFF",   "PNG",    "JPEG",   "JPEGXL",   "BMP",     "GIF",  "BIGGIF",  "WEBP",
    "HEIF",  "AVIF",  "PNM",         "TGA",    "SGI",    "HFA",      "ENVI",    "EHdr", "AAIGrid", "GSAG",
    "GSBG",  "GS7BG", "SAGA",        "RST",    "DTED",   "SRTMHGT",  "USGSDEM", "BT",   "GRIB",    "NITF",
    "ECW",   "MrSID", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "JP2Lura", NULL};

const char *const *gdal_whole_drivers(void)
{
    return whole_drivers;
}

void gdal_allow_remote(void)
{
    remote = true;
}

bool gdal_remote_allowed(void)
{
    return remote;
}

/* Formats of vectors, which are whole in one file, or in files of one name. Their drivers are kept, but not registered,
 * so that nothing is read by them until gdal_register_vectors. */
static const char *const vector_drivers[] = {"GPKG", "GeoJSON", "ESRI Shapefile", "FlatGeobuf", NULL};
enum { VECTOR_DRIVERS = sizeof vector_drivers / sizeof *vector_drivers - 1 };
static GDALDriverH kept_vectors[VECTOR_DRIVERS];

const char *const *gdal_vector_drivers(void)
{
    return vector_drivers;
}

static bool keep_vector(GDALDriverH d)
{
    for (int i = 0; i < VECTOR_DRIVERS; i++)
        if (strcmp(vector_drivers[i], GDALGetDriverShortName(d)) == 0) {
            kept_vectors[i] = d;
            return true;
        }
    return false;
}

void *gdal_writer(const char *name)
{
    for (int i = 0; i < VECTOR_DRIVERS; i++)
        if (strcmp(vector_drivers[i], name) == 0 && kept_vectors[i])
            return kept_vectors[i];
    return GDALGetDriverByName(name);
}

void gdal_register_vectors(void)
{
    for (int i = 0; i < VECTOR_DRIVERS; i++)
        if (kept_vectors[i])
            GDALRegisterDriver(kept_vectors[i]);
}

static bool is_kept(const char *name)
{
    for (size_t i = 0; whole_drivers[i]; i++)
        if (strcmp(whole_drivers[i], name) == 0)
            return true;
    return strcmp(name, "VRT") == 0 || strcmp(name, "netCDF") == 0;
}

/* GDAL opens masks, overviews and the parts of a VRT by itself, with any driver that is registered. So drivers that
 * must not open anything are not registered. */
static void forget_other_drivers(void)
{
    for (int i = GDALGetDriverCount() - 1; i >= 0; i--) {
        GDALDriverH d = GDALGetDriver(i);
        if (!is_kept(GDALGetDriverShortName(d))) {
            GDALDeregisterDriver(d);
            if (!keep_vector(d))
                GDALDestroyDriver(d);
        }
    }
}

static void register_drivers(void)
{
    bool ours = GDALGetDriverCount() == 0; /* else a program that uses this library also uses GDAL itself */
    /* Opening a raster must not list its folder: datasets have folders of a hundred thousand files. */
    CPLSetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE");
    if (!remote)
        CPLSetConfigOption("GDAL_VRT_ENABLE_PYTHON", "NO");
    GDALAllRegister();
    if (ours && !remote)
        forget_other_drivers();
}

/* Where data are missing libjpeg paints gray and only warns, within TIFFs and in GDAL's own reader of JPEG.
 * image_jpeg.c refuses the same. */
static bool loses_pixels(const char *text)
{
    static const char *const losses[] = {"Premature end of JPEG", "Corrupt JPEG data: premature end",
                                         "bad Huffman code", "bad arithmetic code", "instead of RST"};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (strstr(text, losses[i]))
            return true;
    return false;
}

static void CPL_STDCALL keep_first(CPLErr kind, CPLErrorNum number, const char *text)
{
    (void)number;
    gdal_scope *s = CPLGetErrorHandlerUserData();
    if ((kind >= CE_Failure || (kind == CE_Warning && loses_pixels(text))) && !s->text[0])
        snprintf(s->text, sizeof s->text, "%s", text);
    else if (kind == CE_Warning && !s->doubt[0])
        snprintf(s->doubt, sizeof s->doubt, "%s", text);
}

void gdal_begin(gdal_scope *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    s->text[0] = s->doubt[0] = 0;
    CPLPushErrorHandlerEx(keep_first, s);
    pthread_once(&once, register_drivers);
}

void gdal_end(gdal_scope *s)
{
    (void)s;
    CPLPopErrorHandler();
}

cseg_status gdal_fail(const gdal_scope *s, cseg_status code, const char *path, const char *verb, cseg_error *err)
{
    return fail(err, code, "%s: cannot %s: %s", path, verb, s->text[0] ? s->text : "GDAL gives no reason");
}
