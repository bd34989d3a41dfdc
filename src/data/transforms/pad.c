/* Pads to the right and below. */
#include <string.h>

#include "data/transforms/transform.h"

typedef struct pad_conf {
    value *size, *size_divisor, *pad_val;
    bool pad_to_square;
    const char *padding_mode;
    value *seg_pad_val;
    /* derived */
    int64_t h, w, divisor_h, divisor_w;
    double fill[SAMPLE_MAX_CHANNELS];
    size_t n_fill; /* numbers that were given */
    bool every;    /* one for every channel; else one number is the first channel's, as OpenCV takes it */
    double seg_fill;
    border_kind border;
    bool keeps_shape;
} pad_conf;

static const field pad_fields[] = {
    FIELD(pad_conf, F_VALUE, size, "None", "0.x: (h, w), 1.x: (w, h), to which smaller images are padded"),
    FIELD(pad_conf, F_VALUE, size_divisor, "None", "pad height and width to multiples of it"),
    FIELD(pad_conf, F_BOOL, pad_to_square, "False", "1.x: to the longer side"),
    FIELD(pad_conf, F_VALUE, pad_val, "None",
          "fills the image; 1.x: also dict(img=, seg=). A whole number counts for every channel in 1.x; in 0.x, and a "
          "fraction in 1.x, for the first channel only (0 in the others), as OpenCV takes it. Default 0"),
    FIELD(pad_conf, F_VALUE, seg_pad_val, "None", "0.x: fills the labels. Default 255; weights get 0"),
    FIELD_CHOICE(pad_conf, padding_mode, "'constant'", "constant|edge|reflect|symmetric",
                 "1.x: what stands in the border"),
};
static const field_table pad_table = FIELDS(pad_fields, pad_conf);

static cseg_status read_fill(const transform_builder *b, pad_conf *c, const value *v, cseg_error *err)
{
    c->n_fill = value_is_list(v) ? value_count(v) : 1;
    if (c->n_fill < 1 || c->n_fill > SAMPLE_MAX_CHANNELS)
        return transform_fail(b, err, "'pad_val' must be a number, or one a channel");
    c->every = !value_is_list(v) && v && v->kind == V_INT && !b->rules->pad_first_channel;
    for (size_t i = 0; v && i < c->n_fill; i++)
        if (!value_number(value_is_list(v) ? value_item(v, i) : v, &c->fill[i]))
            return transform_fail(b, err, "'pad_val' must be a number, or one a channel");
    return CSEG_OK;
}

static cseg_status read_values(const transform_builder *b, pad_conf *c, cseg_error *err)
{
    const value *img = c->pad_val, *seg = c->seg_pad_val;
    c->seg_fill = 255;
    if (img && img->kind == V_DICT) {
        seg = value_get(c->pad_val, "seg");
        img = value_get(c->pad_val, "img");
    }
    if (!value_is_none(seg) && !value_number(seg, &c->seg_fill))
        return transform_fail(b, err, "the padding of the labels must be a number");
    bool inside = img != c->pad_val;
    if (c->border == BORDER_CONSTANT)
        TRY(transform_fills_labels(b, inside ? "pad_val.seg" : "seg_pad_val", c->seg_fill, err));
    return read_fill(b, c, value_is_none(img) ? NULL : img, err);
}

static void note_size(transform_builder *b, const pad_conf *c)
{
    known_size in = b->size;
    if (c->h) {
        bool bound = in.h && in.w && in.h <= c->h && in.w <= c->w;
        b->size = bound ? (known_size){c->h, c->w, true} : (known_size){0};
    } else if (in.exact && !c->pad_to_square) {
        b->size.h = (in.h + c->divisor_h - 1) / c->divisor_h * c->divisor_h;
        b->size.w = (in.w + c->divisor_w - 1) / c->divisor_w * c->divisor_w;
    } else {
        b->size = (known_size){0};
    }
}

