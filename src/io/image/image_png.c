/* PNG through libpng, with the transformations that cv2.imread (or, for labels, PIL) applies. image_png_plain.c reads
 * the usual files without libpng. */
#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "base/arena.h"
#include "io/image/image_codec.h"
#include "io/image/image_watch.h"

typedef struct png_source {
    const image_bytes_in *in;
    size_t at;
    char text[200];
} png_source;

static void on_error(png_structp png, png_const_charp text)
{
    png_source *s = png_get_error_ptr(png);
    snprintf(s->text, sizeof s->text, "%s", text);
    png_longjmp(png, 1);
}

/* These warnings are about chunks without pixels: damage to chunks with pixels is an error. */
static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    png_source *s = png_get_io_ptr(png);
    if (n > s->in->n - s->at) {
        s->at = s->in->n;
        png_error(png, "the file ends too early");
    }
    memcpy(to, s->in->bytes + s->at, n);
    s->at += n;
}

typedef struct png_layout {
    int channels;
    image_type type;
} png_layout;

/* Converts as PIL does: palettes stay indices, one-bit images are 0 and 1, other shallow gray is stretched to 0...255;
 * 16 bits stay only in gray. */
static png_layout ask_for_pillow(png_structp png, int color, int depth)
{
    if (color == PNG_COLOR_TYPE_PALETTE || (color == PNG_COLOR_TYPE_GRAY && depth == 1))
        png_set_packing(png);
    else if (color == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16 && color != PNG_COLOR_TYPE_GRAY)
        png_set_strip_16(png);
    bool deep = depth == 16 && color == PNG_COLOR_TYPE_GRAY;
    int channels = color == PNG_COLOR_TYPE_RGB          ? 3
                   : color == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                   : color == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                        : 1;
    return (png_layout){channels, deep ? IMAGE_U16 : IMAGE_U8};
}

/* Converts as cv2 does: palettes become colours; `unchanged` keeps 16 bits, and an alpha channel, which gray gets as
 * four channels. */
