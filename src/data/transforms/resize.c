/* Resizes to a size that is given, drawn, or computed from the image's. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "data/transforms/transform.h"

/* Where the size comes from. */
typedef enum {
    FROM_SCALE,  /* one scale */
    FROM_FACTOR, /* 1.x scale_factor */
    FROM_RANGE,  /* between two scales */
    FROM_CHOICE, /* one of several */
    FROM_RATIO,  /* a scale times a random ratio; no scale: the image's own size */
    FROM_PRESET  /* MultiScaleFlipAug says it */
} size_from;

typedef struct scale {
    int64_t size[2]; /* (w, h), or a long and a short edge */
    bool single;     /* one number was written */
} scale;

/* All members of the family become this once their fields are read. */
typedef struct resize_conf {
    value *img_scale, *scale, *scales, *scale_factor, *ratio_range, *keep_ratio;
    const char *multiscale_mode, *interpolation, *backend, *resize_type;
    ints min_short;
    int64_t max_size;
    /* derived */
    int64_t min_size; /* 0: none */
    size_from from;
    bool old_range; /* 0.x draws long and short edges, 1.x widths and heights */
    bool keeps, shortest;
    scale *list;
    size_t n;
    double low, high, factor[2];
    resize_kind kind;
} resize_conf;

#define INTERPOLATION_FIELDS                                                                                           \
    FIELD_CHOICE(resize_conf, interpolation, "'bilinear'", "nearest|bilinear|bicubic|area|lanczos",                    \
                 "of the image; labels take the nearest sample, weights are interpolated linearly"),                   \
        FIELD_CHOICE(resize_conf, backend, "'cv2'", "cv2|pillow", "only cv2"),                                         \
        FIELD_IGNORED(clip_object_border, "there are no boxes")

static const field resize_fields[] = {
    FIELD(resize_conf, F_VALUE, scale, "None", "1.x: (w, h), or one number for both; with keep_ratio the largest size"),
    FIELD(resize_conf, F_VALUE, scale_factor, "None", "1.x: a factor, or one each for width and height"),
    FIELD(resize_conf, F_VALUE, img_scale, "None", "0.x: (w, h) or a list of them"),
    FIELD_CHOICE(resize_conf, multiscale_mode, "'range'", "range|value",
                 "0.x: of several img_scale: draw between two, or one of them"),
    FIELD(resize_conf, F_VALUE, ratio_range, "None",
          "0.x: (low, high): img_scale (or the image's own size) times a ratio between"),
    FIELD(resize_conf, F_VALUE, keep_ratio, "None", "keep height / width. Default: 0.x True, 1.x False"),
    {.name = "min_size",
     .type = F_INTS,
     .offset = offsetof(resize_conf, min_short),
     .initial = "None",
     .min = 1,
     .max = 1000000,
     .about = "0.x: the short edge becomes no smaller; None: no limit"},
    INTERPOLATION_FIELDS,
};
static const field_table resize_table = FIELDS(resize_fields, resize_conf);

static const field random_fields[] = {
    FIELD(resize_conf, F_VALUE, scale, "None", "(w, h), for ratio_range; or a list of two to draw between"),
    FIELD(resize_conf, F_VALUE, ratio_range, "None", "(low, high): scale times a ratio between"),
    FIELD_CHOICE(resize_conf, resize_type, "'Resize'",
                 "Resize|MultiImgResize|ResizeShortestEdge|MultiImgResizeShortestEdge", "what is done with the size"),
    FIELD(resize_conf, F_VALUE, keep_ratio, "None", "keep height / width. Default: False"),
    FIELD_RANGE(resize_conf, F_INT, max_size, "0", 0, 1000000,
                "of ResizeShortestEdge: the long edge becomes no longer"),
    INTERPOLATION_FIELDS,
};
static const field_table random_table = FIELDS(random_fields, resize_conf);

static const field choice_fields[] = {
    FIELD(resize_conf, F_VALUE, scales, NULL, "a list of (w, h), or of short edges for ResizeShortestEdge"),
    FIELD_CHOICE(resize_conf, resize_type, "'Resize'",
                 "Resize|MultiImgResize|ResizeShortestEdge|MultiImgResizeShortestEdge", "what is done with the size"),
    FIELD(resize_conf, F_VALUE, keep_ratio, "None", "keep height / width. Default: False"),
    FIELD_RANGE(resize_conf, F_INT, max_size, "0", 0, 1000000,
                "of ResizeShortestEdge: the long edge becomes no longer"),
    INTERPOLATION_FIELDS,
};
static const field_table choice_table = FIELDS(choice_fields, resize_conf);

