#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink *the_sink;
static void *the_arg;

void log_set_sink(log_sink *sink, void *arg)
{
    pthread_mutex_lock(&lock);
    the_sink = sink;
    the_arg = arg;
    pthread_mutex_unlock(&lock);
}

void log_say(log_level level, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&lock);
    if (the_sink)
        the_sink(the_arg, level, text);
    pthread_mutex_unlock(&lock);
}
