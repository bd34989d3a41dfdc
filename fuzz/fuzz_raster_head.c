/* Any bytes as a file that GDAL might be given: what raster_source says of its head, and of a VRT's whole text, before
 * GDAL sees it. */
#define _GNU_SOURCE /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/raster/raster_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char folder[] = "/tmp/fuzz_raster_XXXXXX", path[64];
    static const char *const names[] = {"x.tif", "x.vrt"};
    cseg_error err;
    arena *mem = arena_new();
    if (!mem || !mkdtemp(folder))
        abort();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *wanted;
        const char *const *drivers;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
            abort();
        if (raster_source_check(path, mem, &wanted, &drivers, &err) == CSEG_OK && !drivers)
            abort(); /* any driver might open it */
        unlink(path);
    }
    rmdir(folder);
    arena_free(mem);
    return 0;
}