static const field shortest_fields[] = {
    FIELD(resize_conf, F_VALUE, scale, NULL, "the short edge; of two numbers the smaller"),
    FIELD_RANGE(resize_conf, F_INT, max_size, NULL, 1, 1000000, "the long edge becomes no longer"),
};
static const field_table shortest_table = FIELDS(shortest_fields, resize_conf);

/* ---- building ---- */

static cseg_status read_interpolation(transform_builder *b, resize_conf *c, cseg_error *err)
{
    const char *name = c->interpolation ? c->interpolation : "bilinear";
    if (c->backend && strcmp(c->backend, "cv2") != 0)
        return transform_fail(b, err, "backend='%s' is not supported, only 'cv2'", c->backend);
    c->kind = strcmp(name, "nearest") == 0   ? RESIZE_NEAREST
              : strcmp(name, "bicubic") == 0 ? RESIZE_CUBIC
              : strcmp(name, "area") == 0    ? RESIZE_AREA
                                             : RESIZE_LINEAR;
    if (strcmp(name, "lanczos") == 0)
        return transform_fail(b, err, "interpolation='lanczos' is not supported; use 'bicubic' or 'area'");
    return CSEG_OK;
}

static cseg_status read_scale(const transform_builder *b, const char *what, const value *v, scale *out, cseg_error *err)
{
    out->single = !value_is_list(v);
    return transform_pair(b, what, v, true, out->size, err);
}

static bool is_scale(const value *v)
{
    double x;
    return value_number(v, &x) || (value_count(v) == 2 && value_number(value_item(v, 0), &x));
}

/* One scale, or a list of scales. */
static cseg_status read_scales(const transform_builder *b, const char *what, const value *v, bool list, resize_conf *c,
                               cseg_error *err)
{
    bool one = !list && is_scale(v);
    c->n = one ? 1 : value_count(v);
    if (!c->n || (!one && !value_is_list(v)))
        return transform_fail(b, err, "'%s' must be (w, h) or a list of such", what);
    c->list = ARENA_ARRAY(b->mem, c->n, scale);
    if (!c->list)
        return fail_memory(err);
    for (size_t i = 0; i < c->n; i++)
        TRY(read_scale(b, what, one ? v : value_item(v, i), &c->list[i], err));
    return CSEG_OK;
}

static cseg_status read_ratio_range(const transform_builder *b, resize_conf *c, cseg_error *err)
{
    const value *v = c->ratio_range;
    if (value_count(v) != 2 || !value_number(value_item(v, 0), &c->low) || !value_number(value_item(v, 1), &c->high) ||
        !(c->low > 0 && c->low <= c->high && c->high < 1e4))
        return transform_fail(b, err, "'ratio_range' must be (low, high) with 0 < low <= high");
    c->from = FROM_RATIO;
    return CSEG_OK;
}

static cseg_status read_factor(const transform_builder *b, resize_conf *c, cseg_error *err)
{
    const value *v = c->scale_factor;
    bool one = value_number(v, &c->factor[0]);
    c->factor[1] = c->factor[0];
    if (!one && (value_count(v) != 2 || !value_number(value_item(v, 0), &c->factor[0]) ||
                 !value_number(value_item(v, 1), &c->factor[1])))
        return transform_fail(b, err, "'scale_factor' must be a number or two");
    if (!(c->factor[0] > 0 && c->factor[1] > 0 && c->factor[0] < 1e4 && c->factor[1] < 1e4))
        return transform_fail(b, err, "'scale_factor' must be more than 0");
    c->from = FROM_FACTOR;
    return CSEG_OK;
}

static cseg_status read_keep_ratio(const transform_builder *b, resize_conf *c, bool by_default, cseg_error *err)
{
    if (c->keep_ratio && c->keep_ratio->kind != V_BOOL)
        return transform_fail(b, err, "'keep_ratio' is True or False");
    c->keeps = c->keep_ratio ? value_true(c->keep_ratio) : by_default;
    return CSEG_OK;
}

/* The known size after it. */
static void note_size(transform_builder *b, const resize_conf *c)
{
    bool fixed = c->from == FROM_SCALE && !c->keeps && !c->shortest && !c->min_size;
    b->size = fixed ? (known_size){c->list[0].size[1], c->list[0].size[0], true} : (known_size){0};
    b->info->random |= c->from == FROM_RANGE || c->from == FROM_CHOICE || c->from == FROM_RATIO;
}

