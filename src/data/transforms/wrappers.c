/* Transforms that hold pipelines, and test-time augmentation. */
#include <math.h>
#include <string.h>

#include "data/transforms/transform.h"

typedef struct wrapper_conf {
    value *transforms;
    floats prob;
} wrapper_conf;

static const field compose_fields[] = {
    FIELD(wrapper_conf, F_VALUE, transforms, NULL, "a list of transforms"),
};
static const field_table compose_table = FIELDS(compose_fields, wrapper_conf);

static const field apply_fields[] = {
    FIELD(wrapper_conf, F_VALUE, transforms, NULL, "a list of transforms"),
    FIELD_RANGE(wrapper_conf, F_FLOATS, prob, "0.5", 0, 1, "how often they run"),
};
static const field_table apply_table = FIELDS(apply_fields, wrapper_conf);

static const field choice_fields[] = {
    FIELD(wrapper_conf, F_VALUE, transforms, NULL, "a list of lists of transforms"),
    FIELD_RANGE(wrapper_conf, F_FLOATS, prob, "None", 0, 1, "how often each; None: equally"),
};
static const field_table choice_table = FIELDS(choice_fields, wrapper_conf);

/* Test-time augmentation must end a pipeline, so no wrapper may hold it. */
static cseg_status no_views(const transform_builder *b, const transform_list *list, cseg_error *err)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i]->n_variants)
            return transform_fail(b, err, "%s cannot be within it", list->at[i]->name);
    return CSEG_OK;
}

static cseg_status build_inner(transform_builder *b, const value *list, transform_list *out, cseg_error *err)
{
    TRY(transforms_build(b, list, out, err));
    return no_views(b, out, err);
}

static cseg_status compose_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    const wrapper_conf *c = conf;
    t->n_inner = 1;
    t->inner = ARENA_NEW(b->mem, transform_list);
    return t->inner ? build_inner(b, c->transforms, t->inner, err) : fail_memory(err);
}

static cseg_status compose_apply(const transform *t, sample *s, cseg_error *err)
{
    return transforms_apply(&t->inner[0], s, err);
}

const transform_kind transform_compose = {&compose_table, "Transforms in a row.", compose_build, compose_apply,
                                          WINDOWS_INNER};

/* The known size if either of two ways may have been taken. */
static known_size either(known_size a, known_size b)
{
    known_size out = {a.h > b.h ? a.h : b.h, a.w > b.w ? a.w : b.w, a.exact && b.exact && a.h == b.h && a.w == b.w};
    return a.h && b.h ? out : (known_size){0};
}

static cseg_status apply_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    const wrapper_conf *c = conf;
    known_size before = b->size;
    if (c->prob.n != 1)
        return transform_fail(b, err, "'prob' is one number");
    TRY(compose_build(b, conf, t, err));
    b->size = either(before, b->size);
    b->info->random = true;
    return CSEG_OK;
}

static cseg_status apply_apply(const transform *t, sample *s, cseg_error *err)
{
    const wrapper_conf *c = t->conf;
    return rng_uniform(&s->random) < c->prob.at[0] ? transforms_apply(&t->inner[0], s, err) : CSEG_OK;
}

const transform_kind transform_random_apply = {&apply_table, "Runs its transforms now and then.", apply_build,
                                               apply_apply, WINDOWS_WHOLE};

static cseg_status choice_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    const wrapper_conf *c = conf;
    known_size before = b->size, after = {0};
    double sum = 0;
    t->n_inner = value_count(c->transforms);
    if (!value_is_list(c->transforms) || !t->n_inner)
        return transform_fail(b, err, "'transforms' must be a list of lists of transforms");
    for (size_t i = 0; i < c->prob.n; i++)
        sum += c->prob.at[i];
    if (c->prob.n && (c->prob.n != t->n_inner || fabs(sum - 1) > 1e-9))
        return transform_fail(b, err, "'prob' must have one number for each of %zu, with sum 1", t->n_inner);
    t->inner = ARENA_ARRAY(b->mem, t->n_inner, transform_list);
    if (!t->inner)
        return fail_memory(err);
    for (size_t i = 0; i < t->n_inner; i++) {
        b->size = before;
        TRY(build_inner(b, value_item(c->transforms, i), &t->inner[i], err));
        after = i ? either(after, b->size) : b->size;
    }
    b->size = after;
    b->info->random = true;
    return CSEG_OK;
}

