/* Reads the orientation from EXIF data (tag 0x0112 of the first directory), and nothing else. */
#include <string.h>

#include "io/image/image_codec.h"

static unsigned get16(const uint8_t *p, bool big)
{
    return big ? (unsigned)(p[0] << 8 | p[1]) : (unsigned)(p[1] << 8 | p[0]);
}

static uint32_t get32(const uint8_t *p, bool big)
{
    return big ? (uint32_t)get16(p, true) << 16 | get16(p + 2, true)
               : (uint32_t)get16(p + 2, false) << 16 | get16(p, false);
}

int image_exif_orientation(const uint8_t *tiff, size_t n)
{
    enum { TAG_ORIENTATION = 0x0112, ENTRY_BYTES = 12 };
    if (n < 8)
        return 1;
    bool big = tiff[0] == 'M';
    if (memcmp(tiff, big ? "MM" : "II", 2) != 0 || get16(tiff + 2, big) != 42)
        return 1;
    size_t at = get32(tiff + 4, big);
    if (at > n || n - at < 2)
        return 1;
    size_t entries = get16(tiff + at, big);
    at += 2;
    for (size_t i = 0; i < entries && n - at >= ENTRY_BYTES; i++, at += ENTRY_BYTES) {
        if (get16(tiff + at, big) != TAG_ORIENTATION)
            continue;
        unsigned v = get16(tiff + at + 8, big);
        return v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}

cseg_status image_upright(image *m, int orientation, cseg_error *err)
{
    if (orientation <= 1 || orientation > 8)
        return CSEG_OK;
    /* The orientations bit by bit: is the picture turned over its diagonal, mirrored, upside down? */
    bool transpose = orientation >= 5;
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    image out;
    TRY(image_new(transpose ? m->w : m->h, transpose ? m->h : m->w, m->c, m->type, &out, err));
    size_t pixel = image_type_size(m->type) * (size_t)m->c;
    for (int64_t y = 0; y < out.h; y++) {
        char *to = image_at(&out, y, 0);
        int64_t v = flip_y ? out.h - 1 - y : y;
        for (int64_t x = 0; x < out.w; x++, to += pixel) {
            int64_t u = flip_x ? out.w - 1 - x : x;
            memcpy(to, transpose ? image_at(m, u, v) : image_at(m, v, u), pixel);
        }
    }
    image_release(m);
    *m = out;
    return CSEG_OK;
}