static png_layout ask_for_cv2(png_structp png, int color, int depth, bool has_trns, image_flags flags)
{
    bool unchanged = flags & IMAGE_UNCHANGED;
    bool gray = color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA;
    bool alpha = color & PNG_COLOR_MASK_ALPHA || (has_trns && !gray);
    int channels = flags & IMAGE_GRAYSCALE ? 1 : !unchanged ? 3 : alpha ? 4 : gray ? 1 : 3;
    if (depth == 16 && !unchanged)
        png_set_strip_16(png);
    if (color == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (color == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (channels == 4 && has_trns)
        png_set_tRNS_to_alpha(png);
    else if (channels != 4)
        png_set_strip_alpha(png);
    if (channels >= 3 && gray)
        png_set_gray_to_rgb(png);
    if (channels == 1 && !gray)
        png_set_rgb_to_gray(png, PNG_ERROR_ACTION_NONE, 0.299, 0.587);
    return (png_layout){channels, depth == 16 && unchanged ? IMAGE_U16 : IMAGE_U8};
}

static png_layout ask_for(png_structp png, png_infop info, image_flags flags)
{
    int color = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    bool has_trns = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    png_layout l = flags & IMAGE_PILLOW && flags & IMAGE_UNCHANGED ? ask_for_pillow(png, color, depth)
                                                                   : ask_for_cv2(png, color, depth, has_trns, flags);
    if (l.channels >= 3 && !(flags & IMAGE_RGB))
        png_set_bgr(png);
    if (l.type == IMAGE_U16)
        png_set_swap(png);
    return l;
}

static int orientation_of(png_structp png, png_infop info)
{
    png_bytep exif;
    png_uint_32 n;
    return png_get_eXIf_1(png, info, &n, &exif) ? image_exif_orientation(exif, n) : 1;
}

static cseg_status read_rows(png_structp png, image *m, int passes, const char *name, cseg_error *err)
{
    image_watch w;
    image_watch_begin(&w, name, m->h, m->w, passes * m->h);
    for (int p = 0; p < passes; p++)
        for (int64_t y = 0; y < m->h; y++) {
            png_read_row(png, image_at(m, y, 0), NULL);
            if (image_watch_row(&w, p * m->h + y + 1))
                return image_watch_fail(&w, err);
        }
    return CSEG_OK;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* libpng allocates what a chunk claims as its length before it reads the chunk. So a chunk that would reach beyond the
 * file's end is refused here. Pixels (IDAT) are read in pieces, and libpng finds what is missing of them. */
static cseg_status check_chunks(const image_bytes_in *in, cseg_error *err)
{
    enum { SIGNATURE = 8, AROUND = 12 };
    for (size_t at = SIGNATURE; at + AROUND <= in->n;) {
        size_t n = get32(in->bytes + at);
        if (memcmp(in->bytes + at + 4, "IEND", 4) == 0)
            break;
        if (n > in->n - at - AROUND && memcmp(in->bytes + at + 4, "IDAT", 4) != 0)
            return fail(err, CSEG_CORRUPT, "%s: damaged or truncated PNG at byte %zu of %zu: the file ends too early",
                        in->name, at, in->n);
        if (n > in->n - at - AROUND)
            break;
        at += AROUND + n;
    }
    return CSEG_OK;
}

/* All that lies between opening and closing the decoder. On failure the caller releases what is left in *out. */
static cseg_status decode_with(png_structp png, png_infop info, const png_source *s, image_flags flags,
                               bool header_only, image *out, cseg_error *err)
{
    const image_bytes_in *in = s->in;
    png_read_info(png, info);
    int64_t h = png_get_image_height(png, info), w = png_get_image_width(png, info);
    /* DEFLATE reaches at most 1032 to 1. */
    if ((uint64_t)png_get_rowbytes(png, info) * (uint64_t)h / 1032 > in->n)
        return fail(err, CSEG_CORRUPT, "%s: truncated PNG: %lld x %lld pixels cannot be in its %zu bytes", in->name,
                    (long long)w, (long long)h, in->n);
    bool upright = !(flags & (IMAGE_UNCHANGED | IMAGE_IGNORE_ORIENTATION));
    png_layout l = ask_for(png, info, flags);
    if (header_only) {
        bool turned = upright && orientation_of(png, info) >= 5;
        *out = (image){.h = turned ? w : h, .w = turned ? h : w, .c = l.channels, .type = l.type};
        return CSEG_OK;
    }
    TRY(image_check_size(h, w, l.channels, l.type, in->name, err));
    TRY(image_new(h, w, l.channels, l.type, out, err));
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != (size_t)image_row_bytes(out))
        return fail(err, CSEG_UNSUPPORTED, "%s: PNG with an unusual pixel layout (%zu bytes a row)", in->name,
                    png_get_rowbytes(png, info));
    TRY(read_rows(png, out, passes, in->name, err));
    png_read_end(png, info);
    return upright ? image_upright(out, orientation_of(png, info), err) : CSEG_OK;
}

cseg_status image_png_decode(const image_bytes_in *in, image_flags flags, bool header_only, image *out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    png_source s = {.in = in};
    png_infop info = NULL;
    if (!header_only && image_png_decode_plain(in, flags, out))
        return CSEG_OK;
    TRY(check_chunks(in, err));
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    if (!png || !(info = png_create_info_struct(png))) {
        status = fail_memory(err);
        goto done;
    }
    if (setjmp(png_jmpbuf(png))) {
        status = fail(err, CSEG_CORRUPT, "%s: damaged or truncated PNG at byte %zu of %zu: %s", in->name, s.at, in->n,
                      s.text);
        goto done;
    }
    png_set_user_limits(png, (png_uint_32)IMAGE_MAX_SIDE, (png_uint_32)IMAGE_MAX_SIDE);
    png_set_read_fn(png, &s, on_read);
    status = decode_with(png, info, &s, flags, header_only, out, err);
done:
    png_destroy_read_struct(&png, &info, NULL);
    if (status != CSEG_OK)
        image_release(out);
    return status;
}

static void on_write(png_structp png, png_bytep from, size_t n)
{
    fwrite(from, 1, n, png_get_io_ptr(png)); /* the FILE remembers errors until its commit */
}

static void on_flush(png_structp png)
{
    (void)png;
}

static cseg_status check_writable(const image *m, const image_save *how, const char *name, cseg_error *err)
{
    if ((m->type != IMAGE_U8 && m->type != IMAGE_U16) || m->c > 4)
        return fail(err, CSEG_USAGE, "%s: PNG holds uint8 or uint16 images of 1 to 4 channels, not %s with %lld", name,
                    image_type_name(m->type), (long long)m->c);
    if (how->palette && (m->type != IMAGE_U8 || m->c != 1 || how->palette_n < 1 || how->palette_n > 256))
        return fail(err, CSEG_USAGE, "%s: a palette is for one uint8 channel and has 1 to 256 colours", name);
    if (!how->palette)
        return CSEG_OK;
    const uint8_t *p = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++)
        if (p[i] >= how->palette_n)
            return fail(err, CSEG_DATA, "%s: pixel (%lld, %lld) has index %d, the palette only %d colours", name,
                        (long long)(i / m->w), (long long)(i % m->w), p[i], how->palette_n);
    return CSEG_OK;
}

static void encode_with(png_structp png, png_infop info, const image *m, const image_save *how)
{
    static const int color[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                PNG_COLOR_TYPE_RGB_ALPHA};
    png_set_IHDR(png, info, (png_uint_32)m->w, (png_uint_32)m->h, m->type == IMAGE_U16 ? 16 : 8,
                 how->palette ? PNG_COLOR_TYPE_PALETTE : color[m->c], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (how->palette) {
        png_color c[256];
        for (int i = 0; i < how->palette_n; i++)
            c[i] = (png_color){how->palette[3 * i], how->palette[3 * i + 1], how->palette[3 * i + 2]};
        png_set_PLTE(png, info, c, how->palette_n);
    }
    png_write_info(png, info);
    if (m->c >= 3 && !how->rgb)
        png_set_bgr(png);
    if (m->type == IMAGE_U16)
        png_set_swap(png);
    for (int64_t y = 0; y < m->h; y++)
        png_write_row(png, image_at(m, y, 0));
    png_write_end(png, info);
}

cseg_status image_png_encode(const image *m, const image_save *how, FILE *out, const char *name, cseg_error *err)
{
    TRY(check_writable(m, how, name, err));
    cseg_status status = CSEG_OK;
    png_source s = {0};
    png_infop info = NULL;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    if (!png || !(info = png_create_info_struct(png))) {
        status = fail_memory(err);
        goto done;
    }
    if (setjmp(png_jmpbuf(png))) {
        status = fail(err, CSEG_IO, "%s: cannot write the PNG: %s", name, s.text);
        goto done;
    }
    png_set_user_limits(png, (png_uint_32)IMAGE_MAX_SIDE, (png_uint_32)IMAGE_MAX_SIDE);
    png_set_write_fn(png, out, on_write, on_flush);
    encode_with(png, info, m, how);
done:
    png_destroy_write_struct(&png, &info);
    return status;
}
