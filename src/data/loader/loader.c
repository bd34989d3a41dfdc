#include "data/loader/loader.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "base/usage.h"
#include "data/transforms/pipeline.h"

/* How the loader works. A batch is built in a slot; the slots form a ring, in the order of batches. Threads claim
 * samples in that same order, across batches; the thread that finishes the last sample of a batch packs it. So the
 * content of a batch depends on its number alone, never on which thread was faster. */

enum { MOST_WORKERS = 256, MOST_BATCH = 65536 };

typedef enum { SLOT_FREE, SLOT_FILLING, SLOT_READY } slot_state;

/* A buffer that grows and is kept. */
typedef struct buffer {
    void *at;
    size_t bytes;
} buffer;

typedef struct slot {
    slot_state state;
    uint64_t iteration, epoch;
    bool last_of_epoch;
    int n, claimed, done;
    int64_t *indices;            /* [batch_size] in the dataset */
    arena **mem;                 /* [batch_size] each sample's own */
    sample *samples;             /* [batch_size][variants] */
    sample *truths;              /* [batch_size]: labels that the pipeline did not load */
    const sample **view_samples; /* [batch_size] those of one view, for packing */
    batch_meta *metas;           /* [batch_size] */
    buffer img, maps[SAMPLE_MAX_LABELS];
    batch out; /* what loader_next gives */
    int view;
    int error_at; /* position of the first sample that failed; n: none; -1: packing */
    cseg_error error;
} slot;

struct loader {
    const dataset *ds;
    loader_options options;
    preprocessor pre;
    int variants;
    int64_t count;   /* samples of an epoch */
    int64_t batches; /* of an epoch */
    arena *mem;

    pthread_mutex_t lock;
    pthread_cond_t work, ready, idle; /* something to claim; a batch is whole; no thread is at work */
    pthread_t *threads;
    int n_threads;
    bool stop, paused;
    int active; /* threads outside the lock */
    slot *slots;
    int n_slots;
    uint64_t head;  /* the batch that loader_next gives next */
    uint64_t claim; /* the batch that samples are claimed of */
    int64_t *order; /* permutation of order_epoch */
    uint64_t order_epoch;
    bool order_known;
    bool is_out; /* a batch is with the caller */
    loader_costs costs;
};

/* ---- order --------------------------------------------------------------------------------------------------- */

static bool is_infinite(const loader *l)
{
    return l->options.order == ORDER_INFINITE || l->options.order == ORDER_INFINITE_SEQUENTIAL;
}

/* Sample number `place` of an epoch. Called with the lock held: the permutation of the latest epoch is kept. */
static int64_t sample_at(loader *l, uint64_t epoch, int64_t place)
{
    if (l->options.order == ORDER_SEQUENTIAL || l->options.order == ORDER_INFINITE_SEQUENTIAL)
        return place;
    if (!l->order_known || l->order_epoch != epoch) {
        rng r = rng_derive(l->options.seed, epoch, UINT64_MAX); /* no sample has that index */
        for (int64_t i = 0; i < l->count; i++)
            l->order[i] = i;
        for (int64_t i = l->count - 1; i > 0; i--) { /* Fisher and Yates */
            int64_t k = rng_below(&r, i + 1), kept = l->order[i];
            l->order[i] = l->order[k];
            l->order[k] = kept;
        }
        l->order_epoch = epoch;
        l->order_known = true;
    }
    return l->order[place];
}

static uint64_t epoch_of(const loader *l, uint64_t iteration, int position)
{
    uint64_t size = (uint64_t)l->options.batch_size;
    if (is_infinite(l))
        return (iteration * size + (uint64_t)position) / (uint64_t)l->count;
    return iteration / (uint64_t)l->batches;
}

/* Prepares the slot, so that threads can claim the samples of batch `iteration`. With the lock held. */
static void begin_batch(loader *l, slot *s, uint64_t iteration)
{
    int64_t size = l->options.batch_size;
    s->state = SLOT_FILLING;
    s->iteration = iteration;
    s->epoch = epoch_of(l, iteration, 0);
    s->claimed = s->done = s->view = 0;
    s->n = (int)size;
    if (is_infinite(l)) {
        for (int i = 0; i < s->n; i++)
            s->indices[i] = sample_at(l, epoch_of(l, iteration, i),
                                      (int64_t)((iteration * (uint64_t)size + (uint64_t)i) % (uint64_t)l->count));
        s->last_of_epoch = (iteration + 1) % (uint64_t)l->batches == 0;
    } else {
        int64_t first = (int64_t)(iteration % (uint64_t)l->batches) * size;
        if (l->count - first < size)
            s->n = (int)(l->count - first);
        for (int i = 0; i < s->n; i++)
            s->indices[i] = sample_at(l, s->epoch, first + i);
        s->last_of_epoch = (iteration + 1) % (uint64_t)l->batches == 0;
    }
    s->error_at = s->n;
}

