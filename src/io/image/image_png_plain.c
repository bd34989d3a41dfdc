/* Reads the PNG files that datasets are made of, without libpng: whole, not interlaced, 8 bits a sample, of gray
 * levels, palette indices or colours that are wanted as they are stored. libdeflate inflates all data at once into the
 * image's own memory (checksums are verified), and the filters are undone there, row by row. Everything unusual or
 * damaged is left to libpng, which decides what is wrong with it.
 *
 * A CamVid label map (480 x 360 in 4 KB): 0.06 ms, a fifth of libpng's time, half of it inflating. */
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "base/arena.h"
#include "io/image/image_codec.h"

enum {
    COLOR_GRAY = 0,
    COLOR_RGB = 2,
    COLOR_PALETTE = 3,
    SIGNATURE = 8,
    AROUND = 12,
    HEADER = 13,
    LARGEST_AT_ONCE = 1 << 28
};
enum { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH, FILTERS };

/* The parts of a file that are needed here. */
typedef struct png_parts {
    int64_t h, w;
    int color;
    bool has_palette;
    const uint8_t *data; /* the one IDAT, or `joined` */
    size_t n;
    uint8_t *joined; /* several, one behind the other; mem_free */
} png_parts;

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool read_header(const uint8_t *p, png_parts *out)
{
    out->w = get32(p);
    out->h = get32(p + 4);
    out->color = p[9];
    return p[8] == 8 && p[10] == 0 && p[11] == 0 && p[12] == 0 && out->w > 0 && out->h > 0;
}

/* Chunks that change nothing about the samples as they are stored. */
static bool is_harmless(const uint8_t *name)
{
    static const char names[][5] = {"gAMA", "cHRM", "sRGB", "pHYs", "tEXt", "tIME"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (memcmp(name, names[i], 4) == 0)
            return true;
    return false;
}

static bool add_data(png_parts *p, const uint8_t *data, size_t n, size_t file)
{
    if (!p->data) {
        p->data = data;
        p->n = n;
        return true;
    }
    if (!p->joined) {
        if (!(p->joined = mem_alloc_raw(file)))
            return false;
        memcpy(p->joined, p->data, p->n);
        p->data = p->joined;
    }
    memcpy(p->joined + p->n, data, n);
    p->n += n;
    return true;
}

/* False: not one of the plain files. */
static bool read_parts(const image_bytes_in *in, png_parts *out)
{
    bool behind = false; /* the last data chunk */
    for (size_t at = SIGNATURE; in->n - at >= AROUND;) {
        const uint8_t *name = in->bytes + at + 4, *body = name + 4;
        size_t n = get32(in->bytes + at);
        if (n > in->n - at - AROUND)
            return false;
        if (is_harmless(name) && out->h) {
            behind = out->data != NULL;
            at += AROUND + n;
            continue;
        }
        if (get32(body + n) != libdeflate_crc32(0, name, n + 4))
            return false;
        if (memcmp(name, "IDAT", 4) == 0) {
            if (!out->h || behind || !add_data(out, body, n, in->n))
                return false;
        } else if (memcmp(name, "IHDR", 4) == 0) {
            if (at != SIGNATURE || n != HEADER || !read_header(body, out))
                return false;
        } else if (memcmp(name, "PLTE", 4) == 0) {
            if (!out->h || out->data || out->has_palette || n == 0 || n % 3 != 0 || n > 768)
                return false;
            out->has_palette = true;
        } else {
            return memcmp(name, "IEND", 4) == 0 && n == 0 && out->data != NULL;
        }
        at += AROUND + n;
    }
    return false;
}

/* Samples a pixel in the stored form, if that form is what is asked for; else 0. */
static int wanted_channels(const png_parts *p, image_flags flags)
{
    bool pillow = flags & IMAGE_PILLOW && flags & IMAGE_UNCHANGED;
    switch (p->color) {
    case COLOR_GRAY:
        return pillow || flags & (IMAGE_UNCHANGED | IMAGE_GRAYSCALE) ? 1 : 0;
    case COLOR_PALETTE:
        return pillow && p->has_palette ? 1 : 0;
    case COLOR_RGB:
        return flags & IMAGE_GRAYSCALE ? 0 : 3;
    default:
        return 0;
    }
}

/* ---- filters (PNG, 3rd edition, section 9) ----
 * Each makes a row `to` from the bytes stored at `from` and the row above; `to` may lie before `from`, overlapping. */

#if defined(__SSE2__)
#include <emmintrin.h>

static size_t add_above_16(uint8_t *to, const uint8_t *from, const uint8_t *above, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm_storeu_si128((__m128i *)(to + i), _mm_add_epi8(_mm_loadu_si128((const __m128i *)(from + i)),
                                                           _mm_loadu_si128((const __m128i *)(above + i))));
    return i;
}

/* Sums from the row's beginning on, one byte a pixel: four steps of shift and add make the sums of 16. */
static size_t add_left_16(uint8_t *to, const uint8_t *from, size_t n)
{
    size_t i = 0;
    __m128i before = _mm_setzero_si128();
    for (; i + 16 <= n; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(from + i));
        v = _mm_add_epi8(v, _mm_slli_si128(v, 1));
        v = _mm_add_epi8(v, _mm_slli_si128(v, 2));
        v = _mm_add_epi8(v, _mm_slli_si128(v, 4));
        v = _mm_add_epi8(v, _mm_slli_si128(v, 8));
        v = _mm_add_epi8(v, before);
        _mm_storeu_si128((__m128i *)(to + i), v);
        before = _mm_set1_epi8((char)((unsigned)_mm_extract_epi16(v, 7) >> 8));
    }
    return i;
}

