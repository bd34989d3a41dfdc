/* Downloads files over the network. */
#include "io/net/fetch_transfer.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/log.h"
#include "base/str.h"
#include "io/net/fetch.h"

enum { CONNECT_SECONDS = 30, MOST_REDIRECTS = 10, SECONDS_BETWEEN_REPORTS = 5 };

/* clang does not take a const variable for a constant expression. */
#define USUAL                                                                                                          \
    {                                                                                                                  \
        60, 1000, INT64_C(64) << 30                                                                                    \
    }
static fetch_limits limits = USUAL;

static struct {
    void (*begin)(void);
    bool (*stop)(void *);
    void *arg;
} watch;

void fetch_limit(const fetch_limits *l)
{
    limits = l ? *l : (fetch_limits)USUAL;
}

void fetch_stop_when(void (*begin)(void), bool (*stop)(void *), void *arg)
{
    watch.begin = begin;
    watch.stop = stop;
    watch.arg = arg;
}

bool fetch_must_stop(void)
{
    return watch.stop && watch.stop(watch.arg);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void note_page(download *d)
{
    const foreign_kind *k = foreign_find(d->head, d->n_head);
    d->other = k && k->text ? k : NULL;
}

/* A page is recognised by its beginning; the rest need not be downloaded. */
static bool is_page(download *d, const char *data, size_t n)
{
    size_t more = FOREIGN_BYTES - d->n_head;
    memcpy(d->head + d->n_head, data, n < more ? n : more);
    d->n_head += n < more ? n : more;
    if (d->n_head == FOREIGN_BYTES)
        note_page(d);
    return d->other;
}

static size_t on_data(char *data, size_t one, size_t n, void *arg)
{
    download *d = arg;
    size_t bytes = one * n;
    bool more = d->n_head < FOREIGN_BYTES;
    d->got += (int64_t)bytes;
    d->large = d->got > limits.largest;
    if (d->large || (more && is_page(d, data, bytes)))
        return 0;
    size_t written = fwrite(data, 1, bytes, d->out);
    d->full = written != bytes;
    return written;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    download *d = arg;
    double t = seconds();
    (void)up_total;
    (void)up_now;
    if (t >= d->reported + SECONDS_BETWEEN_REPORTS) {
        d->reported = t;
        log_say(LOG_INFO, "%s: %.1f of %.1f MB", d->url, (double)now / 1e6, (double)total / 1e6);
    }
    if (t >= d->span_begun + limits.seconds) {
        d->stalled = (double)(d->got - d->span_from) < limits.slowest * limits.seconds;
        d->span_begun = t;
        d->span_from = d->got;
    }
    d->stopped = fetch_must_stop();
    return d->stopped || d->stalled;
}

const char *fetch_leads_to(const char *url)
{
    return str_starts(url, "https://") ? "https" : "http,https";
}

static void set_options(CURL *curl, download *d, curl_off_t from, char *reason)
{
    const char *next = fetch_leads_to(d->url);
    curl_easy_setopt(curl, CURLOPT_URL, d->url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cseg/" CSEG_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, next);
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
                     str_starts(next, "https") ? (long)CURLPROTO_HTTPS : (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, from);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, d);
}

static cseg_status explain(const download *d, CURLcode result, long http, const char *reason, cseg_error *err)
{
    char slow[120];
    if (d->stopped)
        return fail(err, CSEG_INTERRUPTED, "%s: the download was stopped by a signal; what had come is thrown away",
                    d->url);
    if (d->other)
        return foreign_refuse(d->other, d->url, err);
    if (d->large)
        return fail(err, CSEG_IO, "%s: is larger than %lld bytes, which no checkpoint is", d->url,
                    (long long)limits.largest);
    if (d->full) {
        fail_errno(err, d->part, "write");
        return fail_within(err, "%s: ", d->url);
    }
    if (http == 404 || http == 410)
        return fail(err, CSEG_NOT_FOUND, "%s: the server has no such file (HTTP %ld)", d->url, http);
    if (d->stalled) {
        snprintf(slow, sizeof slow, "fewer than %g bytes a second came for %g seconds", limits.slowest, limits.seconds);
        reason = slow;
    }
    return fail(err, CSEG_IO,
                "%s: cannot be downloaded: %s. Run again%s; or download it elsewhere, put "
                "it at %s and run again",
                d->url, reason[0] ? reason : curl_easy_strerror(result),
                d->hashed ? " to go on where it broke off" : "", d->path);
}

/* One attempt, which continues behind `from` bytes. *again: the server cannot do that; begin anew. */
static cseg_status attempt(CURL *curl, download *d, curl_off_t from, bool *again, cseg_error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    long http = 0;
    *again = false;
    if (fseeko(d->out, from, SEEK_SET) != 0 || ftruncate(fileno(d->out), from) != 0)
        return fail_errno(err, d->part, "write");
    d->got = d->span_from = from;
    d->reported = d->span_begun = seconds();
    d->n_head = from > 0 ? FOREIGN_BYTES : 0; /* of a part the beginning has been seen */
    curl_easy_reset(curl);
    set_options(curl, d, from, reason);
    errno = 0;
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    if (result == CURLE_OK && from == 0 && d->n_head < FOREIGN_BYTES)
        note_page(d); /* all of a short answer */
    if (result == CURLE_OK && !d->other && fflush(d->out) == 0)
        return CSEG_OK;
    if (from > 0 && (result == CURLE_RANGE_ERROR || http == 416 || (result == CURLE_OK && d->full))) {
        *again = true;
        return CSEG_OK;
    }
    d->full = d->full || (result == CURLE_OK && !d->other);
    return explain(d, result, http, reason, err);
}

cseg_status fetch_transfer(download *d, cseg_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    if (watch.begin)
        watch.begin();
    CURL *curl = curl_easy_init();
    if (!curl)
        return fail_memory(err);
    bool again = false;
    off_t from = d->hashed && fseeko(d->out, 0, SEEK_END) == 0 ? ftello(d->out) : 0;
    cseg_status status = attempt(curl, d, from > 0 ? from : 0, &again, err);
    if (again)
        status = attempt(curl, d, 0, &again, err);
    curl_easy_cleanup(curl);
    return status;
}
