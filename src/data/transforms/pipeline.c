#include "data/transforms/pipeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/usage.h"
#include "config/scope.h"
#include "data/transforms/transform.h"

enum { MAX_DEPTH = 16, MAX_NAMES = 128 };

/* ---- the registry ---- */

#define TRANSFORM(name, kind) extern const transform_kind transform_##kind;
#include "data/transforms/transform_list.h"

typedef struct entry {
    const char *name;
    const transform_kind *kind;
    const char *refused; /* why it is known and not done */
} entry;

static const entry entries[] = {
#define TRANSFORM(name_, kind_) {.name = #name_, .kind = &transform_##kind_},
#define REFUSED(name_, why_) {.name = #name_, .refused = why_},
#include "data/transforms/transform_list.h"
};

enum { N_ENTRIES = sizeof entries / sizeof *entries };
_Static_assert((int)N_ENTRIES <= (int)MAX_NAMES, "the names for 'did you mean' have a fixed place");

static const entry *find_entry(const char *name)
{
    for (int i = 0; i < N_ENTRIES; i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

static cseg_status unknown(const value *dict, const char *name, cseg_error *err)
{
    char place[512];
    const char *names[MAX_NAMES], *near;
    for (int i = 0; i < N_ENTRIES; i++)
        names[i] = entries[i].name;
    near = str_nearest(name, names, N_ENTRIES);
    return fail(err, CSEG_CONFIG, "%sthere is no transform '%s'%s%s%s", value_place(value_get(dict, "type"), place),
                name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

cseg_status transform_fail(const transform_builder *b, cseg_error *err, const char *fmt, ...)
{
    char place[512], text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return fail(err, CSEG_CONFIG, "%s%s: %s", value_place(b->dict, place), b->name, text);
}

cseg_status transform_fills_labels(const transform_builder *b, const char *what, double with, cseg_error *err)
{
    char key[32];
    const char *dot = strchr(what, '.');
    snprintf(key, sizeof key, "%.*s", dot ? (int)(dot - what) : (int)strlen(what), what);
    const value *at = value_get(b->dict, key);
    if (dot && at)
        at = value_get(at, dot + 1);
    pipeline_fill f = {.step = b->name, .field = what, .with = with, .at = at ? at : b->dict};
    return vec_push(b->mem, &b->info->fills, f) ? CSEG_OK : fail_memory(err);
}

cseg_status transform_pair(const transform_builder *b, const char *what, const value *v, bool one, int64_t out[2],
                           cseg_error *err)
{
    bool list = value_is_list(v) && value_count(v) == 2;
    bool ok = list ? value_integer(value_item(v, 0), &out[0]) && value_integer(value_item(v, 1), &out[1])
                   : one && value_integer(v, &out[0]);
    if (ok && !list)
        out[1] = out[0];
    if (ok && out[0] >= 1 && out[1] >= 1 && out[0] <= IMAGE_MAX_SIDE && out[1] <= IMAGE_MAX_SIDE)
        return CSEG_OK;
    return transform_fail(b, err, "'%s' must be %stwo whole numbers of 1 or more", what, one ? "one or " : "");
}

cseg_status transform_probability(const transform_builder *b, const char *what, double p, cseg_error *err)
{
    if (p >= 0 && p <= 1)
        return CSEG_OK;
    return transform_fail(b, err, "'%s' is a probability, from 0 to 1", what);
}

/* ---- building ---- */

/* Names of other projects are not mmseg's, even if they read alike; mmcv's LoadAnnotations reads boxes. */
static cseg_status check_scope(const value *dict, const char *name, cseg_error *err)
{
    char place[512], full[160];
    type_scope in = scope_of(dict);
    if (in & (SCOPE_FOREIGN | SCOPE_TORCH) || (in == SCOPE_ROOT && strcmp(name, "LoadAnnotations") == 0))
        return fail(err, CSEG_UNSUPPORTED,
                    "%sthere is no transform '%s' here: known are mmseg's, Open-CD's (opencd), "
                    "and those that mmseg takes from mmcv",
                    value_place(value_get(dict, "type"), place), scope_full_name(dict, full));
    return CSEG_OK;
}

static cseg_status build_one(transform_builder *b, const value *dict, transform **out, cseg_error *err)
{
    char place[512];
    const char *name = value_type_name(dict);
    if (!name)
        return fail(err, CSEG_CONFIG, "%sa transform must be a dict with a type, not %s", value_place(dict, place),
                    value_kind_name(dict));
    TRY(check_scope(dict, name, err));
    const entry *e = find_entry(name);
    if (!e)
        return unknown(dict, name, err);
    if (e->refused)
        return fail(err, CSEG_UNSUPPORTED, "%s%s is not supported: %s", value_place(dict, place), name, e->refused);
    transform *t = ARENA_NEW(b->mem, transform);
    void *conf = arena_alloc(b->mem, e->kind->fields->size);
    if (!t || !conf)
        return fail_memory(err);
    *t = (transform){.kind = e->kind, .name = e->name, .at = dict->at, .conf = conf};
    const value *outer = b->dict;
    const char *outer_name = b->name;
    b->dict = dict;
    b->name = e->name;
    TRY(fields_parse(e->kind->fields, e->name, dict, NULL, b->mem, conf, err));
    if (e->kind->build)
        TRY(e->kind->build(b, conf, t, err));
    b->dict = outer;
    b->name = outer_name;
    *out = t;
    return CSEG_OK;
}

cseg_status transforms_build(transform_builder *b, const value *list, transform_list *out, cseg_error *err)
{
    char place[512];
    *out = (transform_list){0};
    if (value_is_none(list))
        return CSEG_OK;
    bool one = list->kind == V_DICT;
    if (!one && !value_is_list(list))
        return fail(err, CSEG_CONFIG, "%sa pipeline must be a list of transforms, not %s", value_place(list, place),
                    value_kind_name(list));
    if (b->depth >= MAX_DEPTH)
        return fail(err, CSEG_CONFIG, "%spipelines are nested more than %d deep", value_place(list, place), MAX_DEPTH);
    size_t n = one ? 1 : value_count(list);
    out->at = ARENA_ARRAY(b->mem, n, transform *);
    if (!out->at)
        return fail_memory(err);
    b->depth++;
    for (; out->n < n; out->n++) {
        if (out->n > 0 && out->at[out->n - 1]->n_variants)
            return fail(err, CSEG_CONFIG, "%snothing may follow %s: put it among its transforms",
                        value_place(value_item(list, out->n), place), out->at[out->n - 1]->name);
        TRY(build_one(b, one ? list : value_item(list, out->n), &out->at[out->n], err));
    }
    b->depth--;
    return CSEG_OK;
}

cseg_status pipeline_build(const value *list, const pipeline_rules *rules, arena *mem, pipeline **out, cseg_error *err)
{
    static const pipeline_rules usual = {0};
    pipeline *p = ARENA_NEW(mem, pipeline);
    if (!p)
        return fail_memory(err);
    transform_builder b = {.mem = mem, .rules = rules ? rules : &usual, .info = &p->info};
    TRY(transforms_build(&b, list, &p->list, err));
    const transform *last = p->list.n ? p->list.at[p->list.n - 1] : NULL;
    p->info.variants = 1;
    if (last && last->n_variants) {
        p->views = last;
        p->info.variants = last->n_variants;
        p->list.n--;
    }
    if (b.size.exact) {
        p->info.h = b.size.h;
        p->info.w = b.size.w;
    }
    *out = p;
    return CSEG_OK;
}

const pipeline_info *pipeline_describe(const pipeline *p)
{
    return &p->info;
}

/* ---- bands ---- */

/* Loaders, of one image or two, that have the field. */
static bool takes_bands(const value *step)
{
    const char *name = value_type_name(step);
    const entry *e = name ? find_entry(name) : NULL;
    if (!e || !e->kind || e->kind->windows == WINDOWS_POINTWISE) /* AddIndices has other bands */
        return false;
    for (size_t i = 0; i < e->kind->fields->n; i++)
        if (strcmp(e->kind->fields->at[i].name, "bands") == 0)
            return true;
    return false;
}

typedef struct bands_wish {
    const int64_t *bands;
    size_t n, found;
    arena *mem;
} bands_wish;

static cseg_status set_bands(bands_wish *b, value *v, int depth, cseg_error *err)
{
    enum { DEEPEST = 100 };
    bool is_dict = v && v->kind == V_DICT;
    if (!v || depth > DEEPEST)
        return CSEG_OK;
    if (takes_bands(v)) {
        value *list = value_new(b->mem, V_LIST, v->at);
        for (size_t i = 0; list && i < b->n; i++) {
            value *one = value_int(b->mem, b->bands[i], v->at);
            list = one && value_append(b->mem, list, one) ? list : NULL;
        }
        b->found++;
        return list && value_set(b->mem, v, "bands", list) ? CSEG_OK : fail_memory(err);
    }
    for (size_t i = 0; is_dict && i < v->as.dict.n; i++)
        TRY(set_bands(b, v->as.dict.entry[i].item, depth + 1, err));
    for (size_t i = 0; value_is_list(v) && i < value_count(v); i++)
        TRY(set_bands(b, value_item(v, i), depth + 1, err));
    return CSEG_OK;
}

cseg_status pipeline_set_bands(value *cfg, const int64_t *bands, size_t n, arena *mem, cseg_error *err)
{
    bands_wish b = {bands, n, 0, mem};
    TRY(set_bands(&b, cfg, 0, err));
    return b.found ? CSEG_OK
                   : fail(err, CSEG_CONFIG, "there is no step that loads images, whose bands could be chosen");
}

/* ---- how labels are read ---- */

/* Finds the last LoadAnnotations of all, inner lists included: it decides. */
static const transform *find_loader(const transform_list *list)
{
    const transform *found = NULL;
    for (size_t i = 0; i < list->n; i++) {
        const transform *t = list->at[i], *inner = t->kind == &transform_load_annotations ? t : NULL;
        for (size_t k = 0; k < t->n_inner && !inner; k++)
            inner = find_loader(&t->inner[k]);
        for (int k = 0; k < t->n_variants && !inner; k++)
            inner = find_loader(&t->variants[k].steps);
        found = inner ? inner : found;
    }
    return found;
}

bool pipeline_label_reading(const pipeline *p, const sample *like, const char *key, label_reading *out)
{
    const transform *t = find_loader(&p->list);
    for (int i = 0; p->views && i < p->views->n_variants && !t; i++)
        t = find_loader(&p->views->variants[i].steps);
    if (t)
        annotations_describe(t, like, key, out);
    return t != NULL;
}

/* ---- running ---- */

cseg_status transforms_apply(const transform_list *list, sample *s, cseg_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        const transform *t = list->at[i];
        step_sizes before = step_sizes_of(s);
        if (t->kind->apply && t->kind->apply(t, s, err) != CSEG_OK)
            return fail_within(err, "%s: ", t->name);
        step_note(t, &before, s);
    }
    return CSEG_OK;
}

void pipeline_times_add(pipeline_times *t, const char *name, double seconds)
{
    int i = 0;
    while (i < t->n && strcmp(t->at[i].name, name) != 0)
        i++;
    if (i == PIPELINE_MAX_TIMES)
        return;
    if (i == t->n)
        t->at[t->n++].name = name;
    t->at[i].seconds += seconds;
}

/* The outermost transforms, timed if the sample asks for it. */
static cseg_status apply_timed(const transform_list *list, sample *s, cseg_error *err)
{
    pipeline_times *times = s->times;
    if (!times)
        return transforms_apply(list, s, err);
    for (size_t i = 0; i < list->n; i++) {
        transform_list one = {1, &list->at[i]};
        double begin = usage_thread_seconds();
        TRY(transforms_apply(&one, s, err));
        pipeline_times_add(times, list->at[i]->name, usage_thread_seconds() - begin);
    }
    return CSEG_OK;
}

void variant_preset(const variant *v, sample *s)
{
    if (!v->has_preset)
        return;
    s->preset.has_scale = s->preset.has_flip = true;
    s->preset.scale[0] = v->ratio > 0 ? (int64_t)((double)sample_width(s) * v->ratio) : v->scale[0];
    s->preset.scale[1] = v->ratio > 0 ? (int64_t)((double)sample_height(s) * v->ratio) : v->scale[1];
    s->preset.flip = v->flip;
    s->preset.direction = v->direction;
}

cseg_status pipeline_apply(const pipeline *p, sample *s, cseg_error *err)
{
    if (p->info.variants > 1)
        return fail(err, CSEG_USAGE, "a pipeline with %d variants makes more than one sample", p->info.variants);
    TRY(apply_timed(&p->list, s, err));
    if (!p->views)
        return CSEG_OK;
    variant_preset(&p->views->variants[0], s);
    return transforms_apply(&p->views->variants[0].steps, s, err);
}

cseg_status pipeline_apply_variants(const pipeline *p, sample *s, sample *out, cseg_error *err)
{
    if (p->info.variants == 1) {
        cseg_status status = pipeline_apply(p, s, err);
        *out = *s;
        s->img = (image){0};
        s->n_maps = 0;
        return status;
    }
    TRY(transforms_apply(&p->list, s, err));
    for (int i = 0; i < p->info.variants; i++) {
        const variant *v = &p->views->variants[i];
        if (i < p->info.variants - 1) {
            TRY(sample_copy(s, &out[i], err));
        } else { /* the last one takes the pixels themselves */
            out[i] = *s;
            s->img = (image){0};
            s->n_maps = 0;
        }
        out[i].random.state += (uint64_t)i; /* a stream of its own */
        variant_preset(v, &out[i]);
        TRY(transforms_apply(&v->steps, &out[i], err));
    }
    return CSEG_OK;
}

/* ---- documentation ---- */

int transforms_count(void)
{
    return N_ENTRIES;
}

const char *transforms_name(int i, transform_windows *windows)
{
    *windows = entries[i].kind ? entries[i].kind->windows : WINDOWS_WHOLE;
    return entries[i].name;
}

void transforms_document(FILE *out)
{
    fprintf(
        out,
        "# Transforms\n\nWritten from the tables of fields that configs are read by. The names of both dialects "
        "are understood; `MultiImg...` are the same transforms for pairs of images.\n\nWhat a transform fills label "
        "maps with (`seg_pad_val`, `seg_fill_in`, `pad_val['seg']`) must be a class or the `ignore_index` of every "
        "head: training refuses another value before its first step, and a batch whose labels hold one whatever "
        "it is from.\n");
    for (int i = 0; i < N_ENTRIES; i++) {
        const entry *e = &entries[i];
        if (e->refused || str_starts(e->name, "MultiImg"))
            continue;
        fprintf(out, "\n## %s\n%s\n", e->name, e->kind->about);
        if (e->kind->fields->n) {
            fprintf(out, "\n");
            fields_document(e->kind->fields, out);
        }
    }
    preprocessor_document(out);
    fprintf(out, "\n## Known, and refused\n\n| transform | why |\n| --- | --- |\n");
    for (int i = 0; i < N_ENTRIES; i++)
        if (entries[i].refused)
            fprintf(out, "| %s | %s |\n", entries[i].name, entries[i].refused);
}
