#include "data/visual.h"

#include <string.h>

/* The id of a pixel; -1 for values that are not ids. */
static inline int64_t id_at(const image *mask, int64_t i)
{
    switch (mask->type) {
    case IMAGE_U8:
        return ((const uint8_t *)mask->data)[i];
    case IMAGE_U16:
        return ((const uint16_t *)mask->data)[i];
    default:
        return ((const int32_t *)mask->data)[i];
    }
}

static cseg_status check_mask(const image *mask, cseg_error *err)
{
    bool typed = mask->type == IMAGE_U8 || mask->type == IMAGE_U16 || mask->type == IMAGE_I32;
    if (mask->c == 1 && typed)
        return CSEG_OK;
    return fail(err, CSEG_SHAPE, "a mask of class ids has one channel of uint8, uint16 or int32, not %lld of %s",
                (long long)mask->c, image_type_name(mask->type));
}

static inline void paint(uint8_t *bgr, int64_t id, const uint8_t *palette, int64_t n_colours)
{
    if (id < 0 || id >= n_colours) {
        memset(bgr, 0, 3);
        return;
    }
    bgr[0] = palette[3 * id + 2];
    bgr[1] = palette[3 * id + 1];
    bgr[2] = palette[3 * id];
}

cseg_status visual_colour(const image *mask, const uint8_t *palette, int64_t n_colours, image *out, cseg_error *err)
{
    *out = (image){0};
    TRY(check_mask(mask, err));
    TRY(image_new(mask->h, mask->w, 3, IMAGE_U8, out, err));
    for (int64_t i = 0; i < mask->h * mask->w; i++)
        paint((uint8_t *)out->data + 3 * i, id_at(mask, i), palette, n_colours);
    return CSEG_OK;
}

cseg_status visual_overlay(const image *img, const image *mask, const uint8_t *palette, int64_t n_colours,
                           double opacity, image *out, cseg_error *err)
{
    *out = (image){0};
    if (!(opacity > 0 && opacity <= 1))
        return fail(err, CSEG_USAGE, "an opacity of %g is not in (0, 1]", opacity);
    if (img->type != IMAGE_U8 || (img->c != 1 && img->c < 3))
        return fail(err, CSEG_SHAPE, "to draw over, an image has 1 or 3 channels of uint8, not %lld of %s",
                    (long long)img->c, image_type_name(img->type));
    TRY(check_mask(mask, err));
    TRY(image_new(img->h, img->w, 3, IMAGE_U8, out, err));
    for (int64_t y = 0; y < img->h; y++)
        for (int64_t x = 0; x < img->w; x++) {
            uint8_t colour[3];
            const uint8_t *from = image_u8(img, y, x);
            uint8_t *to = image_u8(out, y, x);
            paint(colour, id_at(mask, y * mask->h / img->h * mask->w + x * mask->w / img->w), palette, n_colours);
            for (int c = 0; c < 3; c++) {
                double mixed = from[img->c == 1 ? 0 : c] * (1 - opacity) + colour[c] * opacity;
                to[c] = (uint8_t)mixed;
            }
        }
    return CSEG_OK;
}

cseg_status visual_write_palette(const char *path, const image *mask, const uint8_t *palette, int64_t n_colours,
                                 cseg_error *err)
{
    cseg_status status = CSEG_OK;
    image bytes = {0};
    int64_t n = mask->h * mask->w;
    TRY(check_mask(mask, err));
    TRY(image_new(mask->h, mask->w, 1, IMAGE_U8, &bytes, err));
    for (int64_t i = 0; i < n; i++) {
        int64_t id = id_at(mask, i);
        if (id < 0 || id > 255) {
            status = fail(err, CSEG_SHAPE, "%s: class id %lld does not fit an indexed PNG, which holds 0 to 255", path,
                          (long long)id);
            goto done;
        }
        ((uint8_t *)bytes.data)[i] = (uint8_t)id;
    }
    uint8_t colours[256][3] = {0}; /* all ids that fit a byte: readers refuse indices beyond the palette */
    memcpy(colours, palette, 3 * (size_t)(n_colours > 256 ? 256 : n_colours));
    image_save how = {.palette = colours[0], .palette_n = 256};
    status = image_write(path, &bytes, &how, err);
done:
    image_release(&bytes);
    return status;
}
