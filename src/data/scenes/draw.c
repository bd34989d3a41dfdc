/* Draws crops. */
#include <string.h>

#include "data/scenes/scenes_internal.h"

enum { TRIES = 50 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- corners --------------------------------------------------------------------------------------------------- */

/* Corners that lie in `within`; if `take` is not negative, *y and *x are that one of them. */
static int64_t corners_in(const regions *r, region within, int64_t take, int64_t *y, int64_t *x)
{
    int64_t n = 0;
    for (size_t i = regions_first(r, within.y); i < r->n && r->at[i].y < within.y + within.h; i++) {
        int64_t here = region_overlap(r->at[i], within);
        if (take >= n && take < n + here) {
            int64_t top = r->at[i].y > within.y ? r->at[i].y : within.y;
            int64_t left = r->at[i].x > within.x ? r->at[i].x : within.x;
            int64_t width = least(r->at[i].x + r->at[i].w, within.x + within.w) - left;
            *y = top + (take - n) / width;
            *x = left + (take - n) % width;
        }
        n += here;
    }
    return n;
}

/* One axis: corners from which `crop` pixels hold all of `n` at `at`, or lie in them if there are more. */
static void whole_axis(int64_t at, int64_t n, int64_t crop, int64_t *from, int64_t *count)
{
    *from = n > crop ? at : at + n - crop;
    *count = (n > crop ? n - crop : crop - n) + 1;
}

reach draw_reaches(const one_scene *s, region q, region *corners)
{
    whole_axis(q.y, q.h, s->crop_h, &corners->y, &corners->h);
    whole_axis(q.x, q.w, s->crop_w, &corners->x, &corners->w);
    if (corners_in(&s->corners, *corners, -1, NULL, NULL))
        return q.h <= s->crop_h && q.w <= s->crop_w ? REACH_ALL : REACH_SOME;
    *corners = (region){q.y - s->crop_h + 1, q.x - s->crop_w + 1, q.h + s->crop_h - 1, q.w + s->crop_w - 1};
    return corners_in(&s->corners, *corners, -1, NULL, NULL) ? REACH_SOME : REACH_NONE;
}

/* ---- preparing ------------------------------------------------------------------------------------------------- */

/* Pixels of a class in a square. */
static int64_t pixels_of(const scene_set *s, const one_scene *one, int64_t square, int64_t class)
{
    const index_cell *c = &one->index.cells[square];
    int64_t n = 0;
    for (uint32_t i = c->first; i < c->first + c->n; i++) {
        const index_count *v = &one->index.counts[i];
        if (scene_counts(&s->how, v->value) && s->how.seen[v->value] == class)
            n += v->count;
    }
    return n;
}

/* Whether the labels there have the class, in a pixel that a crop can have. */
static cseg_status has_class(const scene_set *s, const scene_place *p, int64_t class, bool *out, cseg_error *err)
{
    image m = {0};
    const one_scene *one = &s->at[p->scene];
    int64_t n = p->at.h * p->at.w;
    uint8_t *holes = mem_alloc_raw((size_t)n);
    cseg_status status = holes ? scene_read_holes(s, p, one->in->labels, holes, err) : fail_memory(err);
    if (status == CSEG_OK)
        status = scenes_read_labels(s, p, one->in->labels, s->how.label_flags, &m, err);
    *out = false;
    for (int64_t i = 0; i < n && status == CSEG_OK && !*out; i++) {
        int64_t y = i / m.w, x = i % m.w;
        double v = image_get(&m, y, x, 0);
        if (holes[i] || !(v >= 0 && v < 256) || !scene_counts(&s->how, (uint32_t)v) || s->how.seen[(int)v] != class)
            continue;
        region corners = {p->at.y + y - one->crop_h + 1, p->at.x + x - one->crop_w + 1, one->crop_h, one->crop_w};
        *out = corners_in(&one->corners, corners, -1, NULL, NULL) > 0;
    }
    image_release(&m);
    mem_free(holes);
    return status;
}

/* Squares that crops reach only a part of may have the class where no crop gets. Looks whether one has it elsewhere. */
static cseg_status any_has_class(const scene_set *s, const class_squares *list, int64_t class, bool *out,
                                 cseg_error *err)
{
    *out = false;
    for (size_t i = 0; i < list->n && !*out; i++) {
        scene_place p = {.scene = list->at[i].scene};
        p.at = p.own = scene_index_square(&s->at[p.scene].index, list->at[i].square);
        TRY(has_class(s, &p, class, out, err));
    }
    return CSEG_OK;
}

static cseg_status list_class(scene_set *s, int64_t class, class_squares *out, arena *mem, cseg_error *err)
{
    region corners;
    double sum = 0;
    bool sure = false;
    for (int64_t i = 0; i < s->n; i++) {
        const one_scene *one = &s->at[i];
        for (int64_t k = 0; one->values && k < one->index.rows * one->index.columns; k++) {
            int64_t n = pixels_of(s, one, k, class);
            reach how = n ? draw_reaches(one, scene_index_square(&one->index, k), &corners) : REACH_NONE;
            if (how == REACH_NONE)
                continue;
            sure = sure || how == REACH_ALL;
            sum += (double)n * one->in->times;
            class_square q = {(uint32_t)i, (uint32_t)k, sum};
            if (!vec_push(mem, out, q))
                return fail_memory(err);
        }
    }
    if (!sure)
        TRY(any_has_class(s, out, class, &sure, err));
    if (sure)
        return CSEG_OK;
    const char *name = s->how.classes && class < s->how.n_classes ? s->how.classes[class] : "";
    return fail(err, CSEG_DATA,
                "%s: no crop can have class %lld%s%s%s, which is to be balanced: take it out of balance, "
                "or divide the scenes in another way",
                s->how.name, (long long)class, *name ? " ('" : "", name, *name ? "')" : "");
}

cseg_status draw_prepare(scene_set *s, arena *mem, cseg_error *err)
{
    double sum = 0;
    s->ends = ARENA_ARRAY(mem, (size_t)s->n, double);
    s->classes = ARENA_ARRAY(mem, (size_t)s->how.n_balanced + 1, class_squares);
    if (!s->ends || !s->classes)
        return fail_memory(err);
    for (int64_t i = 0; i < s->n; i++) {
        one_scene *one = &s->at[i];
        int64_t pixels = 0;
        one->ends = ARENA_ARRAY(mem, one->corners.n + 1, int64_t);
        if (!one->ends)
            return fail_memory(err);
        for (size_t k = 0; k < one->corners.n; k++)
            one->ends[k] = pixels += one->corners.at[k].h * one->corners.at[k].w;
        s->ends[i] = sum += (double)pixels * one->in->times;
    }
    if (sum <= 0)
        return fail(
            err, CSEG_DATA,
            "%s: no crop of %lld x %lld pixels lies in the part: make crop_size, gap or the parts that are held "
            "out smaller%s",
            s->how.name, (long long)s->how.crop_h, (long long)s->how.crop_w,
            s->how.split.by == SPLIT_BLOCKS ? ", or the blocks larger" : "");
    for (int i = 0; i < s->how.n_balanced; i++)
        TRY(list_class(s, s->how.balanced[i], &s->classes[i], mem, err));
    return CSEG_OK;
}

/* ---- drawing --------------------------------------------------------------------------------------------------- */

static scene_place crop_at(const scene_set *s, int64_t scene, int64_t y, int64_t x)
{
    const one_scene *one = &s->at[scene];
    region at = {y, x, one->crop_h, one->crop_w};
    return (scene_place){scene, at, at};
}

static scene_place draw_anywhere(const scene_set *s, rng *r)
{
    int64_t low = 0, high = s->n - 1, y = 0, x = 0;
    double u = rng_uniform(r) * s->ends[s->n - 1];
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (s->ends[middle] <= u)
            low = middle + 1;
        else
            high = middle;
    }
    while (!s->at[low].corners.n) /* the last ones have none, and u was rounded up */
        low--;
    const one_scene *one = &s->at[low];
    size_t from = 0, to = one->corners.n - 1;
    int64_t pick = rng_below(r, one->ends[to]);
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (one->ends[middle] <= pick)
            from = middle + 1;
        else
            to = middle;
    }
    const region *c = &one->corners.at[from];
    pick -= from ? one->ends[from - 1] : 0;
    y = c->y + pick / c->w;
    x = c->x + pick % c->w;
    return crop_at(s, low, y, x);
}

