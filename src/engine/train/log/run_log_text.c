/* Opens the log's files and writes lines of text. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/train/log/run_log_internal.h"

/* ---- files ------------------------------------------------------------------------------------------------------ */

static void close_file(void *arg)
{
    close(((log_file *)arg)->fd);
}

cseg_status log_file_open(run_log *l, const char *dir, const char *stem, const char *ending, log_file *out,
                          cseg_error *err)
{
    char *name = arena_printf(l->mem, "%s%s", stem, ending);
    out->path = name ? path_join(l->mem, dir, name) : NULL;
    if (!out->path)
        return fail_memory(err);
    TRY(file_check_output(out->path, err));
    out->fd = open(out->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (out->fd < 0)
        return fail_errno(err, out->path, "write");
    return arena_defer(l->mem, close_file, out) ? CSEG_OK : fail_memory(err);
}

cseg_status log_file_append(const log_file *f, const char *text, size_t n, cseg_error *err)
{
    off_t begin = lseek(f->fd, 0, SEEK_END);
    for (size_t done = 0; done < n;) {
        ssize_t step = write(f->fd, text + done, n - done);
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0) {
            int reason = step < 0 ? errno : ENOSPC;
            /* Half a line would not be JSON. If the file cannot be truncated (a pipe), the half stays. */
            if (done > 0 && begin >= 0 && ftruncate(f->fd, begin) != 0)
                log_say(LOG_DEBUG, "%s ends in half a line", f->path);
            errno = reason;
            return fail_errno(err, f->path, "write");
        }
        done += (size_t)step;
    }
    return CSEG_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static log_clock *own_clock;

void run_log_set_clock(log_clock *clock)
{
    own_clock = clock;
}

struct timespec run_log_now(void)
{
    struct timespec now;
    if (own_clock)
        own_clock(&now);
    else
        clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

/* "2026/11/24 04:42:01 - mmengine - INFO - ", "2026-11-24 04:42:01,123 - mmseg - INFO - ": what log tools look for. */
static void add_stamp(const run_log *l, strbuf *b)
{
    struct timespec now = run_log_now();
    struct tm at;
    char text[64];
    localtime_r(&now.tv_sec, &at);
    strftime(text, sizeof text, l->format->time_format, &at);
    strbuf_add(b, text);
    if (l->format->milliseconds)
        strbuf_addf(b, ",%03ld", now.tv_nsec / 1000000);
    strbuf_add(b, l->format->origin);
}

/* A message may have many lines; the sink takes short ones. */
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
    strbuf b = {.mem = l->line_mem};
    add_stamp(l, &b);
    text_add(&b, text, strlen(text), true);
    strbuf_add(&b, "\n");
    return b.failed ? fail_memory(err) : log_file_append(&l->text, b.text, b.n, err);
}

strbuf run_log_begin(run_log *l)
{
    arena_reset(l->line_mem);
    return (strbuf){.mem = l->line_mem};
}

cseg_status run_log_end(run_log *l, const strbuf *line, cseg_error *err)
{
    return line->failed ? fail_memory(err) : run_log_write(l, line->text ? line->text : "", err);
}

void log_add_number(strbuf *b, double v, int digits, char form)
{
    if (isnan(v)) /* printf would print its sign */
        strbuf_add(b, "nan");
    else if (form == 'e')
        strbuf_addf(b, "%.*e", digits, v);
    else
        strbuf_addf(b, "%.*f", digits, v);
}

void log_add_duration(strbuf *b, double seconds)
{
    double most = 1e15; /* larger than in any run, and within a long long */
    long long s = seconds > 0 ? (long long)(seconds < most ? seconds : most) : 0, days = s / 86400;
    if (days > 0)
        strbuf_addf(b, "%lld day%s, ", days, days == 1 ? "" : "s");
    strbuf_addf(b, "%lld:%02lld:%02lld", s / 3600 % 24, s / 60 % 60, s % 60);
}

void run_log_line(run_log *l, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    text_vprint(text, sizeof text, fmt, ap);
    va_end(ap);
    /* A full disk is reported at the next line that training writes. */
    (void)run_log_write(l, text, NULL);
}