/* ---- packing ------------------------------------------------------------------------------------------------- */

static cseg_status reserve(buffer *b, int64_t n, int64_t h, int64_t w, int64_t c, size_t size, cseg_error *err)
{
    size_t bytes;
    if (__builtin_mul_overflow((size_t)n, (size_t)h, &bytes) || __builtin_mul_overflow(bytes, (size_t)w, &bytes) ||
        __builtin_mul_overflow(bytes, (size_t)c, &bytes) || __builtin_mul_overflow(bytes, size, &bytes))
        return fail(err, CSEG_SHAPE, "a batch of %lld images of %lldx%lldx%lld is too large", (long long)n,
                    (long long)h, (long long)w, (long long)c);
    if (b->bytes >= bytes)
        return CSEG_OK;
    mem_free(b->at);
    *b = (buffer){0};
    b->at = mem_alloc(bytes);
    if (!b->at)
        return fail_memory(err);
    b->bytes = bytes;
    return CSEG_OK;
}

/* The sample whose map has pixels: the view itself, or the truth that was loaded beside it. */
static sample *holder(const loader *l, slot *s, int position, const char *key)
{
    sample *view = &s->samples[position * l->variants + s->view], *truth = &s->truths[position];
    sample_map *m = sample_find(view, key);
    if (m && m->map.data)
        return view;
    m = sample_find(truth, key);
    return m && m->map.data ? truth : NULL;
}

static cseg_status pack_map(const loader *l, slot *s, const sample_map *like, cseg_error *err)
{
    batch *b = &s->out;
    batch_map *to = &b->maps[b->n_maps];
    *to = (batch_map){.key = like->key, .h = b->h, .w = b->w};
    for (int i = 0; i < s->n; i++) {
        sample *from = holder(l, s, i, like->key);
        if (!from)
            return fail(err, CSEG_DATA, "%s has no %s, which others of its batch have", b->metas[i].path, like->key);
        if (l->options.training)
            continue;
        TRY(sample_settle(from, err));
        const image *m = &sample_find(from, like->key)->map;
        if (i == 0) {
            to->h = m->h;
            to->w = m->w;
        } else if (m->h != to->h || m->w != to->w) {
            return fail(err, CSEG_SHAPE,
                        "%s: its labels are %lldx%lld where others of its batch are %lldx%lld; test "
                        "with a batch size of 1",
                        b->metas[i].path, (long long)m->h, (long long)m->w, (long long)to->h, (long long)to->w);
        }
    }
    TRY(reserve(&s->maps[b->n_maps], s->n, to->h, to->w, 1, sizeof(float), err));
    for (int i = 0; i < s->n; i++) {
        int64_t offset = i * to->h * to->w;
        sample *from = holder(l, s, i, like->key);
        if (like->is_weight)
            TRY(pipeline_pack_weights(from, like->key, to->h, to->w, (float *)s->maps[b->n_maps].at + offset, err));
        else
            TRY(pipeline_pack_labels(&l->pre, from, like->key, to->h, to->w, (int32_t *)s->maps[b->n_maps].at + offset,
                                     err));
    }
    to->weight = like->is_weight ? s->maps[b->n_maps].at : NULL;
    to->label = like->is_weight ? NULL : s->maps[b->n_maps].at;
    b->n_maps++;
    return CSEG_OK;
}

static batch_meta describe(const sample *s, int64_t h, int64_t w)
{
    return (batch_meta){.path = s->path,
                        .path2 = s->path2,
                        .dates = s->n_images,
                        .index = s->index,
                        .ori_h = s->ori_h,
                        .ori_w = s->ori_w,
                        .img_h = s->img_h,
                        .img_w = s->img_w,
                        .pad_h = h,
                        .pad_w = w,
                        .scale_x = s->scale_x,
                        .scale_y = s->scale_y,
                        .flip = s->flip,
                        .flip_direction = s->flip_direction,
                        .reduce_zero_label = s->reduce_zero_label};
}