/* sure: the crop has the class. */
static scene_place draw_class(const scene_set *s, rng *r, int64_t *class, bool *sure)
{
    int64_t which = rng_below(r, s->how.n_balanced);
    const class_squares *list = &s->classes[which];
    size_t low = 0, high = list->n - 1;
    double u = rng_uniform(r) * list->at[high].end;
    int64_t y = 0, x = 0;
    region corners;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (list->at[middle].end <= u)
            low = middle + 1;
        else
            high = middle;
    }
    const one_scene *one = &s->at[list->at[low].scene];
    *class = s->how.balanced[which];
    *sure = draw_reaches(one, scene_index_square(&one->index, list->at[low].square), &corners) == REACH_ALL;
    int64_t n = corners_in(&one->corners, corners, -1, NULL, NULL);
    corners_in(&one->corners, corners, rng_below(r, n), &y, &x);
    return crop_at(s, list->at[low].scene, y, x);
}

/* Whether the squares below a crop have pixels that do not count. */
static bool may_have_holes(const scene_set *s, const scene_place *p)
{
    const one_scene *one = &s->at[p->scene];
    const scene_index *x = &one->index;
    for (int64_t i = p->at.y / x->side; i <= (p->at.y + p->at.h - 1) / x->side; i++)
        for (int64_t k = p->at.x / x->side; k <= (p->at.x + p->at.w - 1) / x->side; k++) {
            const index_cell *c = &x->cells[i * x->columns + k];
            for (uint32_t n = c->first; n < c->first + c->n; n++)
                if (!scene_counts(&s->how, x->counts[n].value))
                    return true;
        }
    return false;
}

