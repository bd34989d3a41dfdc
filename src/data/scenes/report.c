/* Counts what a part of the scenes holds, and says it. */
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "data/scenes/scenes_internal.h"

/* Adds the part's share of a square to counts [INDEX_VALUES]. */
static void add_square(const one_scene *one, int64_t square, double share, double *counts)
{
    const index_cell *c = &one->index.cells[square];
    for (uint32_t i = c->first; i < c->first + c->n; i++)
        counts[one->index.counts[i].value] += share * one->index.counts[i].count;
}

static int64_t rounded(double count)
{
    return count <= 0 ? 0 : count < 1 ? 1 : (int64_t)llround(count);
}

/* Counts the pixels of the part; of what crops are drawn from only what they reach. */
static cseg_status count_scene(const scene_set *s, one_scene *one, double *counts, arena *mem, cseg_error *err)
{
    region corners;
    scene_values *v = ARENA_NEW(mem, scene_values);
    if (!v)
        return fail_memory(err);
    for (int i = 0; i < INDEX_VALUES; i++)
        counts[i] = 0;
    for (int64_t i = 0; i < one->index.rows * one->index.columns; i++) {
        region q = scene_index_square(&one->index, i);
        int64_t here = regions_overlap(&one->parts[s->how.part], q);
        if (here && (!s->how.draws || draw_reaches(one, q, &corners)))
            add_square(one, i, (double)here / (double)(q.h * q.w), counts);
    }
    v->h = one->h;
    v->w = one->w;
    v->no_data = rounded(counts[INDEX_NO_DATA]);
    for (int i = 0; i < INDEX_NO_DATA; i++)
        v->n += counts[i] > 0;
    v->at = ARENA_ARRAY(mem, (size_t)v->n + 1, struct scene_value);
    if (!v->at)
        return fail_memory(err);
    v->n = 0;
    for (int i = 0; i < INDEX_NO_DATA; i++)
        if (counts[i] > 0)
            v->at[v->n++] = (struct scene_value){i, rounded(counts[i])};
    one->values = v;
    return CSEG_OK;
}

/* What all scenes hold. */
typedef struct sums {
    double classes[256], ignored, area; /* pixels; m2 of all */
    bool area_known;
    double pixels;
} sums;

static void add_scene(const scene_set *s, const one_scene *one, sums *t)
{
    double pixels = (double)regions_area(&one->parts[s->how.part]);
    t->pixels += pixels;
    t->area += pixels * one->pixel_area;
    t->area_known = t->area_known && one->pixel_area > 0;
    for (int i = 0; one->values && i < one->values->n; i++) {
        const struct scene_value *v = &one->values->at[i];
        if (scene_counts(&s->how, (uint32_t)v->value))
            t->classes[s->how.seen[v->value]] += (double)v->count;
        else
            t->ignored += (double)v->count;
    }
    t->ignored += one->values ? (double)one->values->no_data : 0;
}

static void add_classes(const scene_set *s, const sums *t, strbuf *text)
{
    int64_t n = s->how.n_classes < 256 ? s->how.n_classes : 256;
    double all = 0;
    for (int i = 0; i < 256; i++)
        all += t->classes[i];
    for (int64_t i = 0; i < n && s->how.classes && all > 0; i++)
        strbuf_addf(text, "%s %s %.3g %% (%.0f)", i ? "," : ":", s->how.classes[i], 100 * t->classes[i] / all,
                    t->classes[i]);
    if (t->ignored > 0)
        strbuf_addf(text, "; %.0f pixels without a label", t->ignored);
}

static cseg_status tell(const scene_set *s, arena *mem, cseg_error *err)
{
    sums t = {.area_known = true};
    strbuf text = {.mem = mem};
    for (int64_t i = 0; i < s->n; i++)
        add_scene(s, &s->at[i], &t);
    strbuf_addf(&text, "%s: %.0f pixels of %lld scene%s", s->how.name, t.pixels, (long long)s->n, s->n == 1 ? "" : "s");
    if (t.area_known)
        strbuf_addf(&text, " (%.4g km2)", t.area / 1e6);
    add_classes(s, &t, &text);
    if (text.failed)
        return fail_memory(err);
    log_say(LOG_INFO, "%s", text.text);
    return CSEG_OK;
}

cseg_status report_part(scene_set *s, arena *mem, cseg_error *err)
{
    double *counts = mem_alloc(INDEX_VALUES * sizeof *counts);
    cseg_status status = counts ? CSEG_OK : fail_memory(err);
    for (int64_t i = 0; i < s->n && status == CSEG_OK; i++)
        if (s->at[i].index.cells)
            status = count_scene(s, &s->at[i], counts, mem, err);
    mem_free(counts);
    return status == CSEG_OK ? tell(s, mem, err) : status;
}
