/* Any text as the cache of the label check: it is believed as a whole, or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/scan/scan_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[64];
    cseg_error err;
    scan_cache cache;
    scan_facts facts;
    snprintf(path, sizeof path, "/tmp/fuzz_scan_cache.%ld", (long)getpid());
    arena *mem = arena_new();
    if (file_replace_bytes(path, data, n, mem, &err) == CSEG_OK) {
        scan_cache_read(&cache, path, mem);
        /* No label of the seeds exists, so nothing may be found. */
        if (scan_cache_find(&cache, "/no/label.png", "/no/image.jpg", false, &facts))
            abort();
    }
    unlink(path);
    arena_free(mem);
    return 0;
}
