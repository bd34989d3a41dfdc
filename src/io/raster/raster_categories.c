/* Reads the names that a raster gives to its values. */
#include <string.h>

#include <cpl_string.h>
#include <gdal.h>

#include "io/raster/gdal_scope.h"
#include "io/raster/raster_small.h"
#include "io/raster/raster_types.h"

enum { MOST_NAMES = 65536 };

static cseg_status from_names(char **from, arena *mem, const char ***names, size_t *n, cseg_error *err)
{
    int count = CSLCount(from);
    *n = (size_t)(count < MOST_NAMES ? count : MOST_NAMES);
    if (!(*names = ARENA_ARRAY(mem, *n, const char *)))
        return fail_memory(err);
    for (size_t i = 0; i < *n; i++)
        if (*from[i] && !((*names)[i] = arena_strdup(mem, from[i])))
            return fail_memory(err);
    return CSEG_OK;
}

static cseg_status from_table(GDALRasterAttributeTableH table, arena *mem, const char ***names, size_t *n,
                              cseg_error *err)
{
    int value = GDALRATGetColOfUsage(table, GFU_MinMax), name = GDALRATGetColOfUsage(table, GFU_Name);
    int rows = GDALRATGetRowCount(table), most = -1;
    if (value < 0)
        value = GDALRATGetColOfUsage(table, GFU_Min);
    if (value < 0 || name < 0 || rows > MOST_NAMES)
        return CSEG_OK;
    for (int i = 0; i < rows; i++) {
        int v = GDALRATGetValueAsInt(table, i, value);
        most = v > most && v < MOST_NAMES ? v : most;
    }
    *n = (size_t)(most + 1);
    if (!(*names = ARENA_ARRAY(mem, *n, const char *)))
        return fail_memory(err);
    for (int i = 0; i < rows; i++) {
        int v = GDALRATGetValueAsInt(table, i, value);
        const char *text = GDALRATGetValueAsString(table, i, name);
        if (v >= 0 && v <= most && text && *text && !((*names)[v] = arena_strdup(mem, text)))
            return fail_memory(err);
    }
    return CSEG_OK;
}

cseg_status raster_categories(raster *r, arena *mem, const char *const **names, size_t *n, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const char **found = NULL;
    gdal_scope scope;
    *n = 0;
    gdal_begin(&scope);
    GDALRasterBandH band = GDALGetRasterBand(r->set, 1);
    char **categories = GDALGetRasterCategoryNames(band);
    GDALRasterAttributeTableH table = GDALGetDefaultRAT(band);
    if (categories)
        status = from_names(categories, mem, &found, n, err);
    else if (table)
        status = from_table(table, mem, &found, n, err);
    gdal_end(&scope);
    *names = found;
    return status;
}