/* Makes s->out from the samples of view s->view. */
static cseg_status pack(const loader *l, slot *s, cseg_error *err)
{
    batch *b = &s->out;
    int64_t h, w;
    for (int i = 0; i < s->n; i++) {
        s->view_samples[i] = &s->samples[i * l->variants + s->view];
        if (l->options.training || l->options.truth)
            TRY(sample_check_maps(s->view_samples[i], l->options.training, err));
    }
    TRY(preprocessor_size(&l->pre, s->view_samples, s->n, l->options.training, &h, &w, err));
    *b = (batch){.n = s->n,
                 .h = h,
                 .w = w,
                 .c = s->view_samples[0]->img.c,
                 .metas = s->metas,
                 .view = s->view,
                 .n_views = l->variants,
                 .iteration = s->iteration,
                 .epoch = s->epoch,
                 .last_of_epoch = s->last_of_epoch,
                 .slot = s};
    TRY(reserve(&s->img, b->n, h, w, b->c, sizeof(float), err));
    b->img = s->img.at;
    for (int i = 0; i < s->n; i++) {
        sample *one = &s->samples[i * l->variants + s->view];
        TRY(pipeline_pack(&l->pre, one, h, w, b->img + i * h * w * b->c, err));
        s->metas[i] = describe(one, h, w);
    }
    const sample *first[2] = {&s->samples[s->view], &s->truths[0]};
    for (int k = 0; k < 2; k++)
        for (int m = 0; m < first[k]->n_maps; m++)
            if (first[k]->maps[m].map.data)
                TRY(pack_map(l, s, &first[k]->maps[m], err));
    return CSEG_OK;
}

static void release_samples(const loader *l, slot *s)
{
    for (int i = 0; i < l->options.batch_size; i++) {
        for (int v = 0; v < l->variants; v++)
            sample_release(&s->samples[i * l->variants + v]);
        sample_release(&s->truths[i]);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

static bool has_labels(const sample *s)
{
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].map.data && !s->maps[i].is_weight)
            return true;
    return false;
}

/* Loads one sample into its place. No lock: no other thread touches that place meanwhile. */
static cseg_status load(const loader *l, slot *s, int position, uint64_t epoch, pipeline_times *times, cseg_error *err)
{
    sample *to = &s->samples[position * l->variants];
    arena *mem = s->mem[position];
    memset(to, 0, (size_t)l->variants * sizeof *to);
    s->truths[position] = (sample){0};
    arena_reset(mem);
    if (l->variants == 1)
        TRY(dataset_get_timed(l->ds, s->indices[position], l->options.seed, epoch, mem, times, to, err));
    else
        TRY(dataset_get_variants(l->ds, s->indices[position], l->options.seed, epoch, mem, to, err));
    if (l->options.truth && !has_labels(to))
        TRY(dataset_get_truth(l->ds, s->indices[position], mem, &s->truths[position], err));
    return CSEG_OK;
}

/* The slot and position of the next sample to load; NULL: nothing to do now. With the lock held. */
static slot *claim(loader *l, int *position)
{
    while (l->claim < l->head + (uint64_t)l->n_slots) {
        slot *s = &l->slots[l->claim % (uint64_t)l->n_slots];
        if (s->state == SLOT_FREE)
            begin_batch(l, s, l->claim);
        if (s->claimed < s->n) {
            *position = s->claimed++;
            return s;
        }
        l->claim++;
    }
    return NULL;
}

static void note_error(slot *s, int position, const cseg_error *error)
{
    if (position < s->error_at) {
        s->error_at = position;
        s->error = *error;
    }
}

static void note_costs(loader *l, int samples, double seconds, const pipeline_times *steps)
{
    l->costs.samples += samples;
    l->costs.seconds += seconds;
    for (int i = 0; i < steps->n; i++)
        pipeline_times_add(&l->costs.steps, steps->at[i].name, steps->at[i].seconds);
}