static cseg_status resize_build_old(transform_builder *b, resize_conf *c, cseg_error *err)
{
    TRY(read_keep_ratio(b, c, true, err));
    if (c->img_scale)
        TRY(read_scales(b, "img_scale", c->img_scale, false, c, err));
    if (c->ratio_range) {
        if (c->n > 1)
            return transform_fail(b, err, "'ratio_range' goes with one 'img_scale' or none");
        return read_ratio_range(b, c, err);
    }
    c->from = !c->n                                      ? FROM_PRESET
              : c->n == 1                                ? FROM_SCALE
              : strcmp(c->multiscale_mode, "value") == 0 ? FROM_CHOICE
                                                         : FROM_RANGE;
    c->old_range = true;
    if (c->from == FROM_RANGE && c->n != 2)
        return transform_fail(b, err, "multiscale_mode='range' draws between two 'img_scale', not %zu", c->n);
    return CSEG_OK;
}

static cseg_status resize_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    resize_conf *c = conf;
    (void)t;
    TRY(read_interpolation(b, c, err));
    c->min_size = c->min_short.n ? c->min_short.at[0] : 0;
    if (c->min_short.n > 1)
        return transform_fail(b, err, "'min_size' is one number");
    bool old =
        c->img_scale || c->ratio_range || c->min_size || (b->rules->resize_may_wait && !c->scale && !c->scale_factor);
    if (old && (c->scale || c->scale_factor))
        return transform_fail(b, err,
                              "'scale' and 'scale_factor' are the 1.x dialect's, 'img_scale', 'ratio_range' and "
                              "'min_size' the 0.x one's: use one of them");
    if (old) {
        TRY(resize_build_old(b, c, err));
    } else {
        TRY(read_keep_ratio(b, c, false, err));
        if (c->scale)
            TRY(read_scales(b, "scale", c->scale, false, c, err));
        else if (c->scale_factor)
            TRY(read_factor(b, c, err));
        else
            return transform_fail(b, err, "needs 'scale' or 'scale_factor'");
        if (c->n > 1)
            return transform_fail(b, err, "'scale' must be (w, h) or a number; RandomChoiceResize takes several");
    }
    note_size(b, c);
    return CSEG_OK;
}

static cseg_status read_resize_type(transform_builder *b, resize_conf *c, cseg_error *err)
{
    c->shortest = str_ends(c->resize_type, "ResizeShortestEdge");
    if (c->shortest && !c->max_size)
        return transform_fail(b, err, "ResizeShortestEdge needs 'max_size'");
    if (!c->shortest && c->max_size)
        return transform_fail(b, err, "'max_size' is for resize_type='ResizeShortestEdge'");
    for (size_t i = 0; i < c->n && !c->shortest; i++)
        if (c->list[i].single)
            return transform_fail(b, err,
                                  "a size must be (w, h); single numbers are for "
                                  "resize_type='ResizeShortestEdge'");
    return CSEG_OK;
}

static cseg_status random_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    resize_conf *c = conf;
    (void)t;
    TRY(read_interpolation(b, c, err));
    TRY(read_keep_ratio(b, c, false, err));
    if (!c->scale)
        return transform_fail(b, err, "needs 'scale'");
    TRY(read_scales(b, "scale", c->scale, false, c, err));
    TRY(read_resize_type(b, c, err));
    c->from = FROM_RANGE;
    if (c->ratio_range)
        TRY(read_ratio_range(b, c, err));
    if (c->n != (c->from == FROM_RATIO ? 1u : 2u))
        return transform_fail(b, err, "takes one 'scale' with 'ratio_range', or two to draw between");
    note_size(b, c);
    return CSEG_OK;
}

static cseg_status choice_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    resize_conf *c = conf;
    (void)t;
    TRY(read_interpolation(b, c, err));
    TRY(read_keep_ratio(b, c, false, err));
    TRY(read_scales(b, "scales", c->scales, true, c, err));
    TRY(read_resize_type(b, c, err));
    c->from = FROM_CHOICE;
    note_size(b, c);
    return CSEG_OK;
}

static cseg_status shortest_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    resize_conf *c = conf;
    (void)t;
    c->kind = RESIZE_LINEAR;
    c->shortest = true;
    TRY(read_scales(b, "scale", c->scale, false, c, err));
    if (c->n > 1)
        return transform_fail(b, err, "'scale' must be one number or two");
    note_size(b, c);
    return CSEG_OK;
}

