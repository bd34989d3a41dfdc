/* Reads when a raster was taken. */
#include <ctype.h>
#include <string.h>

#include <gdal.h>

#include "io/raster/gdal_scope.h"
#include "io/raster/raster_ground.h"
#include "io/raster/raster_types.h"

/* TIFF and EXIF write 2026:07:01 12:30:00. */
static bool is_colon_date(const char *t)
{
    static const char form[] = "dddd:dd:dd";
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)t[i]) : t[i] != form[i])
            return false;
    return true;
}

cseg_status raster_date(raster *r, arena *mem, const char **out, cseg_error *err)
{
    /* When the scene was taken, before when its file was written. */
    static const struct {
        const char *domain, *key;
    } places[] = {{"IMAGERY", "ACQUISITIONDATETIME"},
                  {NULL, "ACQUISITIONDATETIME"},
                  {NULL, "ACQUISITION_DATE"},
                  {NULL, "DATE_ACQUIRED"},
                  {NULL, "DATATAKE_1_DATATAKE_SENSING_START"},
                  {NULL, "EXIF_DateTimeOriginal"},
                  {NULL, "TIFFTAG_DATETIME"}};
    const char *text = NULL;
    gdal_scope scope;
    gdal_begin(&scope);
    for (size_t i = 0; i < sizeof places / sizeof *places && !(text && *text); i++)
        text = GDALGetMetadataItem(r->set, places[i].key, places[i].domain);
    char *kept = arena_strdup(mem, text ? text : "");
    gdal_end(&scope);
    if (!kept)
        return fail_memory(err);
    if (is_colon_date(kept))
        kept[4] = kept[7] = '-';
    *out = kept;
    return CSEG_OK;
}