static cseg_status choice_apply(const transform *t, sample *s, cseg_error *err)
{
    const wrapper_conf *c = t->conf;
    double u = rng_uniform(&s->random), sum = 0;
    size_t i = 0;
    for (; i < t->n_inner - 1; i++) {
        sum += c->prob.n ? c->prob.at[i] : 1.0 / (double)t->n_inner;
        if (u < sum)
            break;
    }
    return transforms_apply(&t->inner[i], s, err);
}

const transform_kind transform_random_choice = {&choice_table, "Runs one of several pipelines.", choice_build,
                                                choice_apply, WINDOWS_WHOLE};

/* ---- test time augmentation, 1.x ---- */

enum { MAX_VARIANTS = 256 };

static const field tta_fields[] = {
    FIELD(wrapper_conf, F_VALUE, transforms, NULL,
          "a list of lists: of each, one transform is taken, in all combinations; the last list changes fastest"),
};
static const field_table tta_table = FIELDS(tta_fields, wrapper_conf);

static cseg_status count_variants(const transform_builder *b, const value *lists, int *out, cseg_error *err)
{
    int64_t n = 1;
    if (!value_is_list(lists) || !value_count(lists))
        return transform_fail(b, err, "'transforms' must be a list of lists of transforms");
    for (size_t i = 0; i < value_count(lists); i++) {
        const value *choices = value_item(lists, i);
        if (!value_is_list(choices) || !value_count(choices))
            return transform_fail(b, err, "'transforms' must be a list of lists of transforms");
        n *= (int64_t)value_count(choices);
        if (n > MAX_VARIANTS)
            return transform_fail(b, err, "more than %d combinations", MAX_VARIANTS);
    }
    *out = (int)n;
    return CSEG_OK;
}

/* The transforms of variant i: its digits in the mixed base of the lists' lengths, last list fastest. */
static cseg_status pick(transform_builder *b, const value *lists, int i, transform_list *out, cseg_error *err)
{
    value *chosen = value_new(b->mem, V_LIST, lists->at);
    size_t n = value_count(lists), digit[64];
    if (!chosen)
        return fail_memory(err);
    if (n > sizeof digit / sizeof *digit)
        return transform_fail(b, err, "more than %zu lists", sizeof digit / sizeof *digit);
    for (size_t k = n; k-- > 0;) {
        size_t base = value_count(value_item(lists, k));
        digit[k] = (size_t)i % base;
        i /= (int)base;
    }
    for (size_t k = 0; k < n; k++)
        if (!value_append(b->mem, chosen, value_item(value_item(lists, k), digit[k])))
            return fail_memory(err);
    return build_inner(b, chosen, out, err);
}

static cseg_status tta_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    const wrapper_conf *c = conf;
    known_size before = b->size, after = {0};
    TRY(count_variants(b, c->transforms, &t->n_variants, err));
    t->variants = ARENA_ARRAY(b->mem, (size_t)t->n_variants, variant);
    if (!t->variants)
        return fail_memory(err);
    for (int i = 0; i < t->n_variants; i++) {
        b->size = before;
        TRY(pick(b, c->transforms, i, &t->variants[i].steps, err));
        after = i ? either(after, b->size) : b->size;
    }
    b->size = after;
    return CSEG_OK;
}

const transform_kind transform_test_time_aug = {&tta_table, "Several views of one sample. Ends a pipeline.", tta_build,
                                                NULL, WINDOWS_INNER};

/* ---- test time augmentation, 0.x ---- */

typedef struct aug_conf {
    value *transforms, *img_scale, *flip_direction;
    floats img_ratios;
    bool flip;
} aug_conf;