/* The share of pixels that count. */
static cseg_status share_of(const scene_set *s, const scene_place *p, double *out, cseg_error *err)
{
    image m = {0};
    const char *path = s->at[p->scene].in->labels;
    int64_t n = p->at.h * p->at.w, good = 0;
    *out = 1;
    if (!s->at[p->scene].values || !may_have_holes(s, p))
        return CSEG_OK;
    uint8_t *holes = mem_alloc_raw((size_t)n);
    cseg_status status = holes ? scene_read_holes(s, p, path, holes, err) : fail_memory(err);
    if (status == CSEG_OK)
        status = scenes_read(s, p, path, NULL, 0, s->how.label_flags, &m, err);
    for (int64_t i = 0; i < n && status == CSEG_OK; i++) {
        double v = image_get(&m, i / m.w, i % m.w, 0);
        good += !holes[i] && scene_counts(&s->how, v >= 0 && v < INDEX_NO_DATA ? (uint32_t)v : INDEX_NO_DATA);
    }
    *out = (double)good / (double)n;
    image_release(&m);
    mem_free(holes);
    return status;
}

cseg_status draw_crop(const scene_set *s, rng *random, scene_place *out, cseg_error *err)
{
    double best = 0, share;
    /* A sample takes one number of its stream, however often it is drawn again: what the transforms draw stays as
     * it is. */
    rng own = {rng_next(random)};
    for (int i = 0; i < TRIES; i++) {
        bool balances = s->how.n_balanced && rng_uniform(&own) < s->how.balance, good = true;
        int64_t class;
        scene_place p = balances ? draw_class(s, &own, &class, &good) : draw_anywhere(s, &own);
        if (!good)
            TRY(has_class(s, &p, class, &good, err));
        TRY(share_of(s, &p, &share, err));
        if (good && share > 0 && share >= s->how.min_valid) {
            *out = p;
            return CSEG_OK;
        }
        share -= good ? 0 : 1;
        if (share > best || i == 0) {
            best = share;
            *out = p;
        }
    }
    return CSEG_OK; /* the best that was found */
}
