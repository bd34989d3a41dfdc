#include "io/torch/convert/weights_convert.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define SOURCE(name) extern const weight_source weight_source_##name;
#include "io/torch/convert/weight_sources.h"
#undef SOURCE
#define SOURCE(name) &weight_source_##name,
static const weight_source *const sources[] = {
#include "io/torch/convert/weight_sources.h"
    NULL};
#undef SOURCE

const weight_source *weights_source_at(size_t i)
{
    return sources[i];
}

const weight_source *weights_source_named(const char *name)
{
    for (size_t i = 0; sources[i]; i++)
        if (strcmp(sources[i]->name, name) == 0)
            return sources[i];
    return NULL;
}

/* DataParallel puts this in front of all names. */
static const char module[] = "module.";

static const char *bare(const char *name)
{
    return str_starts(name, module) ? name + sizeof module - 1 : name;
}

static bool holds(const pth *file, const char *pattern)
{
    captures c;
    for (size_t i = 0; i < pth_count(file); i++)
        if (weight_matches(pattern, bare(pth_at(file, i)->name), &c))
            return true;
    return false;
}

const weight_source *weights_recognise(const pth *file)
{
    for (size_t i = 0; sources[i]; i++) {
        bool is = true;
        for (size_t k = 0; is && k < sizeof sources[i]->signs / sizeof *sources[i]->signs; k++)
            is = !sources[i]->signs[k] || holds(file, sources[i]->signs[k]);
        for (size_t k = 0; is && k < sizeof sources[i]->unless / sizeof *sources[i]->unless; k++)
            is = !sources[i]->unless[k] || !holds(file, sources[i]->unless[k]);
        if (is)
            return sources[i];
    }
    return NULL;
}

/* --- one tensor --- */

/* The most bytes that are copied out of a file: tensors may be views of fewer bytes than they have, but not of so few.
 */
enum { ALWAYS_COPIED = 64 << 20, COPIED_RATIO = 16 };

typedef struct converting {
    pth *file;
    const weight_source *source;
    arena *mem;
    weights_converted *out;
    VEC(const pth_tensor *) dropped;
    bool *joined; /* for each tensor of the file: it became a part of another one */
    cseg_error *err;
} converting;

/* Finds what `pattern` names; NULL: there is none. */
static cseg_status find(converting *v, const char *pattern, const captures *c, const char **name,
                        const pth_tensor **out)
{
    *name = weight_expand(pattern, c, v->mem);
    const char *prefixed = *name ? arena_printf(v->mem, "%s%s", module, *name) : NULL;
    if (!prefixed)
        return fail_memory(v->err);
    *out = pth_find(v->file, *name);
    if (!*out)
        *out = pth_find(v->file, prefixed);
    return CSEG_OK;
}

static cseg_status read(converting *v, const pth_tensor *t, weight_change *change, weight *out)
{
    void *data = arena_array(v->mem, (size_t)t->count + 1, pth_type_size(t->type));
    if (!data)
        return fail_memory(v->err);
    TRY(pth_tensor_raw(v->file, t, data, v->err));
    *out = (weight){.name = t->name, .type = t->type, .ndim = t->ndim, .count = t->count, .data = data};
    memcpy(out->shape, t->shape, sizeof out->shape);
    if (change && change(out, v->mem, v->err) != CSEG_OK)
        return fail_within(v->err, "%s: as %s: ", pth_path(v->file), v->source->name);
    return CSEG_OK;
}

/* Puts b behind a. */
static cseg_status join(converting *v, weight *a, const weight *b)
{
    size_t size = pth_type_size(a->type), n = (size_t)a->count * size, more = (size_t)b->count * size;
    bool fits = a->type == b->type && a->ndim == b->ndim && a->ndim > 0;
    for (int i = 1; fits && i < a->ndim; i++)
        fits = a->shape[i] == b->shape[i];
    if (!fits)
        return fail(v->err, CSEG_SHAPE, "%s: as %s: tensor '%.200s' cannot be joined to '%.200s': their shapes differ",
                    pth_path(v->file), v->source->name, b->name, a->name);
    uint8_t *data = arena_array(v->mem, n + more + 1, 1);
    if (!data)
        return fail_memory(v->err);
    memcpy(data, a->data, n);
    memcpy(data + n, b->data, more);
    a->data = data;
    a->count += b->count;
    a->shape[0] += b->shape[0];
    return CSEG_OK;
}

