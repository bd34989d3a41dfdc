/* Any bytes as a file with a list of numbers; the first byte chooses the kind of file. What is read is finite. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const endings[] = {".json", ".npy", ".pkl", ".yaml"};
    char path[64];
    cseg_error err;
    double *values;
    size_t count;
    if (!n)
        return -1;
    snprintf(path, sizeof path, "/tmp/fuzz_numbers.%ld%s", (long)getpid(), endings[data[0] % 4]);
    arena *mem = arena_new();
    if (file_replace_bytes(path, data + 1, n - 1, mem, &err) == CSEG_OK &&
        numbers_read(path, mem, &values, &count, &err) == CSEG_OK)
        for (size_t i = 0; i < count; i++)
            if (!isfinite(values[i]))
                abort();
    unlink(path);
    arena_free(mem);
    return 0;
}
