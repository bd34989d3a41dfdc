/* Transforms that cut windows out. */
#include <math.h>
#include <string.h>

#include "data/transforms/transform.h"

typedef struct crop_conf {
    value *crop_size;
    double cat_max_ratio;
    int64_t ignore_index;
    int64_t size[2]; /* h, w */
} crop_conf;

static const field crop_fields[] = {
    FIELD(crop_conf, F_VALUE, crop_size, NULL, "(h, w), or one number for both; smaller images stay as they are"),
    FIELD_RANGE(crop_conf, F_FLOAT, cat_max_ratio, "1.0", 0, 1,
                "less than 1: of eleven windows the first where no class has this share of the labelled pixels"),
    FIELD_RANGE(crop_conf, F_INT, ignore_index, "255", -1000000, 1000000, "label that does not count there"),
};
static const field_table crop_table = FIELDS(crop_fields, crop_conf);

/* The known size after a cut to at most h x w. */
static void note_size(transform_builder *b, int64_t h, int64_t w)
{
    known_size in = b->size;
    b->size = (known_size){h, w, in.exact};
    if (in.h && in.h < h)
        b->size.h = in.h;
    if (in.w && in.w < w)
        b->size.w = in.w;
}

static cseg_status crop_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    crop_conf *c = conf;
    (void)t;
    TRY(transform_pair(b, "crop_size", c->crop_size, true, c->size, err));
    note_size(b, c->size[0], c->size[1]);
    b->info->random = true;
    return CSEG_OK;
}

typedef struct window {
    int64_t y, x, h, w;
} window;

static window draw_window(const crop_conf *c, sample *s)
{
    int64_t h = sample_height(s), w = sample_width(s);
    window out = {.h = c->size[0] < h ? c->size[0] : h, .w = c->size[1] < w ? c->size[1] : w};
    out.y = rng_below(&s->random, h - out.h + 1);
    out.x = rng_below(&s->random, w - out.w + 1);
    return out;
}

/* Whether the window has two classes or more and none of them has the share `most` of what is not ignored. Looks
 * through the delayed geometry, without doing it for the whole map. */
static cseg_status is_mixed(const crop_conf *c, const sample_map *m, const window *at, bool *out, cseg_error *err)
{
    delayed todo = m->todo;
    uint32_t part[4][256] = {0};
    int64_t total = 0, largest = 0, classes = 0;
    image map = m->map;
    TRY(picture_crop(&map, &todo, at->y, at->x, at->h, at->w, err));
    todo = delayed_or_whole(&todo, &map);
    resizer *rows;
    TRY(resizer_open(&map, &todo, &rows, err));
    for (int64_t y = 0; y < todo.h; y++)
        imgproc_count(resizer_row(rows, y), todo.w, part);
    resizer_close(rows);
    for (int i = 0; i < 256; i++) {
        int64_t count = (int64_t)part[0][i] + part[1][i] + part[2][i] + part[3][i];
        if (i == c->ignore_index || !count)
            continue;
        classes++;
        total += count;
        largest = count > largest ? count : largest;
    }
    *out = classes > 1 && (double)largest / (double)total < c->cat_max_ratio;
    return CSEG_OK;
}

static cseg_status crop_apply(const transform *t, sample *s, cseg_error *err)
{
    const crop_conf *c = t->conf;
    TRY(sample_need_image(s, err));
    window at = draw_window(c, s);
    sample_map *labels = sample_find(s, "gt_semantic_seg");
    if (c->cat_max_ratio < 1 && (!labels || !labels->map.data))
        return fail(err, CSEG_CONFIG, "cat_max_ratio needs labels; put LoadAnnotations in front of it");
    for (int i = 0; c->cat_max_ratio < 1 && i < 10; i++) {
        bool mixed;
        TRY(is_mixed(c, labels, &at, &mixed, err));
        if (mixed)
            break;
        at = draw_window(c, s);
    }
    return sample_crop(s, at.y, at.x, at.h, at.w, err);
}

const transform_kind transform_random_crop = {&crop_table, "Cuts a window out at random.", crop_build, crop_apply,
                                              WINDOWS_WHOLE};

/* ---- the middle ---- */

typedef struct center_conf {
    value *crop_size;
    bool auto_pad;
    int64_t size[2]; /* w, h */
} center_conf;

static const field center_fields[] = {
    FIELD(center_conf, F_VALUE, crop_size, NULL, "(w, h), or one number for both; smaller images stay as they are"),
    FIELD(center_conf, F_BOOL, auto_pad, "False", "only False: put Pad in front for smaller images"),
    FIELD_IGNORED(pad_cfg, "of auto_pad"),
    FIELD_IGNORED(clip_object_border, "there are no boxes"),
};
static const field_table center_table = FIELDS(center_fields, center_conf);

static cseg_status center_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    center_conf *c = conf;
    (void)t;
    TRY(transform_pair(b, "crop_size", c->crop_size, true, c->size, err));
    if (c->auto_pad)
        return transform_fail(b, err, "auto_pad=True is not supported; put Pad in front of it");
    note_size(b, c->size[1], c->size[0]);
    return CSEG_OK;
}

static cseg_status center_apply(const transform *t, sample *s, cseg_error *err)
{
    const center_conf *c = t->conf;
    TRY(sample_need_image(s, err));
    int64_t h = sample_height(s), w = sample_width(s);
    int64_t new_h = c->size[1] < h ? c->size[1] : h, new_w = c->size[0] < w ? c->size[0] : w;
    int64_t y = (int64_t)nearbyint((double)(h - new_h) / 2.), x = (int64_t)nearbyint((double)(w - new_w) / 2.);
    return sample_crop(s, y, x, h - y < new_h ? h - y : new_h, w - x < new_w ? w - x : new_w, err);
}

const transform_kind transform_center_crop = {&center_table, "Cuts the middle out.", center_build, center_apply,
                                              WINDOWS_GEOMETRY};
