#include "data/scan/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "data/scan/scan_internal.h"
#include "data/scan/scan_place.h"
#include "data/scenes/scenes.h"

enum { MOST_THREADS = 256 };

/* ---- what to look at ----------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    const scan_entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    if (!order && x->as != y->as) /* so that those of one kind stand together */
        order = (uintptr_t)x->as < (uintptr_t)y->as ? -1 : 1;
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const scan_entry *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* Whether anybody looks at this map. */
static bool is_wanted(const scan *s, const char *key)
{
    if (!s->options->n_rules)
        return strcmp(key, "gt_semantic_seg") == 0;
    for (int i = 0; i < s->options->n_rules; i++)
        if (strcmp(s->options->rules[i].key, key) == 0)
            return true;
    return false;
}

static bool same_reading(const scan_reading *a, const scan_reading *b)
{
    return strcmp(a->key, b->key) == 0 && a->how == b->how && memcmp(a->seen, b->seen, sizeof a->seen) == 0 &&
           a->meta->n_classes == b->meta->n_classes && a->meta->ignore_index == b->meta->ignore_index;
}

/* One reading for each kind of map, whatever the number of files and datasets. NULL: out of memory. */
static const scan_reading *intern(scan *s, const scan_reading *r, arena *mem)
{
    for (const scan_reading *at = s->readings; at; at = at->next)
        if (same_reading(at, r))
            return at;
    scan_reading *own = ARENA_NEW(mem, scan_reading);
    if (!own)
        return NULL;
    *own = *r;
    own->next = s->readings;
    return s->readings = own;
}

static cseg_status add(scan *s, const char *path, const char *of, scan_reading r, arena *mem, cseg_error *err)
{
    const scan_reading *as = intern(s, &r, mem);
    scan_entry e = {.path = path, .of = of, .as = as, .order = (int64_t)s->all.n};
    return as && vec_push(mem, &s->all, e) ? CSEG_OK : fail_memory(err);
}

/* Adds a label map whose values the dataset has counted. */
static cseg_status add_known(scan *s, const dataset_map *map, const char *of, scan_reading r, arena *mem,
                             cseg_error *err)
{
    const scene_values *v = map->values;
    TRY(add(s, map->path, of, r, mem, err));
    scan_facts *f = &s->all.at[s->all.n - 1].facts;
    *f = (scan_facts){.c = 1, .h = v->h, .w = v->w, .image_h = v->h, .image_w = v->w, .n_values = v->n};
    f->values = ARENA_ARRAY(mem, (size_t)v->n + 1, scan_value);
    if (!f->values)
        return fail_memory(err);
    for (int i = 0; i < v->n; i++)
        f->values[i] = (scan_value){v->at[i].value, v->at[i].count};
    s->all.at[s->all.n - 1].known = true;
    return CSEG_OK;
}

/* Adds the maps of a source: the labels that a rule names, the weights, and the second date's image for its size. */
static cseg_status add_source(scan *s, const dataset *ds, int64_t index, arena *mem, cseg_error *err)
{
    dataset_item item = dataset_source_at(ds, index);
    if (item.path2 && !item.of_scenes)
        TRY(add(s, item.path2, item.path, (scan_reading){SCAN_SECOND_DATE, SCAN_PICTURE, {0}, item.meta, NULL}, mem,
                err));
    for (int m = 0; m < item.n_maps; m++) {
        const dataset_map *map = &item.maps[m];
        scan_reading r = {.key = map->key, .how = SCAN_HEADER, .meta = item.meta};
        label_reading found;
        if ((map->is_weight && s->options->measured) || (item.of_scenes && !map->values))
            continue;
        if (!map->is_weight && !is_wanted(s, map->key))
            continue;
        bool loaded = dataset_label_reading(ds, index, map->key, s->options->measured, &found);
        if (!map->is_weight && !loaded)
            continue; /* nobody loads this map: where it is missed, the error is reported */
        if (map->is_weight && loaded)
            r.how = SCAN_WEIGHTS(found.weight_flags);
        if (!map->is_weight) {
            r.how = (int)found.flags;
            memcpy(r.seen, found.seen, sizeof r.seen);
        }
        if (map->values)
            TRY(add_known(s, map, item.path, r, mem, err));
        else
            TRY(add(s, map->path, item.path, r, mem, err));
    }
    return CSEG_OK;
}

