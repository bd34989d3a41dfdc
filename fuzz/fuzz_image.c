/* Any bytes as JPEG or PNG, in every way of reading. What GDAL reads is GDAL's to harden. */
#include <string.h>

#include "io/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const image_flags flags[] = {IMAGE_COLOR, IMAGE_GRAYSCALE | IMAGE_RGB, IMAGE_UNCHANGED,
                                        IMAGE_UNCHANGED | IMAGE_PILLOW};
    image m;
    cseg_error err;
    bool jpeg = n > 2 && memcmp(data, "\xff\xd8\xff", 3) == 0, png = n > 3 && memcmp(data, "\x89PNG", 4) == 0;
    if (!jpeg && !png)
        return -1;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (image_decode(data, n, "fuzz", flags[i], &m, &err) != CSEG_OK && m.data)
            __builtin_trap();
        image_release(&m);
    }
    return 0;
}
