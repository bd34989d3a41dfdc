/* Resizes, crops and flips a sample. The work is put off where the pixels may never be needed: one resize, then crops
 * and flips. */
#include <string.h>

#include "data/transforms/transform.h"

int64_t picture_height(const image *m, const delayed *todo)
{
    return todo->any ? todo->h : m->h;
}

int64_t picture_width(const image *m, const delayed *todo)
{
    return todo->any ? todo->w : m->w;
}

void picture_replace(image *m, image with)
{
    image_release(m);
    *m = with;
}

cseg_status picture_resize(image *m, delayed *todo, int64_t h, int64_t w, resize_kind kind, int64_t group,
                           cseg_error *err)
{
    if (h == picture_height(m, todo) && w == picture_width(m, todo))
        return CSEG_OK;
    if (h < 1 || w < 1 || h > IMAGE_MAX_SIDE || w > IMAGE_MAX_SIDE)
        return fail(err, CSEG_SHAPE, "an image of %lld x %lld cannot be resized to %lld x %lld (height x width)",
                    (long long)m->h, (long long)m->w, (long long)h, (long long)w);
    if (todo->any)
        TRY(sample_settle_image(m, todo, err));
    *todo =
        (delayed){.any = true, .resizes = true, .kind = kind, .full_h = h, .full_w = w, .h = h, .w = w, .group = group};
    return CSEG_OK;
}

cseg_status picture_crop(image *m, delayed *todo, int64_t y, int64_t x, int64_t h, int64_t w, cseg_error *err)
{
    int64_t old_h = picture_height(m, todo), old_w = picture_width(m, todo);
    if (y == 0 && x == 0 && h == old_h && w == old_w)
        return CSEG_OK;
    if (y < 0 || x < 0 || h < 1 || w < 1 || h > old_h - y || w > old_w - x)
        return fail(err, CSEG_SHAPE, "a window of %lld x %lld at (%lld, %lld) does not lie in %lld x %lld",
                    (long long)h, (long long)w, (long long)y, (long long)x, (long long)old_h, (long long)old_w);
    *todo = delayed_or_whole(todo, m);
    todo->y += todo->flip_y ? old_h - y - h : y;
    todo->x += todo->flip_x ? old_w - x - w : x;
    todo->h = h;
    todo->w = w;
    return CSEG_OK;
}

/* direction: 'h', 'v' or 'd' */
static void flip_picture(image *m, delayed *todo, char direction)
{
    *todo = delayed_or_whole(todo, m);
    if (direction != 'v')
        todo->flip_x = !todo->flip_x;
    if (direction != 'h')
        todo->flip_y = !todo->flip_y;
}

int64_t sample_group(const sample *s)
{
    return s->n_images > 1 && s->img.c % s->n_images == 0 ? s->img.c / s->n_images : s->img.c;
}

cseg_status sample_need_image(const sample *s, cseg_error *err)
{
    if (image_exists(&s->img))
        return CSEG_OK;
    return fail(err, CSEG_CONFIG, "there is no image yet; put LoadImageFromFile in front of it");
}

/* Applies Normalize and the padding after it, as cv2.subtract and cv2.multiply do. */
static cseg_status normalise(sample *s, cseg_error *err)
{
    if (!s->norm.n)
        return CSEG_OK;
    TRY(sample_settle_image(&s->img, &s->todo, err));
    int64_t h = s->pad_h > s->img.h ? s->pad_h : s->img.h, w = s->pad_w > s->img.w ? s->pad_w : s->img.w;
    image done;
    TRY(imgproc_new(h, w, s->img.c, IMAGE_F32, &done, err));
    preprocessor plain = {0};
    cseg_status status = pipeline_pack(&plain, s, h, w, done.data, err);
    if (status != CSEG_OK) {
        image_release(&done);
        return status;
    }
    picture_replace(&s->img, done);
    s->norm.n = 0;
    return CSEG_OK;
}

/* Cutting and flipping commute with normalising, but not with padding. */
static cseg_status normalise_padded(sample *s, cseg_error *err)
{
    bool padded = s->pad_h > sample_height(s) || s->pad_w > sample_width(s);
    return padded ? normalise(s, err) : CSEG_OK;
}

cseg_status sample_need_pixels(sample *s, cseg_error *err)
{
    TRY(sample_need_image(s, err));
    TRY(normalise(s, err));
    return sample_settle(s, err);
}

cseg_status sample_resize(sample *s, int64_t h, int64_t w, resize_kind kind, cseg_error *err)
{
    TRY(sample_need_image(s, err));
    TRY(normalise(s, err));
    int64_t old_h = sample_height(s), old_w = sample_width(s);
    TRY(picture_resize(&s->img, &s->todo, h, w, kind, sample_group(s), err));
    for (int i = 0; i < s->n_maps; i++) {
        sample_map *m = &s->maps[i];
        if (m->map.data)
            TRY(picture_resize(&m->map, &m->todo, h, w, m->is_weight ? RESIZE_LINEAR : RESIZE_NEAREST, 0, err));
    }
    s->scale_x = (double)w / (double)old_w;
    s->scale_y = (double)h / (double)old_h;
    s->img_h = s->pad_h = h;
    s->img_w = s->pad_w = w;
    return CSEG_OK;
}

cseg_status sample_crop(sample *s, int64_t y, int64_t x, int64_t h, int64_t w, cseg_error *err)
{
    TRY(sample_need_image(s, err));
    TRY(normalise_padded(s, err));
    TRY(picture_crop(&s->img, &s->todo, y, x, h, w, err));
    for (int i = 0; i < s->n_maps; i++) {
        sample_map *m = &s->maps[i];
        if (m->map.data)
            TRY(picture_crop(&m->map, &m->todo, y, x, h, w, err));
    }
    s->img_h = s->pad_h = h;
    s->img_w = s->pad_w = w;
    return CSEG_OK;
}

cseg_status sample_flip(sample *s, char direction, cseg_error *err)
{
    TRY(sample_need_image(s, err));
    TRY(normalise_padded(s, err));
    flip_picture(&s->img, &s->todo, direction);
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].map.data)
            flip_picture(&s->maps[i].map, &s->maps[i].todo, direction);
    s->flip = true;
    s->flip_direction = direction;
    return CSEG_OK;
}
