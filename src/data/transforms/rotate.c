/* Rotations. */
#include <math.h>

#include "data/transforms/transform.h"

typedef struct rotate_conf {
    double prob, flip_prob; /* flip_prob: of RandomRotFlip */
    double rotate_prob;
    floats degree;
    value *pad_val, *center;
    int64_t seg_pad_val;
    bool auto_bound;
    double low, high, at[2];
    double fill[4];
} rotate_conf;

#define FILL_FIELDS                                                                                                    \
    FIELD(rotate_conf, F_VALUE, pad_val, "0",                                                                          \
          "fills the image's corners: a number (of the first channel; 0 in the "                                       \
          "others, as OpenCV takes it) or one a channel"),                                                             \
        FIELD_RANGE(rotate_conf, F_INT, seg_pad_val, "255", 0, 255, "fills the labels' corners; weights get 0")

static const field rotate_fields[] = {
    FIELD_RANGE(rotate_conf, F_FLOAT, prob, NULL, 0, 1, "how often"),
    FIELD(rotate_conf, F_FLOATS, degree, NULL, "(low, high), or d for (-d, d); positive is clockwise"),
    FILL_FIELDS,
    FIELD(rotate_conf, F_VALUE, center, "None", "(x, y) of the fixed point; None: the middle"),
    FIELD(rotate_conf, F_BOOL, auto_bound, "False", "grow the image so that nothing is cut off"),
};
static const field_table rotate_table = FIELDS(rotate_fields, rotate_conf);

static const field rot_flip_fields[] = {
    FIELD_RANGE(rotate_conf, F_FLOAT, rotate_prob, "0.5", 0, 1, "how often the image is rotated"),
    FIELD_RANGE(rotate_conf, F_FLOAT, flip_prob, "0.5", 0, 1,
                "how often it is turned by right angles and flipped, if it was not rotated"),
    FIELD(rotate_conf, F_FLOATS, degree, "(-20, 20)", "(low, high), or d for (-d, d)"),
    FILL_FIELDS,
};
static const field_table rot_flip_table = FIELDS(rot_flip_fields, rotate_conf);

static cseg_status read_fill(const transform_builder *b, rotate_conf *c, cseg_error *err)
{
    const value *v = c->pad_val;
    size_t n = value_is_list(v) ? value_count(v) : 1;
    if (n > 4)
        return transform_fail(b, err, "'pad_val' may have up to four numbers, as OpenCV takes them");
    for (size_t i = 0; v && i < n; i++)
        if (!value_number(value_is_list(v) ? value_item(v, i) : v, &c->fill[i]))
            return transform_fail(b, err, "'pad_val' must be a number, or one a channel");
    return transform_fills_labels(b, "seg_pad_val", (double)c->seg_pad_val, err);
}

static cseg_status rotate_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    rotate_conf *c = conf;
    (void)t;
    TRY(read_fill(b, c, err));
    if (c->degree.n == 1 && c->degree.at[0] > 0) {
        c->low = -c->degree.at[0];
        c->high = c->degree.at[0];
    } else if (c->degree.n == 2) {
        c->low = fmin(c->degree.at[0], c->degree.at[1]);
        c->high = fmax(c->degree.at[0], c->degree.at[1]);
    } else {
        return transform_fail(b, err, "'degree' must be (low, high) or a number of more than 0");
    }
    if (!(fabs(c->low) < 1e6 && fabs(c->high) < 1e6))
        return transform_fail(b, err, "'degree' is too large");
    if (c->center && (value_count(c->center) != 2 || !value_number(value_item(c->center, 0), &c->at[0]) ||
                      !value_number(value_item(c->center, 1), &c->at[1])))
        return transform_fail(b, err, "'center' must be (x, y)");
    if (c->center && c->auto_bound)
        return transform_fail(b, err, "'center' and auto_bound=True contradict each other");
    if (c->auto_bound)
        b->size = (known_size){0};
    b->info->random = true;
    return CSEG_OK;
}

/* The rotation by which mmcv.imrotate turns a picture of this size. */
static rotation rotation_of(const rotate_conf *c, double degrees, int64_t h, int64_t w)
{
    rotation r = {.degrees = degrees, .h = h, .w = w, .cx = (double)(w - 1) * 0.5, .cy = (double)(h - 1) * 0.5};
    if (c->center) {
        r.cx = c->at[0];
        r.cy = c->at[1];
    }
    r.cx = (double)(float)r.cx;
    r.cy = (double)(float)r.cy;
    if (!c->auto_bound)
        return r;
    double angle = -degrees * (3.1415926535897932384626433832795 / 180);
    double cosine = fabs(cos(angle)), sine = fabs(sin(angle));
    double new_w = (double)h * sine + (double)w * cosine, new_h = (double)h * cosine + (double)w * sine;
    r.dx = (new_w - (double)w) * 0.5;
    r.dy = (new_h - (double)h) * 0.5;
    r.w = (int64_t)nearbyint(new_w);
    r.h = (int64_t)nearbyint(new_h);
    return r;
}