static const field aug_fields[] = {
    FIELD(aug_conf, F_VALUE, transforms, NULL, "what is done with each view; Resize and RandomFlip obey it"),
    FIELD(aug_conf, F_VALUE, img_scale, "None", "(w, h), or a list of them; None: the image's own size"),
    FIELD_RANGE(aug_conf, F_FLOATS, img_ratios, "None", 1e-3, 1e3, "img_scale (or the image's size) times each"),
    FIELD(aug_conf, F_BOOL, flip, "False", "each view flipped too"),
    FIELD(aug_conf, F_VALUE, flip_direction, "'horizontal'", "'horizontal', 'vertical', 'diagonal', or a list"),
};
static const field_table aug_table = FIELDS(aug_fields, aug_conf);

typedef struct aug_scale {
    int64_t size[2];
    double ratio;
} aug_scale;

static cseg_status read_scales(const transform_builder *b, const aug_conf *c, aug_scale **out, size_t *n,
                               cseg_error *err)
{
    double x;
    bool one = value_number(value_item(c->img_scale, 0), &x);
    size_t given = !c->img_scale ? 0 : one ? 1 : value_count(c->img_scale), ratios = c->img_ratios.n;
    if (c->img_scale && !given)
        return transform_fail(b, err, "'img_scale' must be (w, h) or a list of such");
    if (!given && !ratios)
        return transform_fail(b, err, "needs 'img_scale' or 'img_ratios'");
    if (given > 1)
        ratios = 0; /* the reference does not look at them then */
    *n = ratios ? ratios : given;
    *out = ARENA_ARRAY(b->mem, *n, aug_scale);
    if (!*out)
        return fail_memory(err);
    for (size_t i = 0; i < *n; i++) {
        aug_scale *s = &(*out)[i];
        if (!given) {
            s->ratio = c->img_ratios.at[i];
            continue;
        }
        TRY(transform_pair(b, "img_scale", one ? c->img_scale : value_item(c->img_scale, ratios ? 0 : i), false,
                           s->size, err));
        for (int k = 0; k < 2 && ratios; k++)
            s->size[k] = (int64_t)((double)s->size[k] * c->img_ratios.at[i]);
    }
    return CSEG_OK;
}

static cseg_status read_directions(const transform_builder *b, const value *v, char out[8], size_t *n, cseg_error *err)
{
    *n = value_is_list(v) ? value_count(v) : 1;
    if (*n < 1 || *n > 8)
        return transform_fail(b, err, "'flip_direction' must be a direction, or a list of up to 8");
    for (size_t i = 0; i < *n; i++) {
        const char *text = value_text(value_is_list(v) ? value_item(v, i) : v);
        if (!text ||
            (strcmp(text, "horizontal") != 0 && strcmp(text, "vertical") != 0 && strcmp(text, "diagonal") != 0))
            return transform_fail(b, err, "'flip_direction' must be 'horizontal', 'vertical' or 'diagonal', or a list");
        out[i] = text[0];
    }
    return CSEG_OK;
}

static cseg_status aug_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    const aug_conf *c = conf;
    transform_list steps;
    aug_scale *scales;
    size_t n_scales, n_directions;
    char directions[8];
    TRY(read_scales(b, c, &scales, &n_scales, err));
    TRY(read_directions(b, c->flip_direction, directions, &n_directions, err));
    TRY(build_inner(b, c->transforms, &steps, err));
    size_t flips = c->flip ? 2 : 1, n = n_scales * flips * n_directions;
    if (n > MAX_VARIANTS)
        return transform_fail(b, err, "more than %d views", MAX_VARIANTS);
    t->variants = ARENA_ARRAY(b->mem, n, variant);
    if (!t->variants)
        return fail_memory(err);
    for (size_t i = 0; i < n_scales; i++)
        for (size_t f = 0; f < flips; f++)
            for (size_t d = 0; d < n_directions; d++)
                t->variants[t->n_variants++] = (variant){.has_preset = true,
                                                         .scale = {scales[i].size[0], scales[i].size[1]},
                                                         .ratio = scales[i].ratio,
                                                         .flip = f == 1,
                                                         .direction = directions[d],
                                                         .steps = steps};
    return CSEG_OK;
}

const transform_kind transform_multi_scale_flip_aug = {
    &aug_table, "Several sizes and flips of one image. Ends a pipeline.", aug_build, NULL, WINDOWS_INNER};
