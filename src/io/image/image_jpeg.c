/* JPEG through libjpeg-turbo, with the settings cv2.imread uses: accurate integer DCT, smooth chroma upsampling. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/arena.h"
#include "io/image/image_codec.h"
#include "io/image/image_watch.h"

typedef struct jpeg_failure {
    struct jpeg_error_mgr base;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
    uint8_t *cmyk; /* a row, if one is needed: kept here because it must outlive the jump */
} jpeg_failure;

/* What a decoder is asked for. */
typedef struct jpeg_wish {
    image_flags flags;
    enum { WISH_HEADER, WISH_WHETHER_PARTS, WISH_PART, WISH_ALL } what;
    const image_window *at; /* of WISH_PART */
} jpeg_wish;

static void on_error(j_common_ptr info)
{
    jpeg_failure *f = (jpeg_failure *)info->err;
    f->base.format_message(info, f->text);
    longjmp(f->back, 1);
}

/* Where data are missing libjpeg paints gray and only warns; such a picture must not be learned from. Warnings that
 * lose no pixels (padding bytes, odd headers) are ignored, as other readers ignore them. */
static void on_message(j_common_ptr info, int level)
{
    if (level >= 0)
        return;
    switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        on_error(info);
    }
}

static void use_failure(jpeg_failure *f)
{
    f->cmyk = NULL;
    jpeg_std_error(&f->base);
    f->base.error_exit = on_error;
    f->base.emit_message = on_message;
}

static size_t byte_reached(const struct jpeg_decompress_struct *d, const image_bytes_in *in)
{
    const uint8_t *p = d->src ? d->src->next_input_byte : NULL;
    return p >= in->bytes && p <= in->bytes + in->n ? (size_t)(p - in->bytes) : in->n;
}

/* Every 8x8 block takes at least one bit in the first scan of its component (two, in fact, when not progressive), so n
 * bytes cannot hold more than 512 n pixels: a false header is found before memory is allocated for it. Arithmetic
 * coding has no such bound; the one here is far above what pictures reach. */
static bool too_large_for_its_bytes(const struct jpeg_decompress_struct *d, size_t n)
{
    enum { HUFFMAN_PIXELS = 512, ARITHMETIC_PIXELS = 32768 };
    return (uint64_t)d->image_width * d->image_height / (d->arith_code ? ARITHMETIC_PIXELS : HUFFMAN_PIXELS) > n;
}

/* libjpeg calls it for each row of blocks and of pixels. */
typedef struct jpeg_progress {
    struct jpeg_progress_mgr base;
    image_watch watch;
    bool stopped;
} jpeg_progress;

/* Each scan of a progressive file costs a pass over the whole picture, and may be a few bytes long. Usual writers make
 * ten. */
static void on_progress(j_common_ptr info)
{
    enum { MOST_SCANS = 500 };
    if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > MOST_SCANS) {
        jpeg_failure *f = (jpeg_failure *)info->err;
        strcpy(f->text, "more than 500 scans");
        longjmp(f->back, 1);
    }
    jpeg_progress *p = (jpeg_progress *)info->progress;
    if (!info->is_decompressor || p->base.pass_limit < 1 || p->base.total_passes < 1 || !p->watch.rows)
        return;
    double part = ((double)p->base.completed_passes + (double)p->base.pass_counter / (double)p->base.pass_limit) /
                  p->base.total_passes;
    if (image_watch_row(&p->watch, (int64_t)(part * (double)p->watch.rows))) {
        p->stopped = true;
        longjmp(((jpeg_failure *)info->err)->back, 1);
    }
}

