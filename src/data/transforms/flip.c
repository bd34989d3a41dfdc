/* Flips, by chance or as test-time augmentation decides. */
#include <string.h>

#include "data/transforms/transform.h"

enum { MAX_DIRECTIONS = 8, MAX_SWAPS = 64 };

typedef struct flip_conf {
    value *prob, *flip_ratio, *direction, *swap_seg_labels;
    int n; /* directions */
    char directions[MAX_DIRECTIONS];
    double share[MAX_DIRECTIONS]; /* probability of each; the rest up to 1: no flip */
    bool has_prob, listed;
    uint8_t swap[256]; /* label -> label when flipped */
} flip_conf;

static const field flip_fields[] = {
    FIELD(flip_conf, F_VALUE, prob, "None",
          "probability, or one for each direction; shared evenly by several directions"),
    FIELD(flip_conf, F_VALUE, flip_ratio, "None", "the same under its oldest name"),
    FIELD(flip_conf, F_VALUE, direction, "'horizontal'", "'horizontal', 'vertical', 'diagonal' (both), or a list"),
    FIELD(flip_conf, F_VALUE, swap_seg_labels, "None",
          "pairs of labels that change places when the image is flipped: [(left_arm, right_arm)]"),
};
static const field_table flip_table = FIELDS(flip_fields, flip_conf);

static cseg_status read_direction(const transform_builder *b, const value *v, char *out, cseg_error *err)
{
    const char *text = value_text(v);
    if (text && (strcmp(text, "horizontal") == 0 || strcmp(text, "vertical") == 0 || strcmp(text, "diagonal") == 0)) {
        *out = text[0];
        return CSEG_OK;
    }
    return transform_fail(b, err, "'direction' must be 'horizontal', 'vertical' or 'diagonal', or a list of them");
}

static cseg_status read_directions(const transform_builder *b, flip_conf *c, cseg_error *err)
{
    const value *v = c->direction;
    c->listed = value_is_list(v);
    size_t n = c->listed ? value_count(v) : 1;
    if (n < 1 || n > MAX_DIRECTIONS)
        return transform_fail(b, err, "'direction' lists %zu directions; 1 to %d make sense", n, MAX_DIRECTIONS);
    for (c->n = 0; c->n < (int)n; c->n++)
        TRY(read_direction(b, c->listed ? value_item(v, (size_t)c->n) : v, &c->directions[c->n], err));
    return CSEG_OK;
}

static cseg_status read_shares(const transform_builder *b, flip_conf *c, cseg_error *err)
{
    const value *v = c->prob ? c->prob : c->flip_ratio;
    double sum = 0;
    if (c->prob && c->flip_ratio)
        return transform_fail(b, err, "'prob' and 'flip_ratio' are the same; give one");
    c->has_prob = v != NULL;
    if (value_is_list(v) && value_count(v) != (size_t)c->n)
        return transform_fail(b, err, "'prob' has %zu numbers for %d directions", value_count(v), c->n);
    for (int i = 0; v && i < c->n; i++) {
        if (!value_number(value_is_list(v) ? value_item(v, (size_t)i) : v, &c->share[i]))
            return transform_fail(b, err, "'prob' must be a number, or a list of them");
        TRY(transform_probability(b, "prob", c->share[i], err));
        if (!value_is_list(v))
            c->share[i] /= c->n;
        sum += c->share[i];
    }
    return sum > 1 + 1e-9 ? transform_fail(b, err, "the numbers of 'prob' add up to more than 1") : CSEG_OK;
}

static cseg_status read_swaps(const transform_builder *b, flip_conf *c, cseg_error *err)
{
    const value *v = c->swap_seg_labels;
    for (int i = 0; i < 256; i++)
        c->swap[i] = (uint8_t)i;
    if (v && (!value_is_list(v) || value_count(v) > MAX_SWAPS))
        return transform_fail(b, err, "'swap_seg_labels' must be a list of pairs of labels");
    for (size_t i = 0; i < value_count(v); i++) {
        const value *pair = value_item(v, i);
        int64_t from = -1, to = -1;
        if (value_count(pair) != 2 || !value_integer(value_item(pair, 0), &from) ||
            !value_integer(value_item(pair, 1), &to) || from < 0 || from > 255 || to < 0 || to > 255)
            return transform_fail(b, err, "'swap_seg_labels' must be a list of pairs of labels, from 0 to 255");
        c->swap[from] = (uint8_t)to;
        c->swap[to] = (uint8_t)from;
    }
    return CSEG_OK;
}

static cseg_status flip_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    flip_conf *c = conf;
    (void)t;
    TRY(read_directions(b, c, err));
    TRY(read_shares(b, c, err));
    TRY(read_swaps(b, c, err));
    if (!c->has_prob && !b->rules->flip_may_wait)
        return transform_fail(b, err, "needs 'prob'");
    for (int i = 0; i < c->n; i++)
        b->info->random |= c->share[i] > 0 && c->share[i] < 1;
    return CSEG_OK;
}

/* 'h', 'v', 'd' or 0. One draw, as numpy.random.choice makes it. */
static char draw_direction(const flip_conf *c, rng *r)
{
    double u = rng_uniform(r), sum = 0;
    for (int i = 0; i < c->n; i++) {
        sum += c->share[i];
        if (u < sum)
            return c->directions[i];
    }
    return 0;
}

static void swap_labels(const flip_conf *c, sample *s)
{
    for (int i = 0; c->swap_seg_labels && i < s->n_maps; i++)
        if (s->maps[i].map.data && !s->maps[i].is_weight)
            imgproc_lut(s->maps[i].map.data, s->maps[i].map.h * s->maps[i].map.w, c->swap);
}

static cseg_status flip_apply(const transform *t, sample *s, cseg_error *err)
{
    const flip_conf *c = t->conf;
    char direction;
    if (s->preset.has_flip)
        direction = s->preset.flip ? s->preset.direction : 0;
    else if (c->has_prob)
        direction = draw_direction(c, &s->random);
    else
        return fail(err, CSEG_CONFIG, "it has no 'prob', and is not within MultiScaleFlipAug which would decide");
    s->flip = direction != 0;
    s->flip_direction = direction;
    if (!direction)
        return CSEG_OK;
    swap_labels(c, s);
    return sample_flip(s, direction, err);
}

const transform_kind transform_random_flip = {&flip_table, "Flips image, labels and weights.", flip_build, flip_apply,
                                              WINDOWS_GEOMETRY};
