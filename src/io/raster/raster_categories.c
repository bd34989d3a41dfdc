/* Reads the names that a raster gives to its values. */
#include <stdio.h>
#include <string.h>

#include <cpl_string.h>
#include <gdal.h>

#include "io/raster/raster_types.h"

enum { MOST_NAMES = 65536 };

typedef struct names {
    const char **at;
    int n;
} names;

static cseg_status new_names(int n, arena *mem, names *out, cseg_error *err)
{
    *out = (names){n > 0 ? ARENA_ARRAY(mem, (size_t)n, const char *) : NULL, n};
    for (int i = 0; out->at && i < n; i++)
        out->at[i] = "";
    return n && !out->at ? fail_memory(err) : CSEG_OK;
}

static bool put(names *to, int i, const char *text, arena *mem)
{
    return (to->at[i] = arena_strdup(mem, text)) != NULL;
}

/* CLASS_0, CLASS_1, ..., as cseg writes them. */
static cseg_status from_metadata(raster *r, int n, arena *mem, names *out, cseg_error *err)
{
    char key[32];
    TRY(new_names(n, mem, out, err));
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "CLASS_%d", i);
        if (!put(out, i, GDALGetMetadataItem(r->set, key, NULL), mem))
            return fail_memory(err);
    }
    return CSEG_OK;
}

static int count_metadata(raster *r)
{
    char key[32];
    int n = 0;
    while (n < MOST_NAMES && snprintf(key, sizeof key, "CLASS_%d", n) > 0 && GDALGetMetadataItem(r->set, key, NULL))
        n++;
    return n;
}

static cseg_status from_list(char **from, arena *mem, names *out, cseg_error *err)
{
    int n = CSLCount(from);
    TRY(new_names(n < MOST_NAMES ? n : MOST_NAMES, mem, out, err));
    for (int i = 0; i < out->n; i++)
        if (!put(out, i, from[i], mem))
            return fail_memory(err);
    return CSEG_OK;
}

static cseg_status from_table(GDALRasterAttributeTableH table, arena *mem, names *out, cseg_error *err)
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
    TRY(new_names(most + 1, mem, out, err));
    for (int i = 0; i < rows; i++) {
        int v = GDALRATGetValueAsInt(table, i, value);
        const char *text = GDALRATGetValueAsString(table, i, name);
        if (v >= 0 && v <= most && text && !put(out, v, text, mem))
            return fail_memory(err);
    }
    return CSEG_OK;
}

cseg_status raster_categories_read(raster *r, arena *mem, cseg_error *err)
{
    names found = {0};
    GDALRasterBandH band = GDALGetRasterBand(r->set, r->band[0]);
    char **list = GDALGetRasterCategoryNames(band);
    GDALRasterAttributeTableH table = GDALGetDefaultRAT(band);
    int stated = count_metadata(r);
    if (stated)
        TRY(from_metadata(r, stated, mem, &found, err));
    else if (list)
        TRY(from_list(list, mem, &found, err));
    else if (table)
        TRY(from_table(table, mem, &found, err));
    r->info.categories = found.at;
    r->info.categories_n = found.n;
    return CSEG_OK;
}
