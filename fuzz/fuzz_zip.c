/* Any bytes as a zip archive; then every entry. */
#include "io/archive/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    arena *mem = arena_new();
    zip_archive z;
    cseg_error err;
    if (zip_open(data, n, "fuzz", mem, &z, &err) == CSEG_OK)
        for (size_t i = 0; i < z.count; i++) {
            const uint8_t *bytes;
            (void)zip_find(&z, z.entries[i].name);
            (void)zip_bytes(&z, &z.entries[i], 1000000, mem, &bytes, &err);
        }
    arena_free(mem);
    return 0;
}
