#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink *the_sink;
static void *the_arg;

/* Hashes of the warnings that were given. When the table is full, the oldest entry is overwritten: a warning may then
 * be given twice, but is never lost. */
enum { WARNED = 256 };
static uint64_t warned[WARNED];
static size_t warned_n;

void log_set_sink(log_sink *sink, void *arg)
{
    pthread_mutex_lock(&lock);
    the_sink = sink;
    the_arg = arg;
    pthread_mutex_unlock(&lock);
}

static bool is_new(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        hash = (hash ^ *c) * UINT64_C(1099511628211);
    size_t n = warned_n < WARNED ? warned_n : WARNED;
    for (size_t i = 0; i < n; i++)
        if (warned[i] == hash)
            return false;
    warned[warned_n++ % WARNED] = hash;
    return true;
}

static void give(log_level level, bool once, const char *fmt, va_list ap)
{
    char text[4096];
    text_vprint(text, sizeof text, fmt, ap);
    pthread_mutex_lock(&lock);
    if (the_sink && (!once || is_new(text)))
        the_sink(the_arg, level, text);
    pthread_mutex_unlock(&lock);
}

void log_say(log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    give(level, false, fmt, ap);
    va_end(ap);
}

void log_warn_once(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    give(LOG_WARNING, true, fmt, ap);
    va_end(ap);
}