static cseg_status pad_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    pad_conf *c = conf;
    int64_t pair[2] = {0};
    (void)t;
    c->keeps_shape = b->rules->pad_keeps_shape;
    if (c->pad_to_square ? c->size != NULL : (c->size != NULL) == (c->size_divisor != NULL))
        return transform_fail(b, err, "takes one of 'size', 'size_divisor' and pad_to_square=True");
    if (c->size) {
        bool height_first = b->rules->pad_height_first;
        TRY(transform_pair(b, "size", c->size, !height_first, pair, err));
        c->h = pair[height_first ? 0 : 1];
        c->w = pair[height_first ? 1 : 0];
    }
    c->divisor_h = c->divisor_w = 1;
    if (c->size_divisor) {
        TRY(transform_pair(b, "size_divisor", c->size_divisor, true, pair, err));
        if (pair[0] != pair[1])
            return transform_fail(b, err, "'size_divisor' is one number");
        c->divisor_h = c->divisor_w = pair[0];
    }
    c->border = strcmp(c->padding_mode, "edge") == 0        ? BORDER_EDGE
                : strcmp(c->padding_mode, "reflect") == 0   ? BORDER_REFLECT
                : strcmp(c->padding_mode, "symmetric") == 0 ? BORDER_SYMMETRIC
                                                            : BORDER_CONSTANT;
    TRY(read_values(b, c, err));
    note_size(b, c);
    return CSEG_OK;
}

static void target_size(const pad_conf *c, const sample *s, int64_t *h, int64_t *w)
{
    *h = sample_height(s);
    *w = sample_width(s);
    if (c->pad_to_square)
        *h = *w = *h > *w ? *h : *w;
    if (c->h) {
        *h = *h > c->h ? *h : c->h;
        *w = *w > c->w ? *w : c->w;
    }
    *h = (*h + c->divisor_h - 1) / c->divisor_h * c->divisor_h;
    *w = (*w + c->divisor_w - 1) / c->divisor_w * c->divisor_w;
}

static cseg_status pad_picture(image *m, delayed *todo, int64_t h, int64_t w, border_kind kind, const double *fill,
                               cseg_error *err)
{
    if (picture_height(m, todo) >= h && picture_width(m, todo) >= w)
        return CSEG_OK;
    TRY(sample_settle_image(m, todo, err));
    image done;
    TRY(imgproc_pad(m, h, w, kind, fill, &done, err));
    picture_replace(m, done);
    return CSEG_OK;
}

static cseg_status pad_image(const pad_conf *c, sample *s, int64_t h, int64_t w, cseg_error *err)
{
    double fill[SAMPLE_MAX_CHANNELS] = {0};
    int64_t group = sample_group(s);
    if (s->img.c > SAMPLE_MAX_CHANNELS)
        return fail(err, CSEG_UNSUPPORTED, "images of more than %d channels cannot be padded", SAMPLE_MAX_CHANNELS);
    if (c->n_fill > 1 && (int64_t)c->n_fill != group)
        return fail(err, CSEG_CONFIG, "'pad_val' has %zu numbers for %lld channels", c->n_fill, (long long)group);
    for (int64_t k = 0; k < s->img.c; k++)
        fill[k] = c->every ? c->fill[0] : (size_t)(k % group) < c->n_fill ? c->fill[k % group] : 0;
    bool plain = c->border == BORDER_CONSTANT;
    for (int64_t k = 0; k < s->img.c; k++)
        plain = plain && fill[k] == fill[0];
    if (s->norm.n && plain && s->pad_h <= sample_height(s) && s->pad_w <= sample_width(s)) {
        s->norm.pad_val = fill[0]; /* pipeline_pack fills it in */
        return CSEG_OK;
    }
    if (s->norm.n)
        TRY(sample_need_pixels(s, err));
    return pad_picture(&s->img, &s->todo, h, w, c->border, fill, err);
}

static cseg_status pad_apply(const transform *t, sample *s, cseg_error *err)
{
    const pad_conf *c = t->conf;
    int64_t h, w;
    TRY(sample_need_image(s, err));
    target_size(c, s, &h, &w);
    if (h > IMAGE_MAX_SIDE || w > IMAGE_MAX_SIDE)
        return fail(err, CSEG_SHAPE, "%lld x %lld is too large", (long long)h, (long long)w);
    TRY(pad_image(c, s, h, w, err));
    for (int i = 0; i < s->n_maps; i++) {
        sample_map *m = &s->maps[i];
        double fill = m->is_weight ? 0 : c->seg_fill;
        if (m->map.data)
            TRY(pad_picture(&m->map, &m->todo, h, w, m->is_weight ? BORDER_CONSTANT : c->border, &fill, err));
    }
    s->pad_h = h;
    s->pad_w = w;
    if (!c->keeps_shape) {
        s->img_h = h;
        s->img_w = w;
    }
    return CSEG_OK;
}

const transform_kind transform_pad = {&pad_table, "Pads image, labels and weights to the right and below.", pad_build,
                                      pad_apply, WINDOWS_WHOLE};
