#include "engine/infer/window_reader.h"

#include <pthread.h>

typedef struct read_slot {
    window_slot window; /* first: what is given back is this */
    cseg_status status;
    cseg_error error;
} read_slot;

/* A ring of slots: `given` <= `taken` <= `filled` <= `given` + n. */
struct window_reader {
    const predict_scene *scene;
    window_order at;
    int64_t column; /* of the next window; -1: the strip's first */
    read_slot *slots;
    int64_t n, given, taken, filled;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool threaded, stop, ended;
};

/* False after the last one. */
static bool next_window(window_reader *r, window_slot *to)
{
    window_order *o = &r->at;
    if (o->strip >= o->n_strips)
        return false;
    const slide_strip *s = &o->strips[o->strip];
    int64_t column = r->column < 0 ? s->first : r->column;
    to->row = o->row;
    to->column = column;
    to->y = slide_start(&o->y, o->row);
    to->x = slide_start(&o->x, column);
    to->h = slide_width(&o->y);
    to->w = slide_width(&o->x);
    r->column = column + 1;
    if (r->column < s->last)
        return true;
    r->column = -1;
    if (++o->row == slide_count(&o->y)) {
        o->row = 0;
        o->strip++;
    }
    return true;
}

static void fill(const window_reader *r, read_slot *s)
{
    const predict_scene *scene = r->scene;
    window_slot *w = &s->window;
    w->skip = scene->skip && scene->skip(scene->arg, w->y, w->x, w->h, w->w);
    s->status = w->skip ? CSEG_OK : scene->read(scene->arg, w->y, w->x, w->h, w->w, w->data, &s->error);
}

static void *read_ahead(void *arg)
{
    window_reader *r = arg;
    pthread_mutex_lock(&r->lock);
    while (!r->stop && !r->ended) {
        if (r->filled == r->given + r->n) {
            pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        read_slot *s = &r->slots[r->filled % r->n];
        if (!next_window(r, &s->window)) {
            r->ended = true;
            break;
        }
        pthread_mutex_unlock(&r->lock);
        fill(r, s);
        pthread_mutex_lock(&r->lock);
        r->ended = s->status != CSEG_OK;
        r->filled++;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void release(window_reader *r)
{
    for (int64_t i = 0; r->slots && i < r->n; i++)
        mem_free(r->slots[i].window.data);
    mem_free(r->slots);
    mem_free(r);
}

cseg_status window_reader_open(const window_order *order, const predict_scene *scene, int held, window_reader **out,
                               cseg_error *err)
{
    window_reader *r = mem_alloc(sizeof *r);
    if (!r)
        return fail_memory(err);
    *r = (window_reader){.scene = scene, .at = *order, .column = -1, .n = held + (scene->ahead > 0 ? scene->ahead : 0)};
    size_t n_floats = (size_t)(slide_width(&order->y) * slide_width(&order->x) * scene->c);
    bool good = (r->slots = mem_alloc((size_t)r->n * sizeof *r->slots)) != NULL;
    for (int64_t i = 0; good && i < r->n; i++)
        good = (r->slots[i].window.data = mem_alloc_raw(n_floats * sizeof(float))) != NULL;
    if (!good) {
        release(r);
        return fail_memory(err);
    }
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    /* Without another thread windows are read when they are taken: slower, and the same. */
    r->threaded = scene->ahead > 0 && pthread_create(&r->thread, NULL, read_ahead, r) == 0;
    *out = r;
    return CSEG_OK;
}

cseg_status window_reader_take(window_reader *r, window_slot **out, cseg_error *err)
{
    read_slot *s = &r->slots[r->taken % r->n];
    if (r->threaded) {
        pthread_mutex_lock(&r->lock);
        while (r->filled == r->taken && !r->ended)
            pthread_cond_wait(&r->changed, &r->lock);
        bool there = r->filled > r->taken;
        pthread_mutex_unlock(&r->lock);
        if (!there)
            return fail(err, CSEG_USAGE, "more windows were taken than there are");
    } else {
        if (!next_window(r, &s->window))
            return fail(err, CSEG_USAGE, "more windows were taken than there are");
        fill(r, s);
        r->filled++;
    }
    if (s->status != CSEG_OK) {
        if (err)
            *err = s->error;
        return s->status;
    }
    r->taken++;
    *out = &s->window;
    return CSEG_OK;
}

void window_reader_give(window_reader *r, window_slot *s)
{
    (void)s;
    pthread_mutex_lock(&r->lock);
    r->given++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void window_reader_close(window_reader *r)
{
    if (!r)
        return;
    if (r->threaded) {
        pthread_mutex_lock(&r->lock);
        r->stop = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
    }
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    release(r);
}
