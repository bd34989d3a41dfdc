/* Any bytes in a checkpoint's place: what they are taken for, and their beginnings of every short length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/torch/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (size_t length = 0; length <= n; length = length < 40 || length == n ? length + 1 : n) {
        /* Of its own size, so that a byte read behind it is found. */
        uint8_t *copy = malloc(length ? length : 1);
        cseg_error err;
        if (!copy)
            return -1;
        memcpy(copy, data, length);
        const foreign_kind *kind = foreign_find(copy, length);
        if (kind && (foreign_refuse(kind, "fuzz", &err) == CSEG_OK || !strstr(err.text, kind->what)))
            abort();
        free(copy);
    }
    return 0;
}
