/* Checks VRTs: XML files that put a raster together from others. Allowed are the mosaics and subsets that gdalbuildvrt
 * and gdal_translate write, of local files. Every element that is not known here is refused, so that none that names
 * files in another way (warped, derived, raw, pansharpened ones) is overlooked. */
#define _GNU_SOURCE /* realpath */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <cpl_minixml.h>
#include <cpl_vsi.h>

#include "base/file.h"
#include "base/str.h"
#include "io/raster/raster_source.h"

enum { DEEPEST_VRT = 8, DEEPEST_ELEMENT = 32, LARGEST_VRT = 1 << 26, MOST_PARTS = 10000000 };

/* Where the walk is. */
typedef struct vrt {
    const char *path;
    raster_vrts *around;
    arena *mem;
    cseg_error *err;
} vrt;

static const char *const elements[] = {"VRTDataset",
                                       "SRS",
                                       "GeoTransform",
                                       "GCPList",
                                       "GCP",
                                       "VRTRasterBand",
                                       "NoDataValue",
                                       "HideNoDataValue",
                                       "ColorInterp",
                                       "Description",
                                       "UnitType",
                                       "Offset",
                                       "Scale",
                                       "CategoryNames",
                                       "Category",
                                       "ColorTable",
                                       "Entry",
                                       "Histograms",
                                       "HistItem",
                                       "HistMin",
                                       "HistMax",
                                       "BucketCount",
                                       "IncludeOutOfRange",
                                       "Approximate",
                                       "HistCounts",
                                       "SimpleSource",
                                       "ComplexSource",
                                       "AveragedSource",
                                       "NoDataFromMaskSource",
                                       "KernelFilteredSource",
                                       "SourceBand",
                                       "SourceProperties",
                                       "SrcRect",
                                       "DstRect",
                                       "NODATA",
                                       "ScaleOffset",
                                       "ScaleRatio",
                                       "LUT",
                                       "Exponent",
                                       "SrcMin",
                                       "SrcMax",
                                       "DstMin",
                                       "DstMax",
                                       "Clamp",
                                       "UseMaskBand",
                                       "ColorTableComponent",
                                       "Kernel",
                                       "Size",
                                       "Coefs",
                                       "MaskValueThreshold",
                                       "RemappedValue",
                                       "MaskBand",
                                       "Overview",
                                       "OverviewList",
                                       "BlockXSize",
                                       "BlockYSize"};

static bool is_known(const char *name)
{
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (strcmp(elements[i], name) == 0)
            return true;
    return false;
}

static cseg_status refuse(const vrt *v, const char *what)
{
    return fail(v->err, CSEG_UNSUPPORTED,
                "%s: the VRT has %.100s, by which it may read more than the local rasters "
                "that it names; --allow-remote opens it",
                v->path, what);
}

