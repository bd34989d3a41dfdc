#include "io/image/image_watch.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

#include "base/log.h"

enum { LARGE = 100000000, LOOKS = 256 };

static struct {
    pthread_mutex_t lock;
    bool (*stop)(void *arg);
    void *arg;
} asked = {PTHREAD_MUTEX_INITIALIZER, NULL, NULL};
static _Atomic double patience = 2.0;

void image_watch_patience(double seconds)
{
    patience = seconds;
}

void image_watch_stop(bool (*stop)(void *arg), void *arg)
{
    pthread_mutex_lock(&asked.lock);
    asked.stop = stop;
    asked.arg = arg;
    pthread_mutex_unlock(&asked.lock);
}

static bool stopped(void)
{
    pthread_mutex_lock(&asked.lock);
    bool stop = asked.stop && asked.stop(asked.arg);
    pthread_mutex_unlock(&asked.lock);
    return stop;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void image_watch_begin(image_watch *w, const char *name, int64_t height, int64_t width, int64_t rows)
{
    *w = (image_watch){.name = name, .h = height, .w = width, .rows = rows, .began = now()};
    w->next = rows / LOOKS + 1;
}

/* A file may be read several times (by a scan of the labels, by each head of a model). */
static bool is_new(const char *name)
{
    enum { TOLD = 64 };
    static uint64_t told[TOLD];
    static size_t n;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = (hash ^ *c) * UINT64_C(1099511628211);
    bool known = false;
    pthread_mutex_lock(&asked.lock);
    for (size_t i = 0; i < (n < TOLD ? n : TOLD); i++)
        known = known || told[i] == hash;
    if (!known)
        told[n++ % TOLD] = hash;
    pthread_mutex_unlock(&asked.lock);
    return !known;
}

/* If less than a second is left, nothing is said. */
static void tell(image_watch *w, int64_t done, double gone)
{
    double left = gone * (double)(w->rows - done) / (double)done;
    bool large = w->h * w->w >= LARGE;
    if (w->told || !(gone >= patience || (large && gone + left >= patience)) || left < 1.0)
        return;
    w->told = true;
    if (is_new(w->name))
        log_say(LOG_INFO, "reading %s: %lld x %lld pixels, about %.0f seconds more", w->name, (long long)w->w,
                (long long)w->h, ceil(left));
}

bool image_watch_row(image_watch *w, int64_t done)
{
    if (done < w->next || done < 1)
        return false;
    double gone = now() - w->began;
    w->next = done + w->rows / LOOKS + 1;
    tell(w, done, gone);
    /* A read that takes less time is finished: a training that is asked to stop ends its step too. */
    return (gone >= patience || w->told) && stopped();
}

cseg_status image_watch_fail(const image_watch *w, cseg_error *err)
{
    return fail(err, CSEG_INTERRUPTED, "%s: reading its %lld x %lld pixels was stopped", w->name, (long long)w->w,
                (long long)w->h);
}
