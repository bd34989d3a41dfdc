#include "data/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "data/scan_cache.h"
#include "data/scan_place.h"

enum { MOST_THREADS = 256, NAMED_VALUES = 6 };

/* One label file that is looked at. */
typedef struct entry {
    const char *path, *of; /* the label, and its image */
    const dataset_meta *meta;
    int key;       /* which of the keys */
    int64_t order; /* in the dataset */
    scan_facts facts;
    bool cached;
} entry;

typedef struct scan {
    const scan_options *options;
    const scan_key *keys;
    int n_keys;
    entry *at;
    int64_t n;
    pthread_mutex_t lock;
    int64_t next;
    bool stopped;
    int64_t failed; /* the first entry, in order, that could not be read; n: none */
    cseg_error error;
} scan;

/* ---- what to look at ----------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static int find_key(const scan *s, const char *key)
{
    for (int i = 0; i < s->n_keys; i++)
        if (strcmp(s->keys[i].key, key) == 0)
            return i;
    return -1;
}

/* Every label file once, in the dataset's order. */
static cseg_status gather(const dataset *ds, scan *s, arena *mem, cseg_error *err)
{
    int64_t count = dataset_count(ds), n = 0;
    s->at = ARENA_ARRAY(mem, (size_t)count * (size_t)s->n_keys + 1, entry);
    if (!s->at)
        return fail_memory(err);
    for (int64_t i = 0; i < count; i++) {
        dataset_item item = dataset_item_at(ds, i);
        for (int m = 0; m < item.n_maps; m++) {
            int key = item.maps[m].is_weight ? -1 : find_key(s, item.maps[m].key);
            if (key < 0 || n == count * s->n_keys)
                continue;
            s->at[n] = (entry){.path = item.maps[m].path, .of = item.path, .meta = item.meta, .key = key, .order = n};
            n++;
        }
    }
    if (n)
        qsort(s->at, (size_t)n, sizeof *s->at, by_path);
    for (int64_t i = 0; i < n; i++)
        if (s->n == 0 || strcmp(s->at[i].path, s->at[s->n - 1].path) != 0)
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
    /* What comes after the first failure need not be looked at. */
    while (!s->stopped && s->next < s->n && s->next < s->failed) {
        int64_t i = s->next++;
        entry *e = &s->at[i];
        if (s->options->stop && i % 64 == 0 && s->options->stop(s->options->stop_arg))
            s->stopped = true;
        if (e->cached || s->stopped)
            continue;
        pthread_mutex_unlock(&s->lock);
        cseg_status status = scan_file(me->counter, e->path, e->of, e->meta->gray_labels, &e->facts, &error);
        pthread_mutex_lock(&s->lock);
        if (status != CSEG_OK && i < s->failed) {
            s->failed = i;
            s->error = error;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The counters keep what they found until they are freed. */
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
    look(&helpers[n - 1]); /* this thread helps, and is enough if the system gives no others */
    for (int i = 0; i < started; i++)
        pthread_join(helpers[i].thread, NULL);
    pthread_mutex_destroy(&s->lock);
    if (s->stopped)
        return fail(err, CSEG_INTERRUPTED, "the look at the labels was interrupted");
    if (s->failed < s->n)
        return fail(err, s->error.code, "%-s", s->error.text);
    return CSEG_OK;
}

/* ---- judging ------------------------------------------------------------------------------------------------- */

static int64_t mapped(const dataset_meta *meta, int64_t v)
{
    const value *to = NULL;
    int64_t id = v;
    char key[24];
    snprintf(key, sizeof key, "%lld", (long long)v);
    to = value_get(meta->label_map, key);
    return to && value_integer(to, &id) ? id : v;
}

static int64_t reduced(int64_t v)
{
    return v == 0 || v == 255 ? 255 : v - 1;
}

/* What training sees where the file says v, by LoadAnnotations' steps: 0.x maps classes first, 1.x last. */
static int64_t seen(const scan *s, const entry *e, int64_t v)
{
    const dataset_meta *meta = e->meta;
    bool change = strcmp(s->keys[e->key].key, "gt_semantic_seg") == 0; /* to_binary is about that map alone */
    bool date = !change && meta->gray_labels; /* Open-CD: the labels of one date have rules of their own */
    bool reduce = date ? meta->reduce_semantic_zero_label
                       : s->options->reduce_zero_label || (meta->one_x && meta->reduce_zero_label);
    if (!meta->one_x)
        v = mapped(meta, v);
    if (reduce)
        v = reduced(v);
    if (meta->to_binary && change)
        v = v >= 128;
    return meta->one_x && !date ? mapped(meta, v) : v;
}

static int64_t ignored_by(const scan *s, const entry *e)
{
    return s->options->ignore_index < 0 ? e->meta->ignore_index : s->options->ignore_index;
}

static int64_t classes_of(const scan *s, const entry *e)
{
    return s->keys[e->key].num_classes ? s->keys[e->key].num_classes : e->meta->n_classes;
}

static bool is_bad(const scan *s, const entry *e, int64_t v)
{
    int64_t id = seen(s, e, v);
    return id != ignored_by(s, e) && (id < 0 || id >= classes_of(s, e));
}

/* What all wrong files have in common. */
typedef struct verdict {
    const entry *first;
    int64_t files, largest, smallest, n_values;
    bool colours, only_0_255;
} verdict;

static void judge(const scan *s, verdict *v)
{
    *v = (verdict){.smallest = INT64_MAX, .only_0_255 = true};
    for (int64_t i = 0; i < s->n; i++) {
        const entry *e = &s->at[i];
        bool bad = e->facts.c != 1;
        v->colours = v->colours || bad;
        for (int k = 0; k < e->facts.n_values; k++) {
            int64_t x = e->facts.values[k].value;
            bad = bad || is_bad(s, e, x);
            v->only_0_255 = v->only_0_255 && (x == 0 || x == 255);
            v->largest = x != 255 && x > v->largest ? x : v->largest;
            v->smallest = x < v->smallest ? x : v->smallest;
        }
        v->n_values = e->facts.n_values > v->n_values ? e->facts.n_values : v->n_values;
        v->files += bad;
        if (bad && !v->first)
            v->first = e;
    }
}

static const char *likely_cause(const scan *s, const verdict *v)
{
    const entry *e = v->first;
    int64_t classes = classes_of(s, e);
    bool reduce = s->options->reduce_zero_label || e->meta->reduce_zero_label;
    if (v->colours)
        return "labels are to be class indices in one channel; these are colours. Convert them by the palette";
    if (v->only_0_255)
        return e->meta->pairs ? "these are masks of 0 and 255: set format_seg_map='to_binary' (0.x: format_ann="
                                "'binary'), or write 1 for 255"
                              : "these are masks of 0 and 255: write 1 for 255";
    if (!reduce && v->largest == classes && v->smallest > 0)
        return "the classes are counted from 1, and there is no 0: set reduce_zero_label=True";
    if (!reduce && v->largest == classes)
        return "the classes may be counted from 1, with 0 for what is not labelled: then set reduce_zero_label=True; "
               "else num_classes is one too small";
    if (v->n_values > 64 && v->largest > classes + 32)
        return "so many values are no indices: these may be gray levels, or indices that were resized with "
               "interpolation or compressed as JPEG";
    if (v->largest >= 10 && v->largest % 10 == 0 && v->n_values <= classes + 1)
        return "the values may be classes times a factor, spread so that they can be seen: divide them";
    return "num_classes may be too small, or the dataset's type another one";
}

static cseg_status report_bad(const scan *s, const verdict *v, arena *mem, cseg_error *err)
{
    const entry *e = v->first;
    strbuf text = {.mem = mem};
    int64_t others = 0;
    if (e->facts.c != 1)
        return fail(err, CSEG_DATA, "%s has %d channels (and %lld more label files are wrong): %s", e->path, e->facts.c,
                    (long long)(v->files - 1), likely_cause(s, v));
    int named = 0;
    for (int k = 0; k < e->facts.n_values; k++) {
        const scan_value *x = &e->facts.values[k];
        if (!is_bad(s, e, x->value))
            continue;
        if (named++ < NAMED_VALUES)
            strbuf_addf(&text, "%s%lld in %lld pixels", named > 1 ? ", " : "", (long long)x->value,
                        (long long)x->count);
        else
            others++;
    }
    if (others)
        strbuf_addf(&text, " and %lld more values", (long long)others);
    if (text.failed)
        return fail_memory(err);
    bool reduce = s->options->reduce_zero_label || (e->meta->one_x && e->meta->reduce_zero_label);
    return fail(err, CSEG_DATA,
                "%s: %s; there are %lld classes (%lld to %lld in the file%s), and %lld is ignored. "
                "%lld of %lld label files are wrong. Likely: %s",
                e->path, text.text, (long long)classes_of(s, e), (long long)reduce,
                (long long)(classes_of(s, e) - 1 + reduce), reduce ? ", 0 ignored" : "", (long long)ignored_by(s, e),
                (long long)v->files, (long long)s->n, likely_cause(s, v));
}

/* Masks of 0 and 255 where 255 is ignored: nothing is wrong with any value, but nothing can be learned. */
static cseg_status check_something_to_learn(const scan *s, const verdict *v, cseg_error *err)
{
    const entry *e = s->n ? &s->at[0] : NULL;
    if (!e || e->meta->test_mode || !v->only_0_255 || v->colours || classes_of(s, e) < 2 || v->smallest == 255)
        return CSEG_OK;
    bool any = false;
    for (int64_t i = 0; i < s->n; i++)
        for (int k = 0; k < s->at[i].facts.n_values; k++)
            any = any || (s->at[i].facts.values[k].value == 255 && seen(s, &s->at[i], 255) == ignored_by(s, e));
    if (!any)
        return CSEG_OK;
    return fail(err, CSEG_DATA,
                "%s, and all %lld label files, hold 0 and 255 only, and 255 is ignored: there is "
                "nothing but class 0 to learn. Likely: %s",
                e->path, (long long)s->n,
                e->meta->pairs ? "masks of 0 and 255: set format_seg_map='to_binary' (0.x: format_ann='binary')"
                               : "masks of 0 and 255: write 1 for 255");
}

/* Image and label, by their headers alone. */
static cseg_status check_sizes(const scan *s, cseg_error *err)
{
    for (int64_t i = 0; i < s->n; i++) {
        const entry *e = &s->at[i];
        if (e->facts.h != e->facts.image_h || e->facts.w != e->facts.image_w)
            return fail(err, CSEG_SHAPE, "%s is %lldx%lld (height x width), its image %s is %lldx%lld", e->path,
                        (long long)e->facts.h, (long long)e->facts.w, e->of, (long long)e->facts.image_h,
                        (long long)e->facts.image_w);
    }
    return CSEG_OK;
}

static cseg_status count_pixels(const scan *s, arena *mem, scan_report *out, cseg_error *err)
{
    *out = (scan_report){.files = s->n};
    for (int64_t i = 0; i < s->n; i++) {
        int64_t n = classes_of(s, &s->at[i]);
        out->n = s->at[i].key == 0 && n > out->n ? n : out->n;
        out->cached += s->at[i].cached;
    }
    out->pixels = ARENA_ARRAY(mem, (size_t)out->n + 1, int64_t);
    if (!out->pixels)
        return fail_memory(err);
    for (int64_t i = 0; i < s->n; i++) {
        const entry *e = &s->at[i];
        for (int k = 0; e->key == 0 && k < e->facts.n_values; k++) {
            int64_t id = seen(s, e, e->facts.values[k].value);
            if (id >= 0 && id < out->n && id != ignored_by(s, e))
                out->pixels[id] += e->facts.values[k].count;
            else
                out->ignored += e->facts.values[k].count;
        }
    }
    return CSEG_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static void use_cache(scan *s, scan_cache *cache)
{
    for (int64_t i = 0; i < s->n; i++)
        s->at[i].cached =
            scan_cache_find(cache, s->at[i].path, s->at[i].of, s->at[i].meta->gray_labels, &s->at[i].facts);
}

/* A cache that cannot be written costs time later, no more. */
static void keep(const scan *s, const scan_cache *cache, const char *path, arena *mem)
{
    cseg_error error;
    scan_cache_writer w;
    int64_t known = 0;
    while (known < s->n && s->at[known].cached)
        known++;
    if (known == s->n)
        return;
    if (scan_cache_open(&w, path, mem, &error) != CSEG_OK) {
        log_say(LOG_WARNING, "what was found about the labels is not kept: %-s", error.text);
        return;
    }
    for (int64_t i = 0; i < s->n; i++)
        scan_cache_add(&w, s->at[i].path, s->at[i].of, s->at[i].meta->gray_labels, &s->at[i].facts);
    scan_cache_add_rest(&w, cache);
    if (scan_cache_commit(&w, &error) != CSEG_OK)
        log_say(LOG_WARNING, "what was found about the labels is not kept: %-s", error.text);
}

cseg_status scan_labels(const dataset *ds, const scan_options *options, arena *mem, scan_report *report,
                        cseg_error *err)
{
    static const scan_key usual = {.key = "gt_semantic_seg"};
    scan s = {.options = options,
              .keys = options->n_keys ? options->keys : &usual,
              .n_keys = options->n_keys ? options->n_keys : 1};
    scan_cache cache = {0};
    verdict v;
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
    judge(&s, &v);
    if (v.first) {
        status = report_bad(&s, &v, mem, err);
        goto done;
    }
    TRY_DONE(check_sizes(&s, err));
    scan_places(ds, options->stop, options->stop_arg);
    TRY_DONE(check_something_to_learn(&s, &v, err));
    if (report)
        status = count_pixels(&s, mem, report, err);
done:
    for (int i = 0; i < n; i++)
        scan_counter_free(helpers[i].counter);
    return status;
}