static cseg_status read_joined(converting *v, const pth_tensor *t, const weight_rule *r, const captures *c, weight *out)
{
    TRY(read(v, t, r->change, out));
    for (size_t i = 0; i < sizeof r->with / sizeof *r->with && r->with[i]; i++) {
        weight more;
        const char *name;
        const pth_tensor *other;
        TRY(find(v, r->with[i], c, &name, &other));
        if (!other)
            return fail(v->err, CSEG_NOT_FOUND, "%s: as %s: has '%.200s', but no '%.200s', which belongs to it",
                        pth_path(v->file), v->source->name, t->name, name);
        TRY(read(v, other, r->change, &more));
        TRY(join(v, out, &more));
        v->joined[other - pth_at(v->file, 0)] = true;
    }
    return CSEG_OK;
}

static cseg_status keep(converting *v, const pth_tensor *t, const weight_rule *r, const captures *c, const char *name)
{
    static const weight_rule as_it_is = {0};
    weight w;
    TRY(read_joined(v, t, r ? r : &as_it_is, c, &w));
    w.name = name;
    return vec_push(v->mem, &v->out->kept, w) ? CSEG_OK : fail_memory(v->err);
}

static cseg_status applies(converting *v, const weight_rule *r, const char *name, captures *c, bool *does)
{
    const char *other_name;
    const pth_tensor *other = NULL;
    *does = weight_matches(r->from, name, c);
    if (!*does || !r->when)
        return CSEG_OK;
    TRY(find(v, r->when, c, &other_name, &other));
    *does = other;
    return CSEG_OK;
}

static cseg_status drop(converting *v, const pth_tensor *t)
{
    return vec_push(v->mem, &v->dropped, t) ? CSEG_OK : fail_memory(v->err);
}

/* What is joined to another tensor is not lost. */
static cseg_status list_dropped(converting *v)
{
    for (size_t i = 0; i < v->dropped.n; i++)
        if (!v->joined[v->dropped.at[i] - pth_at(v->file, 0)] &&
            !vec_push(v->mem, &v->out->dropped, v->dropped.at[i]->name))
            return fail_memory(v->err);
    return CSEG_OK;
}

static cseg_status convert_one(converting *v, const pth_tensor *t)
{
    const char *name = bare(t->name);
    captures c = {.n = 0};
    for (const weight_rule *r = v->source->rules; r->from; r++) {
        bool does;
        TRY(applies(v, r, name, &c, &does));
        if (!does)
            continue;
        if (!r->to)
            return drop(v, t);
        const char *to = weight_expand(r->to, &c, v->mem);
        if (!to)
            return fail_memory(v->err);
        if (!r->goes_on) {
            TRY(keep(v, t, r, &c, to));
            return r->stays ? keep(v, t, NULL, &c, name) : CSEG_OK;
        }
        name = to;
    }
    return v->source->drops_others ? drop(v, t) : keep(v, t, NULL, &c, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const weight *const *)a)->name, (*(const weight *const *)b)->name);
}

static cseg_status check_names(converting *v)
{
    size_t n = v->out->kept.n;
    const weight **sorted = ARENA_ARRAY(v->mem, n + 1, const weight *);
    if (!sorted)
        return fail_memory(v->err);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &v->out->kept.at[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return fail(v->err, CSEG_CORRUPT, "%s: as %s: two of its tensors become '%.200s'", pth_path(v->file),
                        v->source->name, sorted[i]->name);
    return CSEG_OK;
}

static cseg_status check_size(const pth *file, cseg_error *err)
{
    uint64_t most = ALWAYS_COPIED + (uint64_t)COPIED_RATIO * pth_bytes(file), all = 0;
    for (size_t i = 0; i < pth_count(file); i++) {
        const pth_tensor *t = pth_at(file, i);
        uint64_t bytes = (uint64_t)t->count * pth_type_size(t->type);
        if (bytes > most || (all += bytes) > most)
            return fail(err, CSEG_CORRUPT,
                        "%s: its tensors are far larger than the file; '%.200s' alone has %llu bytes", pth_path(file),
                        t->name, (unsigned long long)bytes);
    }
    return CSEG_OK;
}

cseg_status weights_convert(pth *file, const weight_source *s, arena *mem, weights_converted *out, cseg_error *err)
{
    converting v = {.file = file, .source = s, .mem = mem, .out = out, .err = err};
    *out = (weights_converted){0};
    TRY(check_size(file, err));
    v.joined = ARENA_ARRAY(mem, pth_count(file) + 1, bool);
    if (!v.joined)
        return fail_memory(err);
    for (size_t i = 0; i < pth_count(file); i++)
        TRY(convert_one(&v, pth_at(file, i)));
    TRY(list_dropped(&v));
    return check_names(&v);
}