/* If the left pixel equals the one above it and only zeros are stored, each pixel equals the one above, and so on.
 * Label maps have many such runs. Returns the length of the run, in steps of 16. */
static size_t copy_above_16(uint8_t *to, const uint8_t *from, const uint8_t *above, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m128i stored = _mm_loadu_si128((const __m128i *)(from + i));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(stored, _mm_setzero_si128())) != 0xffff)
            break;
        _mm_storeu_si128((__m128i *)(to + i), _mm_loadu_si128((const __m128i *)(above + i)));
    }
    return i;
}
#else
#define add_above_16(to, from, above, n) 0
#define add_left_16(to, from, n) 0
#define copy_above_16(to, from, above, n) 0
#endif

static void undo_up(uint8_t *to, const uint8_t *from, const uint8_t *above, size_t n)
{
    for (size_t i = add_above_16(to, from, above, n); i < n; i++)
        to[i] = (uint8_t)(from[i] + above[i]);
}

static void undo_sub(uint8_t *to, const uint8_t *from, size_t n, size_t pixel)
{
    size_t i = pixel == 1 ? add_left_16(to, from, n) : 0;
    for (; i < n; i++)
        to[i] = (uint8_t)(from[i] + (i < pixel ? 0 : to[i - pixel]));
}

static void undo_average(uint8_t *to, const uint8_t *from, const uint8_t *above, size_t n, size_t pixel)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(from[i] + ((i < pixel ? 0 : to[i - pixel]) + above[i]) / 2);
}

static inline int paeth(int a, int b, int c)
{
    int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
    int best = pb <= pc ? b : c;
    return pa <= pb && pa <= pc ? a : best;
}

/* Bound by the latency from each pixel to the next, about 12 cycles, except in what copy_above_16 does. */
static void undo_paeth_1(uint8_t *to, const uint8_t *from, const uint8_t *above, size_t n)
{
    uint8_t a = to[0] = (uint8_t)(from[0] + above[0]), c = above[0];
    for (size_t i = 1; i < n;) {
        size_t same = a == c ? copy_above_16(to + i, from + i, above + i, n - i) : 0;
        i += same;
        if (same)
            a = c = above[i - 1];
        for (size_t end = i + 16 < n ? i + 16 : n; i < end; i++) {
            a = to[i] = (uint8_t)(from[i] + paeth(a, above[i], c));
            c = above[i];
        }
    }
}

static void undo_paeth(uint8_t *to, const uint8_t *from, const uint8_t *above, size_t n, size_t pixel)
{
    for (size_t i = 0; i < pixel && i < n; i++)
        to[i] = (uint8_t)(from[i] + above[i]);
    for (size_t i = pixel; i < n; i++)
        to[i] = (uint8_t)(from[i] + paeth(to[i - pixel], above[i], above[i - pixel]));
}

/* Turns rows with their filter's number in front into packed rows. `none` is a row of zeros. */
static bool undo_filters(uint8_t *data, int64_t h, size_t row, size_t pixel, const uint8_t *none)
{
    const uint8_t *above = none;
    for (int64_t y = 0; y < h; y++) {
        const uint8_t *from = data + (size_t)y * (row + 1);
        uint8_t *to = data + (size_t)y * row;
        switch (*from++) {
        case FILTER_NONE:
            memmove(to, from, row);
            break;
        case FILTER_SUB:
            undo_sub(to, from, row, pixel);
            break;
        case FILTER_UP:
            undo_up(to, from, above, row);
            break;
        case FILTER_AVERAGE:
            undo_average(to, from, above, row, pixel);
            break;
        case FILTER_PAETH:
            pixel == 1 ? undo_paeth_1(to, from, above, row) : undo_paeth(to, from, above, row, pixel);
            break;
        default:
            return false;
        }
        above = to;
    }
    return true;
}

/* Inflates to exactly n bytes. */
static bool inflate_all(const png_parts *p, uint8_t *to, size_t n)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    bool ok = d && libdeflate_zlib_decompress(d, p->data, p->n, to, n, NULL) == LIBDEFLATE_SUCCESS;
    libdeflate_free_decompressor(d);
    return ok;
}

static bool read_pixels(const png_parts *p, int channels, image *out)
{
    size_t row = (size_t)p->w * (size_t)channels, all = (size_t)p->h * (row + 1);
    uint8_t *none = mem_alloc(row), *data = mem_alloc_raw(all);
    bool ok = none && data && inflate_all(p, data, all) && undo_filters(data, p->h, row, (size_t)channels, none);
    mem_free(none);
    if (!ok) {
        mem_free(data);
        return false;
    }
    *out = (image){.h = p->h, .w = p->w, .c = channels, .type = IMAGE_U8, .data = data};
    return true;
}

bool image_png_decode_plain(const image_bytes_in *in, image_flags flags, image *out)
{
    cseg_error ignored; /* libpng then decodes it, and reports what is wrong */
    png_parts p = {0};
    bool ok = in->n >= SIGNATURE && read_parts(in, &p);
    int channels = ok ? wanted_channels(&p, flags) : 0;
    /* DEFLATE compresses at most 1032 to 1: no memory is allocated for a header that claims more. Files that take long
     * are read row by row, so that the user can be told and can stop. */
    ok = channels && image_check_size(p.h, p.w, channels, IMAGE_U8, in->name, &ignored) == CSEG_OK &&
         p.h * p.w * channels <= LARGEST_AT_ONCE && (uint64_t)(p.h * p.w * channels) / 1032 <= in->n &&
         read_pixels(&p, channels, out);
    if (ok && channels == 3 && !(flags & IMAGE_RGB))
        image_swap_red_blue(out);
    mem_free(p.joined);
    return ok;
}
