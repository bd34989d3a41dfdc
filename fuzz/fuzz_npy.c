/* Any bytes as a .npy file; then its first and last element. */
#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    arena *mem = arena_new();
    pickle_array a;
    cseg_error err;
    if (npy_decode(data, n, "fuzz", mem, &a, &err) == CSEG_OK && a.count > 0) {
        pickle_array_get(&a, 0);
        pickle_array_get(&a, a.count - 1);
    }
    arena_free(mem);
    return 0;
}
