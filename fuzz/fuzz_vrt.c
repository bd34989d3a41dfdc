/* Any text as a VRT: where GDAL's own reading of its XML finds a name that leads to another place than a local file,
 * the check must have refused it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cpl_minixml.h>
#include <cpl_vsi.h>

#include "io/raster/raster_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whether any text of an element that GDAL reads as a source's name is an address. */
static bool names_address(CPLXMLNode *node, int depth)
{
    for (; node && depth < 64; node = node->psNext) {
        if (node->eType == CXT_Element && strcasecmp(node->pszValue, "SourceFilename") == 0) {
            const char *name = CPLGetXMLValue(node, NULL, "");
            if (strstr(name, "/vsicurl") || strncmp(name, "http:", 5) == 0)
                return true;
        }
        /* GDAL finds no sources in metadata. */
        bool metadata = node->eType == CXT_Element && strcmp(node->pszValue, "Metadata") == 0;
        if (!metadata && names_address(node->psChild, depth + 1))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char path[] = "/vsimem/fuzz.vrt";
    raster_vrts around = {0};
    cseg_error err;
    char *text = malloc(n + 1);
    if (!text)
        return -1;
    memcpy(text, data, n);
    text[n] = 0;
    VSILFILE *f = VSIFileFromMemBuffer(path, (GByte *)text, n, FALSE);
    if (!f)
        abort();
    VSIFCloseL(f);
    if (raster_vrt_check(path, &around, &err) == CSEG_OK) {
        CPLXMLNode *root = CPLParseXMLString(text);
        if (names_address(root, 0))
            abort();
        CPLDestroyXMLNode(root);
    }
    VSIUnlink(path);
    free(text);
    return 0;
}