/* Names are relative to the file itself, also if the VRT's name is a link. */
static char *folder_of(const vrt *v)
{
    char real[PATH_MAX];
    struct stat st;
    bool link = lstat(v->path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(v->path, real);
    return path_dir(v->mem, link ? real : v->path);
}

/* A file that was looked at. */
typedef struct known_part {
    const char *path;
    int height;
    int64_t parts; /* with itself */
} known_part;

typedef struct raster_known {
    known_part *at; /* a table of hashes, [size], a power of two */
    size_t n, size;
} raster_known;

static known_part *place_of(const raster_known *k, const char *path)
{
    size_t i = (size_t)str_fnv1a64(path, strlen(path)) & (k->size - 1);
    while (k->at[i].path && strcmp(k->at[i].path, path) != 0)
        i = (i + 1) & (k->size - 1);
    return &k->at[i];
}

static bool grow(raster_known *k, arena *mem)
{
    raster_known bigger = {.n = k->n, .size = k->size ? 4 * k->size : 64};
    if (2 * k->n < k->size)
        return true;
    bigger.at = ARENA_ARRAY(mem, bigger.size, known_part);
    if (!bigger.at)
        return false;
    for (size_t i = 0; i < k->size; i++)
        if (k->at[i].path)
            *place_of(&bigger, k->at[i].path) = k->at[i];
    *k = bigger;
    return true;
}

static cseg_status look_at(const vrt *v, const char *path, known_part *out)
{
    raster_vrts *around = v->around, before = *around;
    raster_known *known = around->known;
    if (!grow(known, around->mem))
        return fail_memory(v->err);
    *out = *place_of(known, path);
    if (out->path)
        return CSEG_OK;
    around->depth++;
    around->height = 0;
    around->parts = 0;
    cseg_status status = raster_source_check_part(path, around, v->err);
    *out = (known_part){arena_strdup(around->mem, path), around->height, around->parts + 1};
    around->depth = before.depth;
    around->height = before.height;
    around->parts = before.parts;
    if (status != CSEG_OK)
        return fail_within(v->err, "%s, a VRT, names it: ", v->path);
    if (!out->path || !grow(known, around->mem))
        return fail_memory(v->err);
    *place_of(known, path) = *out;
    known->n++;
    return CSEG_OK;
}

static cseg_status too_deep(const char *path, cseg_error *err)
{
    return fail(err, CSEG_UNSUPPORTED, "%s: VRTs of VRTs, more than %d deep", path, DEEPEST_VRT);
}

static cseg_status add_part(const vrt *v, const char *path)
{
    raster_vrts *around = v->around;
    known_part part;
    TRY(look_at(v, path, &part));
    if (around->depth + 1 + part.height > DEEPEST_VRT)
        return too_deep(v->path, v->err);
    if (part.height > around->height)
        around->height = part.height;
    around->parts += part.parts;
    if (around->parts <= MOST_PARTS)
        return CSEG_OK;
    return fail(v->err, CSEG_UNSUPPORTED,
                "%s: a VRT of more than %d parts, where those of VRTs in it count as often as they are named", v->path,
                MOST_PARTS);
}

static cseg_status check_part(const vrt *v, CPLXMLNode *node)
{
    const char *name = CPLGetXMLValue(node, NULL, "");
    const char *relative = CPLGetXMLValue(node, "relativeToVRT", "0");
    if (strcmp(relative, "0") != 0 && strcmp(relative, "1") != 0)
        return refuse(v, "a relativeToVRT that is neither 0 nor 1");
    if (*name == 0 || strchr(name, '<') || (raster_source_has_prefix(name) && *name != '/'))
        return fail(v->err, CSEG_UNSUPPORTED, "%s: the VRT's part '%.200s' is no local file; --allow-remote opens it",
                    v->path, name);
    char *dir = folder_of(v), *part = NULL;
    if (dir)
        part = *relative == '1' ? path_join(v->mem, dir, name) : arena_strdup(v->mem, name);
    if (!part)
        return fail_memory(v->err);
    bool archive = str_starts(part, "/vsizip/") || str_starts(part, "/vsitar/") || str_starts(part, "/vsigzip/");
    if (str_starts(part, "/vsi") && !archive)
        return fail(v->err, CSEG_UNSUPPORTED, "%s: the VRT's part '%.200s' is no local file; --allow-remote opens it",
                    v->path, name);
    return add_part(v, part);
}

static cseg_status walk(const vrt *v, CPLXMLNode *node, int depth)
{
    if (depth > DEEPEST_ELEMENT)
        return refuse(v, "elements nested that deeply");
    for (; node; node = node->psNext) {
        if (node->eType == CXT_Attribute) {
            const char *value = node->psChild ? node->psChild->pszValue : "";
            if (strcasecmp(node->pszValue, "subClass") == 0 && strcmp(value, "VRTSourcedRasterBand") != 0)
                TRY(refuse(v, value));
            continue;
        }
        /* To GDAL metadata are text, except the name of an overview, which it looks at when it opens the file. */
        if (node->eType != CXT_Element || *node->pszValue == '?' || strcmp(node->pszValue, "Metadata") == 0)
            continue;
        if (strcmp(node->pszValue, "SourceFilename") == 0) {
            TRY(check_part(v, node));
            continue;
        }
        if (!is_known(node->pszValue))
            TRY(refuse(v, node->pszValue));
        if (strcmp(node->pszValue, "SRS") == 0 &&
            (strstr(CPLGetXMLValue(node, NULL, ""), "://") || strstr(CPLGetXMLValue(node, NULL, ""), "/vsi")))
            TRY(refuse(v, "an address as its SRS"));
        TRY(walk(v, node->psChild, depth + 1));
    }
    return CSEG_OK;
}

static cseg_status read_text(const char *path, char **text, cseg_error *err)
{
    GByte *bytes = NULL;
    vsi_l_offset n = 0;
    if (!VSIIngestFile(NULL, path, &bytes, &n, LARGEST_VRT))
        return fail(err, CSEG_CORRUPT, "%s: the VRT cannot be read, or is over %d MB long", path, LARGEST_VRT >> 20);
    *text = (char *)bytes;
    return CSEG_OK;
}

static cseg_status check_text(const char *path, raster_vrts *around, cseg_error *err)
{
    char *text = NULL;
    TRY(read_text(path, &text, err));
    CPLXMLNode *root = CPLParseXMLString(text);
    arena *mem = arena_new();
    vrt v = {path, around, mem, err};
    cseg_status status = !mem    ? fail_memory(err)
                         : !root ? fail(err, CSEG_CORRUPT, "%s: the VRT's XML is damaged", path)
                                 : walk(&v, root, 0);
    arena_free(mem);
    if (root)
        CPLDestroyXMLNode(root);
    VSIFree(text);
    around->height++;
    return status;
}

cseg_status raster_vrt_check(const char *path, raster_vrts *around, cseg_error *err)
{
    raster_known known = {0};
    if (around->depth >= DEEPEST_VRT)
        return too_deep(path, err);
    if (around->known)
        return check_text(path, around, err);
    around->known = &known;
    around->mem = arena_new();
    cseg_status status = around->mem ? check_text(path, around, err) : fail_memory(err);
    arena_free(around->mem);
    *around = (raster_vrts){0};
    return status;
}