/* ---- drawing and computing sizes ---- */

static int64_t between(rng *r, int64_t a, int64_t b)
{
    int64_t low = a < b ? a : b, high = a < b ? b : a;
    return low + rng_below(r, high - low + 1);
}

static int64_t longer(const scale *s)
{
    return s->size[0] > s->size[1] ? s->size[0] : s->size[1];
}

static int64_t shorter(const scale *s)
{
    return s->size[0] < s->size[1] ? s->size[0] : s->size[1];
}

static void set_size(int64_t out[2], int64_t first, int64_t second)
{
    out[0] = first;
    out[1] = second;
}

static cseg_status draw_scale(const resize_conf *c, sample *s, int64_t out[2], cseg_error *err)
{
    int64_t w = sample_width(s), h = sample_height(s);
    const scale *l = c->list;
    if (s->preset.has_scale) {
        set_size(out, s->preset.scale[0], s->preset.scale[1]);
        return CSEG_OK;
    }
    switch (c->from) {
    case FROM_PRESET:
        return fail(err, CSEG_CONFIG, "it has no size, and is not within MultiScaleFlipAug which would give one");
    case FROM_SCALE:
        set_size(out, l[0].size[0], l[0].size[1]);
        break;
    case FROM_FACTOR:
        set_size(out, (int64_t)((double)w * c->factor[0] + 0.5), (int64_t)((double)h * c->factor[1] + 0.5));
        break;
    case FROM_CHOICE:
        l += rng_below(&s->random, (int64_t)c->n);
        set_size(out, l->size[0], l->size[1]);
        break;
    case FROM_RATIO: {
        double ratio = rng_uniform(&s->random) * (c->high - c->low) + c->low;
        int64_t base[2] = {c->n ? l[0].size[0] : w, c->n ? l[0].size[1] : h};
        set_size(out, (int64_t)((double)base[0] * ratio), (int64_t)((double)base[1] * ratio));
        break;
    }
    case FROM_RANGE:
        if (c->old_range) {
            out[0] = between(&s->random, longer(&l[0]), longer(&l[1]));
            out[1] = between(&s->random, shorter(&l[0]), shorter(&l[1]));
        } else {
            out[0] = between(&s->random, l[0].size[0], l[1].size[0]);
            out[1] = between(&s->random, l[0].size[1], l[1].size[1]);
        }
        break;
    }
    return CSEG_OK;
}

/* mmcv.rescale_size: the largest size of the image's aspect ratio within long and short edge. */
static void fit(const double scale_[2], int64_t w, int64_t h, int64_t out[2])
{
    double longest = fmax(scale_[0], scale_[1]), shortest = fmin(scale_[0], scale_[1]);
    double factor = fmin(longest / (double)(h > w ? h : w), shortest / (double)(h < w ? h : w));
    out[0] = (int64_t)((double)w * factor + 0.5);
    out[1] = (int64_t)((double)h * factor + 0.5);
}

static void fit_shortest(double edge, double most, int64_t w, int64_t h, int64_t out[2])
{
    double by = edge / (double)(h < w ? h : w);
    double new_h = h < w ? edge : by * (double)h, new_w = h < w ? by * (double)w : edge, larger = fmax(new_h, new_w);
    if (larger > most) {
        new_h *= most * 1.0 / larger;
        new_w *= most * 1.0 / larger;
    }
    double target[2] = {(double)(int64_t)(new_w + 0.5), (double)(int64_t)(new_h + 0.5)};
    fit(target, w, h, out);
}

/* SETR and BEiT need images no smaller than their crops: the short edge is at least min_size. */
static void fit_minimum(const int64_t drawn[2], int64_t min_size, int64_t w, int64_t h, int64_t out[2])
{
    int64_t edge = drawn[0] < drawn[1] ? drawn[0] : drawn[1];
    double e = (double)(edge < min_size ? min_size : edge);
    double target[2] = {h > w ? e * (double)h / (double)w : e, h > w ? e : e * (double)w / (double)h};
    fit(target, w, h, out);
}

