/* What kernels keep (reordered weights, transformed ones) they take by mem_alloc. The op tests are linked so that those
 * calls come here (--wrap). Arenas' own calls do not. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "guard.h"

void *__real_mem_alloc(size_t n);
void *__real_mem_alloc_raw(size_t n);
void __real_mem_free(void *p);
void *__wrap_mem_alloc_raw(size_t n);
void *__wrap_mem_alloc(size_t n);
void __wrap_mem_free(void *p);

typedef struct held {
    struct held *next;
    guard_block block;
} held;

static held *all;
static bool guards;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void guard_allocations(bool on)
{
    guards = on;
}

static void tell_what_is_left(void)
{
    size_t n = 0;
    for (const held *h = all; h; h = h->next)
        n++;
    if (!n)
        return;
    fprintf(stderr, "%zu blocks of memory were never released, the last of %zu bytes\n", n, all->block.bytes);
    _Exit(3);
}

static void add(held *h)
{
    static bool first = true;
    pthread_mutex_lock(&lock);
    if (first)
        atexit(tell_what_is_left);
    first = false;
    h->next = all;
    all = h;
    pthread_mutex_unlock(&lock);
}

static held *take(const void *p)
{
    pthread_mutex_lock(&lock);
    held **at = &all;
    while (*at && (*at)->block.data != p)
        at = &(*at)->next;
    held *h = *at;
    if (h)
        *at = h->next;
    pthread_mutex_unlock(&lock);
    return h;
}

void *__wrap_mem_alloc_raw(size_t n)
{
    if (!guards)
        return __real_mem_alloc_raw(n);
    held *h = __real_mem_alloc_raw(sizeof *h); /* which fails when it is to */
    if (!h)
        return NULL;
    if (!guard_open(&h->block, n, "memory")) {
        __real_mem_free(h);
        return NULL;
    }
    guard_fill(&h->block);
    add(h);
    return h->block.data;
}

void *__wrap_mem_alloc(size_t n)
{
    void *p = guards ? __wrap_mem_alloc_raw(n) : __real_mem_alloc(n);
    if (p && guards)
        memset(p, 0, n);
    return p;
}

void __wrap_mem_free(void *p)
{
    cseg_error err;
    held *h = p ? take(p) : NULL;
    if (!h) {
        __real_mem_free(p);
        return;
    }
    if (guard_check(&h->block, "a buffer by mem_alloc", &err) != CSEG_OK) {
        fprintf(stderr, "%s\n", err.text);
        _Exit(2);
    }
    guard_close(&h->block);
    __real_mem_free(h);
}
