/* Transforms that drop rectangles. */
#include "data/transforms/transform.h"

typedef struct hole {
    double w, h; /* pixels, or shares of the image */
} hole;

typedef struct cut_out_conf {
    double prob;
    ints n_holes;
    value *cutout_shape, *cutout_ratio;
    floats fill_in;
    ints seg_fill_in;
    hole *holes; /* to choose from */
    size_t n;
} cut_out_conf;

static const field cut_out_fields[] = {
    FIELD_RANGE(cut_out_conf, F_FLOAT, prob, NULL, 0, 1, "how often"),
    FIELD_RANGE(cut_out_conf, F_INTS, n_holes, NULL, 0, 100000, "how many rectangles, or (least, most)"),
    FIELD(cut_out_conf, F_VALUE, cutout_shape, "None", "(w, h) of a rectangle, or a list to choose from"),
    FIELD(cut_out_conf, F_VALUE, cutout_ratio, "None", "the same as shares of the image's width and height"),
    FIELD(cut_out_conf, F_FLOATS, fill_in, "(0, 0, 0)", "what fills the image there: one a channel"),
    FIELD_RANGE(cut_out_conf, F_INTS, seg_fill_in, "None", 0, 255,
                "what fills the labels there (weights: 0); None: they stay"),
};
static const field_table cut_out_table = FIELDS(cut_out_fields, cut_out_conf);

static cseg_status read_hole(const transform_builder *b, const value *v, hole *out, cseg_error *err)
{
    if (value_count(v) == 2 && value_number(value_item(v, 0), &out->w) && value_number(value_item(v, 1), &out->h) &&
        out->w >= 0 && out->h >= 0 && out->w < 1e6 && out->h < 1e6)
        return CSEG_OK;
    return transform_fail(b, err, "the rectangles must be (w, h), or a list of such");
}

static cseg_status cut_out_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    cut_out_conf *c = conf;
    const value *v = c->cutout_shape ? c->cutout_shape : c->cutout_ratio;
    double x;
    (void)t;
    if (!c->cutout_shape == !c->cutout_ratio)
        return transform_fail(b, err, "takes one of 'cutout_shape' and 'cutout_ratio'");
    if (c->n_holes.n < 1 || c->n_holes.n > 2 || (c->n_holes.n == 2 && c->n_holes.at[0] >= c->n_holes.at[1]))
        return transform_fail(b, err, "'n_holes' must be a number, or (least, most)");
    if (c->seg_fill_in.n > 1)
        return transform_fail(b, err, "'seg_fill_in' is one number");
    bool one = value_number(value_item(v, 0), &x);
    c->n = one ? 1 : value_count(v);
    c->holes = ARENA_ARRAY(b->mem, c->n, hole);
    if (!c->holes)
        return fail_memory(err);
    if (!c->n)
        return transform_fail(b, err, "there are no rectangles to choose from");
    for (size_t i = 0; i < c->n; i++)
        TRY(read_hole(b, one ? v : value_item(v, i), &c->holes[i], err));
    b->info->random = true;
    return c->seg_fill_in.n ? transform_fills_labels(b, "seg_fill_in", (double)c->seg_fill_in.at[0], err) : CSEG_OK;
}

/* Fills rows y ... y2 - 1, columns x ... x2 - 1; m may have fewer. */
static void fill(image *m, int64_t y, int64_t x, int64_t y2, int64_t x2, const double *with, int64_t n)
{
    for (int64_t v = y; v < y2 && v < m->h; v++)
        for (int64_t u = x; u < x2 && u < m->w; u++)
            for (int64_t k = 0; k < m->c; k++) {
                void *p = image_at(m, v, u);
                double d = with[k % n];
                switch (m->type) {
                case IMAGE_U8:
                    ((uint8_t *)p)[k] = (uint8_t)(int64_t)d;
                    break;
                case IMAGE_U16:
                    ((uint16_t *)p)[k] = (uint16_t)(int64_t)d;
                    break;
                case IMAGE_I16:
                    ((int16_t *)p)[k] = (int16_t)(int64_t)d;
                    break;
                case IMAGE_I32:
                    ((int32_t *)p)[k] = (int32_t)(int64_t)d;
                    break;
                default:
                    ((float *)p)[k] = (float)d;
                    break;
                }
            }
}

static void drop(const cut_out_conf *c, sample *s, int64_t y, int64_t x, const hole *o)
{
    int64_t h = s->img.h, w = s->img.w;
    int64_t dy = (int64_t)(c->cutout_ratio ? o->h * (double)h : o->h);
    int64_t dx = (int64_t)(c->cutout_ratio ? o->w * (double)w : o->w);
    int64_t y2 = y + dy < h ? y + dy : h, x2 = x + dx < w ? x + dx : w;
    fill(&s->img, y, x, y2, x2, c->fill_in.at, (int64_t)c->fill_in.n);
    for (int i = 0; c->seg_fill_in.n && i < s->n_maps; i++) {
        double with = s->maps[i].is_weight ? 0 : (double)c->seg_fill_in.at[0];
        if (s->maps[i].map.data)
            fill(&s->maps[i].map, y, x, y2, x2, &with, 1);
    }
}

static cseg_status cut_out_apply(const transform *t, sample *s, cseg_error *err)
{
    const cut_out_conf *c = t->conf;
    TRY(sample_need_image(s, err));
    if (!(rng_uniform(&s->random) < c->prob))
        return CSEG_OK;
    TRY(sample_need_pixels(s, err));
    int64_t group = sample_group(s);
    if (c->fill_in.n != 1 && (int64_t)c->fill_in.n != group)
        return fail(err, CSEG_SHAPE, "'fill_in' has %zu numbers for %lld channels", c->fill_in.n, (long long)group);
    int64_t n = c->n_holes.at[0];
    if (c->n_holes.n == 2)
        n += rng_below(&s->random, c->n_holes.at[1] - c->n_holes.at[0] + 1);
    for (int64_t i = 0; i < n; i++) {
        int64_t x = rng_below(&s->random, s->img.w), y = rng_below(&s->random, s->img.h);
        drop(c, s, y, x, &c->holes[rng_below(&s->random, (int64_t)c->n)]);
    }
    return CSEG_OK;
}

const transform_kind transform_random_cut_out = {&cut_out_table, "Fills random rectangles (DeVries and Taylor 2017).",
                                                 cut_out_build, cut_out_apply, WINDOWS_WHOLE};