static cseg_status resize_apply(const transform *t, sample *s, cseg_error *err)
{
    const resize_conf *c = t->conf;
    int64_t drawn[2], size[2];
    TRY(sample_need_image(s, err));
    TRY(draw_scale(c, s, drawn, err));
    int64_t w = sample_width(s), h = sample_height(s);
    double target[2] = {(double)drawn[0], (double)drawn[1]};
    if (c->shortest)
        fit_shortest(fmin(target[0], target[1]), (double)c->max_size, w, h, size);
    else if (c->keeps && c->min_size)
        fit_minimum(drawn, c->min_size, w, h, size);
    else if (c->keeps)
        fit(target, w, h, size);
    else
        set_size(size, drawn[0], drawn[1]);
    TRY(sample_resize(s, size[1], size[0], c->kind, err));
    s->keep_ratio = c->keeps || c->shortest;
    return CSEG_OK;
}

const transform_kind transform_resize = {&resize_table,
                                         "Resizes image, labels and weights. The 1.x keys or the 0.x ones, not both.",
                                         resize_build, resize_apply, WINDOWS_GEOMETRY};
const transform_kind transform_random_resize = {&random_table, "Resizes to a size that is drawn from a range.",
                                                random_build, resize_apply, WINDOWS_GEOMETRY};
const transform_kind transform_random_choice_resize = {&choice_table, "Resizes to one of several sizes.", choice_build,
                                                       resize_apply, WINDOWS_GEOMETRY};
const transform_kind transform_resize_shortest_edge = {
    &shortest_table, "Resizes so that the short edge has a length, and the long one is not too long.", shortest_build,
    resize_apply, WINDOWS_GEOMETRY};

/* ---- to a multiple ---- */

typedef struct multiple_conf {
    int64_t size_divisor;
    const char *interpolation;
    resize_kind kind;
} multiple_conf;

static const field multiple_fields[] = {
    FIELD_RANGE(multiple_conf, F_INT, size_divisor, "32", 1, 1000000, "height and width become multiples of it"),
    FIELD_CHOICE(multiple_conf, interpolation, "None", "nearest|bilinear|bicubic|area", "of the image; None: bilinear"),
};
static const field_table multiple_table = FIELDS(multiple_fields, multiple_conf);

static cseg_status multiple_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    multiple_conf *c = conf;
    resize_conf like = {.interpolation = c->interpolation};
    (void)t;
    TRY(read_interpolation(b, &like, err));
    c->kind = like.kind;
    if (b->size.exact) {
        b->size.h = (b->size.h + c->size_divisor - 1) / c->size_divisor * c->size_divisor;
        b->size.w = (b->size.w + c->size_divisor - 1) / c->size_divisor * c->size_divisor;
    } else {
        b->size = (known_size){0};
    }
    return CSEG_OK;
}

static cseg_status multiple_apply(const transform *t, sample *s, cseg_error *err)
{
    const multiple_conf *c = t->conf;
    TRY(sample_need_image(s, err));
    int64_t d = c->size_divisor, h = (sample_height(s) + d - 1) / d * d, w = (sample_width(s) + d - 1) / d * d;
    double scale_x = s->scale_x, scale_y = s->scale_y;
    TRY(sample_resize(s, h, w, c->kind, err));
    s->scale_x = scale_x; /* the reference leaves scale_factor as it was */
    s->scale_y = scale_y;
    return CSEG_OK;
}

const transform_kind transform_resize_to_multiple = {&multiple_table,
                                                     "Enlarges height and width to the next multiple of a number.",
                                                     multiple_build, multiple_apply, WINDOWS_GEOMETRY};

/* ---- labels alone ---- */

typedef struct rescale_conf {
    double scale_factor;
} rescale_conf;

static const field rescale_fields[] = {
    FIELD_RANGE(rescale_conf, F_FLOAT, scale_factor, "1", 1e-4, 1e4, "labels and weights are resized by it"),
};
static const field_table rescale_table = FIELDS(rescale_fields, rescale_conf);

static cseg_status rescale_apply(const transform *t, sample *s, cseg_error *err)
{
    const rescale_conf *c = t->conf;
    for (int i = 0; i < s->n_maps; i++) {
        sample_map *m = &s->maps[i];
        if (!m->map.data)
            continue;
        int64_t h = (int64_t)((double)picture_height(&m->map, &m->todo) * c->scale_factor + 0.5);
        int64_t w = (int64_t)((double)picture_width(&m->map, &m->todo) * c->scale_factor + 0.5);
        TRY(picture_resize(&m->map, &m->todo, h, w, m->is_weight ? RESIZE_LINEAR : RESIZE_NEAREST, 0, err));
    }
    return CSEG_OK;
}

const transform_kind transform_seg_rescale = {&rescale_table, "Resizes labels and weights, not the image.", NULL,
                                              rescale_apply, WINDOWS_POINTWISE};
