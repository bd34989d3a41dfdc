/* Makes one image of four (Bochkovskiy et al. 2020). */
#include <string.h>

#include "base/least.h"
#include "data/transforms/transform.h"

typedef struct mosaic_conf {
    double prob;
    ints img_scale;
    floats center_ratio_range;
    double pad_val;
    int64_t seg_pad_val;
} mosaic_conf;

static const field mosaic_fields[] = {
    FIELD_RANGE(mosaic_conf, F_FLOAT, prob, NULL, 0, 1, "how often"),
    FIELD_RANGE(mosaic_conf, F_INTS, img_scale, "(640, 640)", 1, 100000,
                "(h, w) of a quarter; what comes out is twice that"),
    FIELD_RANGE(mosaic_conf, F_FLOATS, center_ratio_range, "(0.5, 1.5)", 0, 2,
                "where the four meet, in units of img_scale"),
    FIELD(mosaic_conf, F_FLOAT, pad_val, "0", "fills the image where nothing is"),
    FIELD_RANGE(mosaic_conf, F_INT, seg_pad_val, "255", 0, 255, "fills the labels there; weights get 0"),
};
static const field_table mosaic_table = FIELDS(mosaic_fields, mosaic_conf);

static cseg_status mosaic_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    mosaic_conf *c = conf;
    (void)t;
    if (c->img_scale.n != 2)
        return transform_fail(b, err, "'img_scale' must be (h, w)");
    if (c->center_ratio_range.n != 2 || c->center_ratio_range.at[0] > c->center_ratio_range.at[1])
        return transform_fail(b, err, "'center_ratio_range' must be (low, high)");
    TRY(transform_fills_labels(b, "seg_pad_val", (double)c->seg_pad_val, err));
    b->info->random = true;
    b->info->needs_others = true;
    b->size = c->prob >= 1 ? (known_size){2 * c->img_scale.at[0], 2 * c->img_scale.at[1], true} : (known_size){0};
    return CSEG_OK;
}

typedef struct center {
    int64_t y, x;
} center;

/* The four places: 0 top left, 1 top right, 2 bottom left, 3 bottom right. Pastes the corner of `from` that lies at the
 * centre, as far as it fits. */
static void paste(image *to, const image *from, int quarter, center at)
{
    bool right = quarter & 1, below = quarter & 2;
    int64_t h = least_of(from->h, below ? to->h - at.y : at.y), w = least_of(from->w, right ? to->w - at.x : at.x);
    int64_t y = below ? at.y : at.y - h, x = right ? at.x : at.x - w;
    int64_t sy = below ? 0 : from->h - h, sx = right ? 0 : from->w - w;
    size_t row = (size_t)(w * from->c) * image_type_size(from->type);
    for (int64_t i = 0; i < h; i++)
        memcpy(image_at(to, y + i, x), image_at(from, sy + i, sx), row);
}

static cseg_status blank(const mosaic_conf *c, const image *like, double with, image *out, cseg_error *err)
{
    double fill[SAMPLE_MAX_CHANNELS];
    image dot;
    if (like->c > SAMPLE_MAX_CHANNELS)
        return fail(err, CSEG_UNSUPPORTED, "images of more than %d channels make no mosaic", SAMPLE_MAX_CHANNELS);
    for (int k = 0; k < SAMPLE_MAX_CHANNELS; k++)
        fill[k] = with;
    TRY(imgproc_new(1, 1, like->c, like->type, &dot, err));
    memset(dot.data, 0, image_bytes(&dot));
    image padded;
    cseg_status status =
        imgproc_pad(&dot, 2 * c->img_scale.at[0] + 1, 2 * c->img_scale.at[1] + 1, BORDER_CONSTANT, fill, &padded, err);
    image_release(&dot);
    /* the dot is in the first row and column, which are cut off again */
    delayed cut = {
        .any = true, .full_h = padded.h, .full_w = padded.w, .y = 1, .x = 1, .h = padded.h - 1, .w = padded.w - 1};
    *out = (image){0};
    if (status == CSEG_OK)
        status = imgproc_settle(&padded, &cut, out, err);
    image_release(&padded);
    return status;
}

