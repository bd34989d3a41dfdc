#include "engine/infer/scene_queue.h"

#include <pthread.h>

enum { WAITING = 2 }; /* one that is being written, and the next */

typedef struct queued {
    bool is_point;
    predict_part part;
    predict_point point;
} queued;

struct scene_queue {
    scene_queue_calls calls;
    queued items[WAITING];
    int64_t put, written;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool end, drop;
    cseg_status status;
    cseg_error error;
};

static void release(queued *i)
{
    image_release(&i->part.labels);
    image_release(&i->part.scores);
    image_release(&i->part.confidence);
    mem_free(i->point.sums);
    *i = (queued){0};
}

static void *write_all(void *arg)
{
    scene_queue *q = arg;
    pthread_mutex_lock(&q->lock);
    while (q->written < q->put || !q->end) {
        if (q->written == q->put) {
            pthread_cond_wait(&q->changed, &q->lock);
            continue;
        }
        queued *i = &q->items[q->written % WAITING];
        bool skip = q->drop || q->status != CSEG_OK;
        pthread_mutex_unlock(&q->lock);
        cseg_status status = CSEG_OK;
        cseg_error error;
        if (!skip)
            status = i->is_point ? q->calls.reach(q->calls.arg, &i->point, &error)
                                 : q->calls.write(q->calls.arg, &i->part, &error);
        release(i);
        pthread_mutex_lock(&q->lock);
        if (status != CSEG_OK) {
            q->status = status;
            q->error = error;
        }
        q->written++;
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

cseg_status scene_queue_open(const scene_queue_calls *calls, scene_queue **out, cseg_error *err)
{
    scene_queue *q = mem_alloc(sizeof *q);
    if (!q)
        return fail_memory(err);
    q->calls = *calls;
    q->status = CSEG_OK;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    if (pthread_create(&q->thread, NULL, write_all, q) != 0) {
        pthread_mutex_destroy(&q->lock);
        pthread_cond_destroy(&q->changed);
        mem_free(q);
        return fail(err, CSEG_NO_MEMORY, "cannot start a thread for writing");
    }
    *out = q;
    return CSEG_OK;
}

static cseg_status told(const scene_queue *q, cseg_error *err)
{
    if (q->status != CSEG_OK && err)
        *err = q->error;
    return q->status;
}

/* Takes what is in *i, also if it fails. */
static cseg_status put(scene_queue *q, queued *i, cseg_error *err)
{
    pthread_mutex_lock(&q->lock);
    while (q->put - q->written == WAITING)
        pthread_cond_wait(&q->changed, &q->lock);
    cseg_status status = told(q, err);
    if (status == CSEG_OK) {
        q->items[q->put++ % WAITING] = *i;
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    if (status != CSEG_OK)
        release(i);
    return status;
}

static cseg_status copy_image(const image *from, image *to, cseg_error *err)
{
    return from->data ? image_copy(from, to, err) : CSEG_OK;
}

cseg_status scene_queue_put(scene_queue *q, const predict_part *part, cseg_error *err)
{
    queued i = {.part = {.y = part->y, .x = part->x}};
    cseg_status status = copy_image(&part->labels, &i.part.labels, err);
    if (status == CSEG_OK)
        status = copy_image(&part->scores, &i.part.scores, err);
    if (status == CSEG_OK)
        status = copy_image(&part->confidence, &i.part.confidence, err);
    if (status != CSEG_OK) {
        release(&i);
        return status;
    }
    return put(q, &i, err);
}

cseg_status scene_queue_reach(scene_queue *q, predict_point *at, cseg_error *err)
{
    queued i = {.is_point = true, .point = *at};
    at->sums = NULL;
    return put(q, &i, err);
}

cseg_status scene_queue_close(scene_queue *q, bool wait, cseg_error *err)
{
    if (!q)
        return CSEG_OK;
    pthread_mutex_lock(&q->lock);
    q->end = true;
    q->drop = !wait;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    pthread_join(q->thread, NULL);
    cseg_status status = wait ? told(q, err) : CSEG_OK;
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->changed);
    mem_free(q);
    return status;
}