/* Loads a sample, and packs the batch if the sample was its last. The lock is held on entry and on return. */
static void work(loader *l, slot *s, int position)
{
    cseg_error error;
    pipeline_times steps = {0};
    uint64_t epoch = epoch_of(l, s->iteration, position);
    pthread_mutex_unlock(&l->lock);
    double begin = usage_thread_seconds();
    cseg_status status = load(l, s, position, epoch, &steps, &error);
    double loaded = usage_thread_seconds();
    pthread_mutex_lock(&l->lock);
    note_costs(l, 1, loaded - begin, &steps);
    if (status != CSEG_OK)
        note_error(s, position, &error);
    if (++s->done < s->n)
        return;
    if (s->error_at == s->n && l->variants == 1) {
        pthread_mutex_unlock(&l->lock);
        begin = usage_thread_seconds();
        status = pack(l, s, &error);
        release_samples(l, s);
        double packed = usage_thread_seconds() - begin;
        steps = (pipeline_times){.n = 1, .at[0] = {"pack", packed}};
        pthread_mutex_lock(&l->lock);
        note_costs(l, 0, packed, &steps);
        if (status != CSEG_OK)
            note_error(s, -1, &error);
    }
    s->state = SLOT_READY;
    pthread_cond_signal(&l->ready);
}

/* Loading gives way to computing. The threads of a step share its work evenly, so the step ends late if one of them
 * loses its core for a while. When a batch is missing, nobody computes, and the cores are free. */
static void step_back(void)
{
    enum { STEPS = 10 };
    int now = getpriority(PRIO_PROCESS, 0); /* on Linux, of this thread alone */
    setpriority(PRIO_PROCESS, 0, now + STEPS);
}

static void *worker(void *arg)
{
    loader *l = arg;
    step_back();
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        int position;
        slot *s = l->paused ? NULL : claim(l, &position);
        if (!s) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        l->active++;
        work(l, s, position);
        if (--l->active == 0)
            pthread_cond_signal(&l->idle);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- interface ----------------------------------------------------------------------------------------------- */

static cseg_status make_slot(loader *l, slot *s, cseg_error *err)
{
    size_t n = (size_t)l->options.batch_size;
    s->indices = ARENA_ARRAY(l->mem, n, int64_t);
    s->mem = ARENA_ARRAY(l->mem, n, arena *);
    s->samples = ARENA_ARRAY(l->mem, n * (size_t)l->variants, sample);
    s->truths = ARENA_ARRAY(l->mem, n, sample);
    s->view_samples = ARENA_ARRAY(l->mem, n, const sample *);
    s->metas = ARENA_ARRAY(l->mem, n, batch_meta);
    if (!s->indices || !s->mem || !s->samples || !s->truths || !s->view_samples || !s->metas)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        if (!(s->mem[i] = arena_new()))
            return fail_memory(err);
    return CSEG_OK;
}

static cseg_status check_options(const loader_options *o, cseg_error *err)
{
    if (o->batch_size < 1 || o->batch_size > MOST_BATCH)
        return fail(err, CSEG_CONFIG, "a batch size of %d is not in 1 to %d", o->batch_size, MOST_BATCH);
    if (o->workers < 0 || o->workers > MOST_WORKERS)
        return fail(err, CSEG_CONFIG, "%d loader threads are not in 0 to %d", o->workers, MOST_WORKERS);
    if (o->prefetch < 0 || o->prefetch > MOST_BATCH || o->limit < 0)
        return fail(err, CSEG_CONFIG, "prefetch and limit cannot be negative");
    return CSEG_OK;
}

static cseg_status count_batches(loader *l, cseg_error *err)
{
    int64_t size = l->options.batch_size, limit = l->options.limit;
    l->count = dataset_count(l->ds);
    if (limit && limit <= INT64_MAX / size && limit * size < l->count)
        l->count = limit * size;
    bool whole_only = l->options.drop_last && !is_infinite(l);
    l->batches = whole_only ? l->count / size : (l->count - 1) / size + 1;
    if (l->count == 0)
        return fail(err, CSEG_CONFIG, "the dataset %s is empty", dataset_about(l->ds)->kind);
    if (l->batches == 0)
        return fail(err, CSEG_CONFIG,
                    "the dataset %s has %lld samples, fewer than one batch of %lld, and drop_last "
                    "leaves incomplete batches out",
                    dataset_about(l->ds)->kind, (long long)l->count, (long long)size);
    return CSEG_OK;
}

static cseg_status set_up(loader *l, const loader_options *options, cseg_error *err)
{
    TRY(count_batches(l, err));
    const pipeline *p = dataset_pipeline(l->ds);
    if (!p)
        return fail(err, CSEG_USAGE, "this dataset was built without its pipeline");
    l->variants = pipeline_describe(p)->variants;
    if (options->pre)
        l->pre = *options->pre;
    else
        TRY(preprocessor_build(NULL, l->mem, &l->pre, err));
    int threads = options->workers ? options->workers : 1;
    l->n_slots = 1 + (options->prefetch ? options->prefetch : 2);
    l->slots = ARENA_ARRAY(l->mem, (size_t)l->n_slots, slot);
    l->threads = ARENA_ARRAY(l->mem, (size_t)threads, pthread_t);
    l->order = ARENA_ARRAY(l->mem, (size_t)l->count, int64_t);
    if (!l->slots || !l->threads || !l->order)
        return fail_memory(err);
    for (int i = 0; i < l->n_slots; i++)
        TRY(make_slot(l, &l->slots[i], err));
    for (; l->n_threads < threads; l->n_threads++)
        if (pthread_create(&l->threads[l->n_threads], NULL, worker, l) != 0)
            return fail(err, CSEG_IO, "the system gives no thread for loading (%d of %d)", l->n_threads + 1, threads);
    return CSEG_OK;
}

cseg_status loader_open(const dataset *ds, const loader_options *options, loader **out, cseg_error *err)
{
    *out = NULL;
    TRY(check_options(options, err));
    arena *mem = arena_new();
    loader *l = mem ? ARENA_NEW(mem, loader) : NULL;
    if (!l) {
        arena_free(mem);
        return fail_memory(err);
    }
    *l = (loader){.ds = ds, .options = *options, .mem = mem, .variants = 1};
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    pthread_cond_init(&l->idle, NULL);
    cseg_status status = set_up(l, options, err);
    if (status != CSEG_OK)
        loader_close(l);
    else
        *out = l;
    return status;
}

void loader_close(loader *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_threads; i++)
        pthread_join(l->threads[i], NULL);
    for (int i = 0; l->slots && i < l->n_slots; i++) {
        slot *s = &l->slots[i];
        if (s->samples && s->truths)
            release_samples(l, s);
        for (int k = 0; s->mem && k < l->options.batch_size; k++)
            arena_free(s->mem[k]);
        for (int k = 0; k < SAMPLE_MAX_LABELS; k++)
            mem_free(s->maps[k].at);
        mem_free(s->img.at);
    }
    pthread_cond_destroy(&l->idle);
    pthread_cond_destroy(&l->ready);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->lock);
    arena_free(l->mem);
}