/* Every file once, in the dataset's order. */
static cseg_status gather(const dataset *ds, scan *s, arena *mem, cseg_error *err)
{
    int64_t count = dataset_sources(ds), n;
    for (int64_t i = 0; i < count; i++)
        TRY(add_source(s, ds, i, mem, err));
    s->at = s->all.at;
    n = (int64_t)s->all.n;
    if (n)
        qsort(s->at, (size_t)n, sizeof *s->at, by_path);
    for (int64_t i = 0; i < n; i++)
        if (s->n == 0 || strcmp(s->at[i].path, s->at[s->n - 1].path) != 0 || s->at[i].as != s->at[s->n - 1].as)
            s->at[s->n++] = s->at[i];
    if (s->n)
        qsort(s->at, (size_t)s->n, sizeof *s->at, by_order);
    return CSEG_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

typedef struct helper {
    scan *s;
    scan_counter *counter;
    pthread_t thread;
} helper;

static void *look(void *arg)
{
    helper *me = arg;
    scan *s = me->s;
    cseg_error error;
    pthread_mutex_lock(&s->lock);
    /* Entries after the first failure need not be read. */
    while (!s->stopped && s->next < s->n && s->next < s->failed) {
        int64_t i = s->next++;
        scan_entry *e = &s->at[i];
        if (s->options->stop && i % 64 == 0 && s->options->stop(s->options->stop_arg))
            s->stopped = true;
        if (e->cached || e->known || s->stopped)
            continue;
        pthread_mutex_unlock(&s->lock);
        cseg_status status = scan_file(me->counter, e->path, e->of, e->as->how, &e->facts, &error);
        pthread_mutex_lock(&s->lock);
        if (status != CSEG_OK && i < s->failed) {
            s->failed = i;
            s->error = error;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The counters own what they found until they are freed. */
static cseg_status read_all(scan *s, helper *helpers, int n, cseg_error *err)
{
    int started = 0;
    s->failed = s->n;
    for (int i = 0; i < n; i++) {
        helpers[i] = (helper){.s = s, .counter = scan_counter_new()};
        if (!helpers[i].counter)
            return fail_memory(err);
    }
    pthread_mutex_init(&s->lock, NULL);
    while (started < n - 1 && pthread_create(&helpers[started].thread, NULL, look, &helpers[started]) == 0)
        started++;
    look(&helpers[n - 1]); /* this thread helps, and suffices if the system gives no others */
    for (int i = 0; i < started; i++)
        pthread_join(helpers[i].thread, NULL);
    pthread_mutex_destroy(&s->lock);
    if (s->stopped)
        return fail(err, CSEG_INTERRUPTED, "the look at the labels was interrupted");
    if (s->failed < s->n)
        return fail(err, s->error.code, "%-s", s->error.text);
    return CSEG_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static bool of_first_rule(const scan *s, const scan_entry *e)
{
    return scan_has_values(e) && (!s->options->n_rules || strcmp(e->as->key, s->options->rules[0].key) == 0);
}

static cseg_status count_pixels(const scan *s, arena *mem, scan_report *out, cseg_error *err)
{
    *out = (scan_report){.files = s->n};
    for (int64_t i = 0; i < s->n; i++) {
        const scan_entry *e = &s->at[i];
        int64_t n = scan_labels_of(s, e);
        out->n = of_first_rule(s, e) && n > out->n ? n : out->n;
        out->cached += e->cached;
    }
    out->pixels = ARENA_ARRAY(mem, (size_t)out->n + 1, int64_t);
    if (!out->pixels)
        return fail_memory(err);
    for (int64_t i = 0; i < s->n; i++) {
        const scan_entry *e = &s->at[i];
        for (int k = 0; of_first_rule(s, e) && k < e->facts.n_values; k++) {
            int64_t id = scan_seen(e, e->facts.values[k].value);
            if (id >= 0 && id < out->n && !scan_is_ignored(s, e, id))
                out->pixels[id] += e->facts.values[k].count;
            else
                out->ignored += e->facts.values[k].count;
        }
    }
    return CSEG_OK;
}

static void use_cache(scan *s, scan_cache *cache)
{
    for (int64_t i = 0; i < s->n; i++)
        s->at[i].cached =
            !s->at[i].known && scan_cache_find(cache, s->at[i].path, s->at[i].of, s->at[i].as->how, &s->at[i].facts);
}

/* A cache that cannot be written costs time in later runs, nothing else. */
static void keep(const scan *s, const scan_cache *cache, const char *path, arena *mem)
{
    cseg_error error;
    scan_cache_writer w;
    int64_t known = 0;
    while (known < s->n && (s->at[known].cached || s->at[known].known))
        known++;
    if (known == s->n)
        return;
    if (scan_cache_open(&w, path, mem, &error) != CSEG_OK) {
        log_say(LOG_WARNING, "what was found about the labels is not kept: %-s", error.text);
        return;
    }
    for (int64_t i = 0; i < s->n; i++)
        if (!s->at[i].known)
            scan_cache_add(&w, s->at[i].path, s->at[i].of, s->at[i].as->how, &s->at[i].facts);
    scan_cache_add_rest(&w, cache);
    if (scan_cache_commit(&w, &error) != CSEG_OK)
        log_say(LOG_WARNING, "what was found about the labels is not kept: %-s", error.text);
}

cseg_status scan_labels(const dataset *ds, const scan_options *options, arena *mem, scan_report *report,
                        cseg_error *err)
{
    scan s = {.options = options};
    scan_cache cache = {0};
    int n = options->threads < 1 ? 1 : options->threads > MOST_THREADS ? MOST_THREADS : options->threads;
    helper *helpers = ARENA_ARRAY(mem, (size_t)n, helper);
    cseg_status status = CSEG_OK;
    if (!helpers)
        return fail_memory(err);
    TRY_DONE(gather(ds, &s, mem, err));
    if (options->cache_file) {
        scan_cache_read(&cache, options->cache_file, mem);
        use_cache(&s, &cache);
    }
    TRY_DONE(read_all(&s, helpers, n, err));
    if (options->cache_file)
        keep(&s, &cache, options->cache_file, mem);
    TRY_DONE(scan_judge(&s, mem, err));
    scan_places(ds, options->stop, options->stop_arg);
    if (report)
        status = count_pixels(&s, mem, report, err);
done:
    for (int i = 0; i < n; i++)
        scan_counter_free(helpers[i].counter);
    return status;
}