static int orientation_of(const struct jpeg_decompress_struct *d)
{
    for (jpeg_saved_marker_ptr m = d->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0", 6) == 0)
            return image_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

/* Converts CMYK as Adobe writes it (inverted) to three channels or gray, by OpenCV's integer arithmetic. */
static void cmyk_row(const uint8_t *from, uint8_t *to, int64_t w, int channels, bool rgb)
{
    for (int64_t x = 0; x < w; x++, from += 4, to += channels) {
        int k = from[3], v[3];
        for (int i = 0; i < 3; i++)
            v[i] = k - ((255 - from[i]) * k >> 8);
        if (channels == 1) {
            to[0] = (uint8_t)((v[0] * 4899 + v[1] * 9617 + v[2] * 1868 + (1 << 13)) >> 14);
            continue;
        }
        to[rgb ? 0 : 2] = (uint8_t)v[0];
        to[1] = (uint8_t)v[1];
        to[rgb ? 2 : 0] = (uint8_t)v[2];
    }
}

static int choose_output(struct jpeg_decompress_struct *d, image_flags flags)
{
    bool gray = flags & IMAGE_GRAYSCALE || (flags & IMAGE_UNCHANGED && d->num_components == 1);
    if (d->num_components == 4)
        d->out_color_space = JCS_CMYK;
    else if (gray)
        d->out_color_space = JCS_GRAYSCALE;
    else
        d->out_color_space = flags & IMAGE_RGB ? JCS_EXT_RGB : JCS_EXT_BGR;
    return gray ? 1 : 3;
}

static void read_rows(struct jpeg_decompress_struct *d, image *m, uint8_t *cmyk, bool rgb)
{
    while (d->output_scanline < d->output_height) {
        uint8_t *to = image_at(m, d->output_scanline, 0), *row = cmyk ? cmyk : to;
        jpeg_read_scanlines(d, &row, 1);
        if (cmyk)
            cmyk_row(cmyk, to, m->w, (int)m->c, rgb);
    }
}

/* Chroma is smoothed across the borders of blocks, and libjpeg takes the picture to end where the requested part ends.
 * So some more pixels are requested on all sides. libjpeg rounds the left border down to whole blocks. */
static void read_part(struct jpeg_decompress_struct *d, image *m, const image_window *at)
{
    enum { AROUND = 8 };
    int64_t left = at->x > AROUND ? at->x - AROUND : 0, right = at->x + at->w + AROUND;
    int64_t top = at->y > AROUND ? at->y - AROUND : 0;
    JDIMENSION x = (JDIMENSION)left, w = (JDIMENSION)((right < m->w ? right : m->w) - left);
    if (w < d->output_width)
        jpeg_crop_scanline(d, &x, &w);
    else
        x = 0;
    if (top > 0)
        jpeg_skip_scanlines(d, (JDIMENSION)top);
    while (d->output_scanline < at->y + at->h) {
        uint8_t *row = image_at(m, d->output_scanline, x);
        jpeg_read_scanlines(d, &row, 1);
    }
    jpeg_abort_decompress(d);
}

/* Whether parts can be decoded: rows of blocks are read and forgotten as they come, which needs a file of one scan, as
 * most are. */
static bool has_parts(const struct jpeg_decompress_struct *d, int orientation)
{
    return !d->progressive_mode && !d->arith_code && d->comps_in_scan == d->num_components && d->num_components != 4 &&
           orientation <= 1;
}

/* All that lies between opening and closing the decoder. libjpeg jumps to the caller on errors, so the caller frees
 * what is left in *out and f->cmyk. */
static cseg_status decode_with(struct jpeg_decompress_struct *d, const image_bytes_in *in, const jpeg_wish *wish,
                               image *out, jpeg_failure *f, cseg_error *err)
{
    image_flags flags = wish->flags;
    jpeg_mem_src(d, in->bytes, in->n);
    jpeg_save_markers(d, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(d, TRUE);
    int64_t h = d->image_height, w = d->image_width;
    int channels = choose_output(d, flags);
    int orientation = flags & (IMAGE_UNCHANGED | IMAGE_IGNORE_ORIENTATION) ? 1 : orientation_of(d);
    if (too_large_for_its_bytes(d, in->n))
        return fail(err, CSEG_CORRUPT, "%s: truncated JPEG: %lld x %lld pixels cannot be in its %zu bytes", in->name,
                    (long long)w, (long long)h, in->n);
    TRY(image_check_size(h, w, channels, IMAGE_U8, in->name, err));
    if (wish->what == WISH_WHETHER_PARTS && !has_parts(d, orientation))
        return fail(err, CSEG_UNSUPPORTED, "%s: cannot be decoded in parts", in->name);
    if (wish->what == WISH_HEADER || wish->what == WISH_WHETHER_PARTS) {
        bool turned = orientation >= 5;
        *out = (image){.h = turned ? w : h, .w = turned ? h : w, .c = channels, .type = IMAGE_U8};
        return CSEG_OK;
    }
    if (wish->what == WISH_PART) {
        jpeg_start_decompress(d);
        read_part(d, out, wish->at);
        return CSEG_OK;
    }
    TRY(image_new(h, w, channels, IMAGE_U8, out, err));
    if (d->out_color_space == JCS_CMYK && !(f->cmyk = mem_alloc((size_t)w * 4)))
        return fail_memory(err);
    image_watch_begin(&((jpeg_progress *)d->progress)->watch, in->name, h, w, h);
    jpeg_start_decompress(d);
    read_rows(d, out, f->cmyk, flags & IMAGE_RGB);
    jpeg_finish_decompress(d);
    return image_upright(out, orientation, err);
}

static cseg_status decode(const image_bytes_in *in, const jpeg_wish *wish, image *out, cseg_error *err)
{
    cseg_status status;
    struct jpeg_decompress_struct d = {0};
    jpeg_failure failure;
    jpeg_progress progress = {.base.progress_monitor = on_progress};
    use_failure(&failure);
    d.err = &failure.base;
    if (setjmp(failure.back)) {
        status = progress.stopped ? image_watch_fail(&progress.watch, err)
                                  : fail(err, CSEG_CORRUPT, "%s: damaged or truncated JPEG at byte %zu of %zu: %s",
                                         in->name, byte_reached(&d, in), in->n, failure.text);
        goto done;
    }
    jpeg_create_decompress(&d);
    d.progress = &progress.base;
    status = decode_with(&d, in, wish, out, &failure, err);
done:
    jpeg_destroy_decompress(&d);
    mem_free(failure.cmyk);
    return status;
}

cseg_status image_jpeg_decode(const image_bytes_in *in, image_flags flags, bool header_only, image *out,
                              cseg_error *err)
{
    cseg_status status = decode(in, &(jpeg_wish){flags, header_only ? WISH_HEADER : WISH_ALL, NULL}, out, err);
    if (status != CSEG_OK)
        image_release(out);
    return status;
}

bool image_jpeg_has_parts(const image_bytes_in *in, image_flags flags, image *out)
{
    cseg_error ignored; /* whatever the error is, decoding the whole picture meets it again and reports it */
    return decode(in, &(jpeg_wish){flags, WISH_WHETHER_PARTS, NULL}, out, &ignored) == CSEG_OK;
}

cseg_status image_jpeg_decode_part(const image_bytes_in *in, image_flags flags, const image_window *at, image *out,
                                   cseg_error *err)
{
    return decode(in, &(jpeg_wish){flags, WISH_PART, at}, out, err);
}

cseg_status image_jpeg_encode(const image *m, const image_save *how, FILE *out, const char *name, cseg_error *err)
{
    if (m->type != IMAGE_U8 || (m->c != 1 && m->c != 3) || how->palette)
        return fail(err, CSEG_USAGE, "%s: JPEG holds uint8 images of 1 or 3 channels, not %s with %lld", name,
                    image_type_name(m->type), (long long)m->c);
    if (m->h > JPEG_MAX_DIMENSION || m->w > JPEG_MAX_DIMENSION)
        return fail(err, CSEG_SHAPE, "%s: JPEG holds at most %ld pixels a side, not %lld x %lld", name,
                    JPEG_MAX_DIMENSION, (long long)m->w, (long long)m->h);
    volatile cseg_status status = CSEG_OK; /* set once longjmp has come back */
    struct jpeg_compress_struct c = {0};
    jpeg_failure failure;
    use_failure(&failure);
    c.err = &failure.base;
    if (setjmp(failure.back)) {
        status = fail(err, CSEG_IO, "%s: cannot write the JPEG: %s", name, failure.text);
        goto done;
    }
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, out);
    c.image_width = (JDIMENSION)m->w;
    c.image_height = (JDIMENSION)m->h;
    c.input_components = (int)m->c;
    c.in_color_space = m->c == 1 ? JCS_GRAYSCALE : how->rgb ? JCS_EXT_RGB : JCS_EXT_BGR;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, how->quality ? how->quality : 95, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = image_u8(m, c.next_scanline, 0);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
done:
    jpeg_destroy_compress(&c);
    return status;
}