int64_t loader_batches(const loader *l)
{
    return l->batches;
}

cseg_status loader_next(loader *l, batch *out, cseg_error *err)
{
    pthread_mutex_lock(&l->lock);
    slot *s = &l->slots[l->head % (uint64_t)l->n_slots];
    if (l->is_out) {
        pthread_mutex_unlock(&l->lock);
        return fail(err, CSEG_USAGE, "the last batch has not been given back");
    }
    double begin = usage_seconds();
    while (s->state != SLOT_READY || s->iteration != l->head)
        pthread_cond_wait(&l->ready, &l->lock);
    l->costs.waited += usage_seconds() - begin;
    pthread_mutex_unlock(&l->lock);
    /* a ready slot belongs to this thread */
    if (s->error_at == s->n && l->variants > 1) {
        cseg_error error;
        if (pack(l, s, &error) != CSEG_OK)
            note_error(s, -1, &error);
    }
    if (s->error_at != s->n)
        return fail(err, s->error.code, "%-s", s->error.text);
    l->is_out = true;
    *out = s->out;
    return CSEG_OK;
}

void loader_give_back(loader *l, batch *b)
{
    slot *s = b->slot;
    if (!s)
        return;
    *b = (batch){0};
    if (++s->view < l->variants) {
        l->is_out = false;
        return;
    }
    release_samples(l, s);
    pthread_mutex_lock(&l->lock);
    l->is_out = false;
    s->state = SLOT_FREE;
    l->head++;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
}

void loader_seek(loader *l, uint64_t iteration)
{
    pthread_mutex_lock(&l->lock);
    l->paused = true;
    while (l->active)
        pthread_cond_wait(&l->idle, &l->lock);
    for (int i = 0; i < l->n_slots; i++) {
        release_samples(l, &l->slots[i]);
        l->slots[i].state = SLOT_FREE;
    }
    l->is_out = false;
    l->head = l->claim = iteration;
    l->order_known = false;
    l->paused = false;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
}

void loader_tell_costs(loader *l, loader_costs *out)
{
    pthread_mutex_lock(&l->lock);
    *out = l->costs;
    pthread_mutex_unlock(&l->lock);
}

const batch_map *batch_find(const batch *b, const char *key)
{
    for (int i = 0; i < b->n_maps; i++)
        if (strcmp(b->maps[i].key, key) == 0)
            return &b->maps[i];
    return NULL;
}
