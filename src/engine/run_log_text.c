/* Lines of the text log. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "engine/run_log_internal.h"

/* "2026/11/24 04:42:01 - mmengine - INFO - ", "2026-11-24 04:42:01,123 - mmseg - INFO - ": what log tools look for. */
static void stamp(const run_log *l, char out[static 64])
{
    struct timespec now;
    struct tm at;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &at);
    if (l->one_x) {
        strftime(out, 64, "%Y/%m/%d %H:%M:%S - mmengine - INFO - ", &at);
        return;
    }
    size_t n = strftime(out, 64, "%Y-%m-%d %H:%M:%S", &at);
    snprintf(out + n, 64 - n, ",%03ld - mmseg - INFO - ", now.tv_nsec / 1000000);
}

/* A message may have many lines, and the sink takes short ones. */
static void say_lines(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > 0)
            log_say(LOG_INFO, "%.*s", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

cseg_status run_log_write(run_log *l, const char *text, cseg_error *err)
{
    say_lines(text);
    return run_log_file(l, text, err);
}

cseg_status run_log_file(run_log *l, const char *text, cseg_error *err)
{
    char when[64];
    stamp(l, when);
    fputs(when, l->text);
    fputs(text, l->text);
    fputc('\n', l->text);
    if (fflush(l->text) != 0 || ferror(l->text))
        return fail_errno(err, l->folder, "write the log");
    return CSEG_OK;
}

void run_log_begin(run_log *l)
{
    l->used = 0;
    l->line[0] = 0;
}

void run_log_add(run_log *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->line + l->used, LOG_TEXT - l->used, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->used += (size_t)n < LOG_TEXT - l->used ? (size_t)n : LOG_TEXT - 1 - l->used;
}

void run_log_add_duration(run_log *l, double seconds)
{
    long long s = seconds > 0 ? (long long)seconds : 0, days = s / 86400;
    if (days > 0)
        run_log_add(l, "%lld day%s, ", days, days == 1 ? "" : "s");
    run_log_add(l, "%lld:%02lld:%02lld", s / 3600 % 24, s / 60 % 60, s % 60);
}

void log_items_add(log_items *i, const char *name, double v, bool whole)
{
    if (i->n < (int)(sizeof i->at / sizeof *i->at))
        i->at[i->n++] = (log_item){name, v, whole};
}

void run_log_line(run_log *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->line, LOG_TEXT, fmt, ap);
    va_end(ap);
    /* A full disk shows at the next line that training writes. */
    (void)run_log_write(l, l->line, NULL);
}
