#include "cli/terminal.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/usage.h"

static struct {
    pthread_mutex_t lock;
    log_level least;
    bool on_screen; /* the progress line is */
    double started, shown;
    char what[16]; /* the speed is measured since `started`, when `begun` of it were done */
    int64_t begun;
    char line[512];
} terminal = {.lock = PTHREAD_MUTEX_INITIALIZER, .least = LOG_INFO};

int terminal_width(void)
{
    struct winsize size;
    if (!isatty(STDERR_FILENO))
        return 0;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

static void erase(void)
{
    if (terminal.on_screen)
        fputs("\r\033[K", stderr);
    terminal.on_screen = false;
}

void terminal_log(void *arg, log_level level, const char *text)
{
    (void)arg;
    static const char *const names[] = {"debug: ", "", "warning: ", "error: "};
    if (level < terminal.least)
        return;
    pthread_mutex_lock(&terminal.lock);
    erase();
    fprintf(stderr, "%s%s\n", names[level], text);
    pthread_mutex_unlock(&terminal.lock);
}

void terminal_start(bool quiet, bool verbose)
{
    terminal.least = quiet ? LOG_WARNING : verbose ? LOG_DEBUG : LOG_INFO;
    log_set_sink(terminal_log, NULL);
}

static void duration_text(double s, char to[static 32])
{
    if (s < 0.0 || !isfinite(s)) {
        strcpy(to, "?");
        return;
    }
    int64_t t = (int64_t)(s + 0.5);
    if (t >= 3600)
        snprintf(to, 32, "%lld:%02d:%02d", (long long)(t / 3600), (int)(t / 60 % 60), (int)(t % 60));
    else
        snprintf(to, 32, "%d:%02d", (int)(t / 60), (int)(t % 60));
}

static void bar(char *to, int width, double part)
{
    int full = (int)(part * width + 0.5);
    if (full > width)
        full = width;
    memset(to, '=', (size_t)full);
    memset(to + full, ' ', (size_t)(width - full));
    if (full > 0 && full < width)
        to[full - 1] = '>';
    to[width] = 0;
}

void progress_text(const progress *p, double speed, double eta, int64_t memory, int width, char *to, int n)
{
    char loss[32] = "", left[32], facts[256], count[64], drawn[128];
    if (p->has_loss)
        snprintf(loss, sizeof loss, "  loss %.4f", p->loss);
    duration_text(eta, left);
    snprintf(facts, sizeof facts, "%s  %.2f it/s  ETA %s  %.1f GiB", loss, speed, left,
             (double)memory / (double)(1 << 30));
    if (p->all > 0)
        snprintf(count, sizeof count, "%lld/%lld", (long long)p->done, (long long)p->all);
    else
        snprintf(count, sizeof count, "%lld", (long long)p->done);
    if (width > n)
        width = n;
    int room = width - 1 - (int)(strlen(p->what) + strlen(count) + strlen(facts) + 4);
    if (room > 40)
        room = 40;
    if (room >= 6 && p->all > 0) {
        bar(drawn, room, (double)p->done / (double)p->all);
        snprintf(to, (size_t)n, "%s [%s] %s%s", p->what, drawn, count, facts);
    } else {
        snprintf(to, (size_t)n, "%s %s%s", p->what, count, facts);
    }
    if ((int)strlen(to) > width - 1)
        to[width > 0 ? width - 1 : 0] = 0;
}

/* Seconds between two updates: of a line on the screen, or of lines in a file, where what runs for hours is followed.
 * Training writes lines of its own. */
static double interval(const progress *p, int width)
{
    return width ? 0.1 : p->has_loss ? INFINITY : 60.0;
}

static void write_line(int width)
{
    if (width)
        fprintf(stderr, "\r\033[K%s", terminal.line);
    else
        fprintf(stderr, "%s\n", terminal.line);
    fflush(stderr);
    terminal.on_screen = width > 0;
}

void progress_show(const progress *p)
{
    enum { COLUMNS = 80 }; /* of a file */
    if (terminal.least > LOG_INFO)
        return;
    int width = terminal_width();
    double now = usage_seconds();
    pthread_mutex_lock(&terminal.lock);
    if (strncmp(terminal.what, p->what, sizeof terminal.what - 1) != 0 || p->done < terminal.begun) {
        snprintf(terminal.what, sizeof terminal.what, "%s", p->what);
        terminal.started = now;
        terminal.begun = p->done;
        terminal.shown = width ? 0.0 : now;
    }
    if (now - terminal.shown >= interval(p, width) || (width && p->done == p->all)) {
        double speed = now > terminal.started ? (double)(p->done - terminal.begun) / (now - terminal.started) : 0.0;
        double eta = p->all > 0 && speed > 0.0 ? (double)(p->all - p->done) / speed : -1.0;
        progress_text(p, speed, eta, (int64_t)usage_memory(), width ? width : COLUMNS, terminal.line,
                      sizeof terminal.line);
        write_line(width);
        terminal.shown = now;
    }
    pthread_mutex_unlock(&terminal.lock);
}

void progress_clear(void)
{
    pthread_mutex_lock(&terminal.lock);
    erase();
    terminal.what[0] = 0;
    pthread_mutex_unlock(&terminal.lock);
}