/* Makes one picture of the four samples, in *out. */
static cseg_status assemble(const mosaic_conf *c, const image *const from[4], double with, resize_kind kind,
                            int64_t group, center at, image *out, cseg_error *err)
{
    *out = (image){0};
    cseg_status status = blank(c, from[0], with, out, err);
    for (int i = 0; i < 4 && status == CSEG_OK; i++) {
        const image *m = from[i];
        if (m->c != out->c || m->type != out->type) {
            status = fail(err, CSEG_SHAPE, "the images differ in type or channels (%lld and %lld)", (long long)out->c,
                          (long long)m->c);
            break;
        }
        double by_h = (double)c->img_scale.at[0] / (double)m->h, by_w = (double)c->img_scale.at[1] / (double)m->w;
        double by = by_h < by_w ? by_h : by_w;
        delayed d = {.any = true, .resizes = true, .kind = kind, .group = group};
        d.full_h = d.h = (int64_t)((double)m->h * by);
        d.full_w = d.w = (int64_t)((double)m->w * by);
        image small;
        status = imgproc_settle(m, &d, &small, err);
        if (status == CSEG_OK)
            paste(out, &small, i, at);
        image_release(&small);
    }
    return status;
}

static cseg_status assemble_sample(const mosaic_conf *c, sample *s, sample others[3], center at, cseg_error *err)
{
    const image *from[4] = {&s->img, &others[0].img, &others[1].img, &others[2].img};
    image done;
    cseg_status status = assemble(c, from, c->pad_val, RESIZE_LINEAR, sample_group(s), at, &done, err);
    if (status != CSEG_OK) {
        image_release(&done);
        return status;
    }
    picture_replace(&s->img, done);
    for (int i = 0; i < s->n_maps; i++) {
        sample_map *m = &s->maps[i];
        if (!m->map.data)
            continue;
        from[0] = &m->map;
        for (int k = 0; k < 3; k++) {
            sample_map *same = sample_find(&others[k], m->key);
            if (!same || !same->map.data)
                return fail(err, CSEG_DATA, "%s has no %s, which %s has", others[k].path ? others[k].path : "a sample",
                            m->key, s->path ? s->path : "another");
            from[k + 1] = &same->map;
        }
        status = assemble(c, from, m->is_weight ? 0 : (double)c->seg_pad_val,
                          m->is_weight ? RESIZE_LINEAR : RESIZE_NEAREST, 0, at, &done, err);
        if (status != CSEG_OK) {
            image_release(&done);
            return status;
        }
        picture_replace(&m->map, done);
    }
    s->ori_h = s->img_h = s->pad_h = s->img.h;
    s->ori_w = s->img_w = s->pad_w = s->img.w;
    return CSEG_OK;
}

static cseg_status mosaic_apply(const transform *t, sample *s, cseg_error *err)
{
    const mosaic_conf *c = t->conf;
    TRY(sample_need_pixels(s, err));
    if (!s->others || s->others->n < 1)
        return fail(err, CSEG_CONFIG, "it mixes several samples; wrap the dataset in MultiImageMixDataset");
    sample others[3] = {0};
    cseg_status status = CSEG_OK;
    int64_t index[3];
    for (int i = 0; i < 3; i++)
        index[i] = rng_below(&s->random, s->others->n);
    bool mixes = rng_uniform(&s->random) < c->prob;
    for (int i = 0; i < 3 && mixes && status == CSEG_OK; i++) {
        others[i].mem = s->mem;
        others[i].random = rng_derive(rng_next(&s->random), (uint64_t)i, (uint64_t)index[i]);
        status = s->others->fetch(s->others->arg, index[i], &others[i], err);
        if (status == CSEG_OK)
            status = sample_need_pixels(&others[i], err);
    }
    if (mixes && status == CSEG_OK) {
        double low = c->center_ratio_range.at[0], high = c->center_ratio_range.at[1];
        center at;
        at.x = (int64_t)(rng_range(&s->random, low, high) * (double)c->img_scale.at[1]);
        at.y = (int64_t)(rng_range(&s->random, low, high) * (double)c->img_scale.at[0]);
        status = assemble_sample(c, s, others, at, err);
    }
    for (int i = 0; i < 3; i++)
        sample_release(&others[i]);
    return status;
}

const transform_kind transform_random_mosaic = {&mosaic_table, "Joins four samples at a random point.", mosaic_build,
                                                mosaic_apply, WINDOWS_WHOLE};