static cseg_status rotate_picture(image *m, const rotation *r, cseg_error *err)
{
    image done;
    TRY(imgproc_rotate(m, r, &done, err));
    picture_replace(m, done);
    return CSEG_OK;
}

static cseg_status rotate_sample(const rotate_conf *c, sample *s, double degrees, cseg_error *err)
{
    double border[SAMPLE_MAX_CHANNELS] = {0};
    int64_t group = sample_group(s);
    TRY(sample_need_pixels(s, err));
    if (s->img.c > SAMPLE_MAX_CHANNELS)
        return fail(err, CSEG_UNSUPPORTED, "images of more than %d channels cannot be rotated", SAMPLE_MAX_CHANNELS);
    for (int64_t k = 0; k < s->img.c; k++)
        border[k] = k % group < 4 ? c->fill[k % group] : 0;
    rotation r = rotation_of(c, degrees, s->img.h, s->img.w);
    r.border = border;
    TRY(rotate_picture(&s->img, &r, err));
    for (int i = 0; i < s->n_maps; i++) {
        sample_map *m = &s->maps[i];
        double fill = m->is_weight ? 0 : (double)c->seg_pad_val;
        if (!m->map.data)
            continue;
        r = rotation_of(c, degrees, m->map.h, m->map.w);
        r.border = &fill;
        r.nearest = !m->is_weight;
        TRY(rotate_picture(&m->map, &r, err));
    }
    s->img_h = s->pad_h = s->img.h;
    s->img_w = s->pad_w = s->img.w;
    return CSEG_OK;
}

static cseg_status rotate_apply(const transform *t, sample *s, cseg_error *err)
{
    const rotate_conf *c = t->conf;
    bool rotates = rng_uniform(&s->random) < c->prob;
    double degrees = rng_range(&s->random, c->low, c->high);
    return rotates ? rotate_sample(c, s, degrees, err) : CSEG_OK;
}

const transform_kind transform_random_rotate = {&rotate_table,
                                                "Rotates image (linear), labels (nearest sample) and weights (linear). "
                                                "Up to 4 channels bit for bit as OpenCV; more "
                                                "by the same formula, where OpenCV has a coarser one.",
                                                rotate_build, rotate_apply, WINDOWS_WHOLE};

static cseg_status turn(image *m, int k, cseg_error *err)
{
    image done;
    TRY(imgproc_rot90(m, k, &done, err));
    picture_replace(m, done);
    return CSEG_OK;
}

static cseg_status turn_and_flip(sample *s, cseg_error *err)
{
    int k = (int)rng_below(&s->random, 4);
    TRY(sample_need_pixels(s, err));
    TRY(turn(&s->img, k, err));
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].map.data)
            TRY(turn(&s->maps[i].map, k, err));
    s->img_h = s->pad_h = s->img.h;
    s->img_w = s->pad_w = s->img.w;
    bool flip = s->flip;
    char direction = s->flip_direction;
    TRY(sample_flip(s, rng_below(&s->random, 2) ? 'h' : 'v', err));
    s->flip = flip; /* the reference does not note this one */
    s->flip_direction = direction;
    return CSEG_OK;
}

static cseg_status rot_flip_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    rotate_conf *c = conf;
    TRY(rotate_build(b, conf, t, err));
    if (c->flip_prob > 0 && b->size.h != b->size.w)
        b->size = (known_size){0};
    return CSEG_OK;
}

static cseg_status rot_flip_apply(const transform *t, sample *s, cseg_error *err)
{
    const rotate_conf *c = t->conf;
    bool rotates = rng_uniform(&s->random) < c->rotate_prob;
    if (rotates)
        TRY(rotate_sample(c, s, rng_range(&s->random, c->low, c->high), err));
    bool flips = rng_uniform(&s->random) < c->flip_prob;
    return flips && !rotates ? turn_and_flip(s, err) : CSEG_OK;
}

const transform_kind transform_random_rot_flip = {
    &rot_flip_table,
    "Rotates, or turns by right angles and flips. Labels take the nearest sample and are filled with seg_pad_val, as "
    "Open-CD does it; MMSegmentation's own interpolates between label numbers.",
    rot_flip_build, rot_flip_apply, WINDOWS_WHOLE};
