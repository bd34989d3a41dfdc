/* Remembers, for messages, which transform gave an image and its maps their sizes. */
#include <string.h>

#include "data/transforms/transform.h"

/* Labels and weights go through the same geometry, so the first map that is loaded stands for all. */
static const sample_map *first_map(const sample *s)
{
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].map.data)
            return &s->maps[i];
    return NULL;
}

step_sizes step_sizes_of(const sample *s)
{
    const sample_map *m = first_map(s);
    bool shown = image_exists(&s->img);
    return (step_sizes){.image_h = shown ? sample_padded_height(s) : 0,
                        .image_w = shown ? sample_padded_width(s) : 0,
                        .map_h = m ? picture_height(&m->map, &m->todo) : 0,
                        .map_w = m ? picture_width(&m->map, &m->todo) : 0,
                        .image_step = s->image_step,
                        .map_step = s->map_step};
}

static void note(const transform *t, bool changed, const sample_step *before, sample_step *now)
{
    bool by_inner = now->name != before->name || now->at.line != before->at.line;
    if (changed && !by_inner) /* the transform inside a wrapper says more than the wrapper */
        *now = (sample_step){t->name, t->at};
}

void step_note(const transform *t, const step_sizes *before, sample *s)
{
    step_sizes now = step_sizes_of(s);
    bool seen = before->image_h && (now.image_h != before->image_h || now.image_w != before->image_w);
    bool mapped = before->map_h && (now.map_h != before->map_h || now.map_w != before->map_w);
    note(t, seen, &before->image_step, &s->image_step);
    note(t, mapped, &before->map_step, &s->map_step);
}

/* " after Resize (FILE:LINE)", or nothing. */
static const char *step_text(const sample_step *step, char out[static 700])
{
    char place[512];
    const value at = {.at = step->at};
    size_t n = strlen(value_place(&at, place));
    while (n > 0 && (place[n - 1] == ' ' || place[n - 1] == ':'))
        place[--n] = 0;
    snprintf(out, 700, "%s%s%s%s%s", step->name ? " after " : "", step->name ? step->name : "", n ? " (" : "", place,
             n ? ")" : "");
    return step->name ? out : "";
}

static cseg_status wrong_in_training(const sample *s, const sample_map *m, cseg_error *err)
{
    char text[700], map_text[700];
    return fail(err, CSEG_SHAPE,
                "%s is %lld x %lld%s, its map %s is %lld x %lld%s (width x height): they are to be of one size; what "
                "changes sizes stands behind LoadAnnotations, so that both go through it",
                s->path ? s->path : "the image", (long long)sample_padded_width(s), (long long)sample_padded_height(s),
                step_text(&s->image_step, text), m->path ? m->path : m->key,
                (long long)picture_width(&m->map, &m->todo), (long long)picture_height(&m->map, &m->todo),
                step_text(&s->map_step, map_text));
}

static cseg_status wrong_in_testing(const sample *s, const sample_map *m, cseg_error *err)
{
    char text[700];
    return fail(err, CSEG_SHAPE,
                "%s: the labels %s are %lld x %lld%s, but the answer has the size of the file, %lld x %lld (width x "
                "height): put LoadAnnotations behind all that changes sizes",
                s->path ? s->path : "the image", m->path ? m->path : m->key,
                (long long)picture_width(&m->map, &m->todo), (long long)picture_height(&m->map, &m->todo),
                step_text(&s->map_step, text), (long long)s->ori_w, (long long)s->ori_h);
}

cseg_status sample_check_maps(const sample *s, bool training, cseg_error *err)
{
    int64_t h = training ? sample_padded_height(s) : s->ori_h, w = training ? sample_padded_width(s) : s->ori_w;
    for (int i = 0; i < s->n_maps; i++) {
        const sample_map *m = &s->maps[i];
        bool wanted = m->map.data && (training || !m->is_weight);
        if (!wanted || (picture_height(&m->map, &m->todo) == h && picture_width(&m->map, &m->todo) == w))
            continue;
        return training ? wrong_in_training(s, m, err) : wrong_in_testing(s, m, err);
    }
    return CSEG_OK;
}
