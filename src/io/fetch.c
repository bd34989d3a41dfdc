#include "io/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "io/sha256.h"

enum { CONNECT_SECONDS = 30, STALL_SECONDS = 60, MOST_REDIRECTS = 10, SECONDS_BETWEEN_REPORTS = 5 };

typedef struct download {
    const char *url;
    const char *path; /* where it is to be in the end */
    char *part;       /* what has come so far; stays when the way breaks, to be gone on with */
    FILE *out;
    bool full; /* the disk refused */
    time_t reported;
} download;

/* --- names and hashes --- */

/* PyTorch's cache: $TORCH_HOME, $XDG_CACHE_HOME/torch or ~/.cache/torch, and hub/checkpoints below. */
static char *cache_dir(arena *mem)
{
    const char *home = getenv("TORCH_HOME");
    if (home && *home)
        return arena_printf(mem, "%s/hub/checkpoints", home);
    home = getenv("XDG_CACHE_HOME");
    if (home && *home)
        return arena_printf(mem, "%s/torch/hub/checkpoints", home);
    home = getenv("HOME");
    return arena_printf(mem, "%s/.cache/torch/hub/checkpoints", home && *home ? home : ".");
}

/* The last part of the address's path, without what follows '?' or '#'. */
static char *name_in_url(const char *url, arena *mem)
{
    const char *begin = strstr(url, "://");
    begin = begin ? begin + 3 : url;
    size_t n = strcspn(begin, "?#"), at = n;
    while (at > 0 && begin[at - 1] != '/')
        at--;
    return at == 0 || at == n ? arena_strdup(mem, "") : arena_strndup(mem, begin + at, n - at);
}

/* The digits in NAME-HEX.EXT that begin the file's SHA-256; "" where there are none, or fewer than eight. */
static void hash_in_name(const char *name, char hash[static 65])
{
    const char *dash = strrchr(name, '-');
    size_t n = dash ? strspn(dash + 1, "0123456789abcdef") : 0;
    hash[0] = 0;
    if (n >= 8 && n <= 64 && dash[1 + n] == '.') {
        memcpy(hash, dash + 1, n);
        hash[n] = 0;
    }
}

static cseg_status check_hash(const char *path, const char *name, const char *advice, cseg_error *err)
{
    char want[65], got[65];
    static const size_t STEP = 1 << 16;
    hash_in_name(name, want);
    if (!*want)
        return CSEG_OK;
    cseg_status status = CSEG_OK;
    FILE *f;
    TRY(file_open_stream(path, &f, NULL, err));
    uint8_t *buffer = mem_alloc(STEP);
    sha256 s;
    sha256_begin(&s);
    if (!buffer) {
        status = fail_memory(err);
        goto done;
    }
    for (size_t n; (n = fread(buffer, 1, STEP, f)) > 0;)
        sha256_add(&s, buffer, n);
    sha256_end(&s, got);
    if (ferror(f))
        status = fail_errno(err, path, "read");
    else if (strncmp(want, got, strlen(want)) != 0)
        status = fail(err, CSEG_CORRUPT, "%s: its SHA-256 begins with %.*s, its name promises %s%s", path,
                      (int)strlen(want), got, want, advice);
done:
    mem_free(buffer);
    fclose(f);
    return status;
}

/* --- the network --- */

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_data(char *data, size_t one, size_t n, void *arg)
{
    download *d = arg;
    size_t written = fwrite(data, one, n, d->out);
    d->full = written != n;
    return written;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    download *d = arg;
    time_t t = time(NULL);
    (void)up_total;
    (void)up_now;
    if (t >= d->reported + SECONDS_BETWEEN_REPORTS) {
        d->reported = t;
        log_say(LOG_INFO, "%s: %.1f of %.1f MB", d->url, (double)now / 1e6, (double)total / 1e6);
    }
    return 0;
}

static void set_options(CURL *curl, download *d, curl_off_t from, char *reason)
{
    bool secure = str_starts(d->url, "https://");
    curl_easy_setopt(curl, CURLOPT_URL, d->url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cseg/" CSEG_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
                     secure ? (long)CURLPROTO_HTTPS : (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, from);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, d);
}

static cseg_status explain(const download *d, CURLcode result, long http, const char *reason, cseg_error *err)
{
    if (d->full)
        return fail_errno(err, d->part, "write");
    if (http == 404 || http == 410)
        return fail(err, CSEG_NOT_FOUND, "%s: the server has no such file (HTTP %ld)", d->url, http);
    return fail(err, CSEG_IO,
                "%s: cannot be downloaded: %s. Run again to go on where it broke off; or download it elsewhere, put "
                "it at %s and run again",
                d->url, reason[0] ? reason : curl_easy_strerror(result), d->path);
}

/* One attempt that goes on behind `from` bytes. *again: the server cannot, begin anew. */
static cseg_status attempt(CURL *curl, download *d, curl_off_t from, bool *again, cseg_error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    long http = 0;
    *again = false;
    if (fseeko(d->out, from, SEEK_SET) != 0 || ftruncate(fileno(d->out), from) != 0)
        return fail_errno(err, d->part, "write");
    curl_easy_reset(curl);
    set_options(curl, d, from, reason);
    errno = 0;
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    if (result == CURLE_OK && fflush(d->out) == 0)
        return CSEG_OK;
    if (from > 0 && (result == CURLE_RANGE_ERROR || http == 416 || (result == CURLE_OK && d->full))) {
        *again = true;
        return CSEG_OK;
    }
    d->full = d->full || result == CURLE_OK;
    return explain(d, result, http, reason, err);
}

static cseg_status transfer(download *d, cseg_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    CURL *curl = curl_easy_init();
    if (!curl)
        return fail_memory(err);
    bool again = false;
    off_t from = fseeko(d->out, 0, SEEK_END) == 0 ? ftello(d->out) : 0;
    cseg_status status = attempt(curl, d, from > 0 ? from : 0, &again, err);
    if (again)
        status = attempt(curl, d, 0, &again, err);
    curl_easy_cleanup(curl);
    return status;
}

/* Only one process downloads a file; the others wait for it. */
static cseg_status open_part(download *d, cseg_error *err)
{
    int fd = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_errno(err, d->part, "write");
    if (flock(fd, LOCK_EX) != 0 || !(d->out = fdopen(fd, "r+b"))) {
        cseg_status status = fail_errno(err, d->part, "lock");
        close(fd);
        return status;
    }
    return CSEG_OK;
}

static cseg_status fetch(const char *url, const char *path, const char *name, arena *mem, cseg_error *err)
{
    download d = {.url = url, .path = path, .part = arena_printf(mem, "%s.part", path), .reported = time(NULL)};
    if (!d.part)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    TRY(open_part(&d, err));
    if (file_exists(path))
        goto done; /* another process was faster */
    log_say(LOG_INFO, "downloading %s to %s", url, path);
    TRY_DONE(transfer(&d, err));
    status = check_hash(d.part, name, ". What came is thrown away; run again, or tell the address's owner", err);
    if (status != CSEG_OK) {
        unlink(d.part);
        goto done;
    }
    file_replace f = {.out = d.out, .path = path, .temporary = d.part};
    d.out = NULL;
    status = file_replace_commit(&f, err);
done:
    if (d.out) {
        if (status == CSEG_OK || file_size(d.part) == 0)
            unlink(d.part);
        fclose(d.out);
    }
    return status;
}

static cseg_status cached(const char *url, arena *mem, char **path, cseg_error *err)
{
    char *dir = cache_dir(mem), *name = name_in_url(url, mem);
    if (!dir || !name)
        return fail_memory(err);
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(err, CSEG_USAGE, "%s: the address names no file", url);
    char *to = path_join(mem, dir, name);
    if (!to)
        return fail_memory(err);
    if (!file_exists(to)) {
        TRY(dir_create(dir, err));
        TRY(fetch(url, to, name, mem, err));
    } else {
        TRY(check_hash(to, name,
                       ": it is damaged or another file. Delete it and run again, or give its path instead "
                       "of the address",
                       err));
    }
    *path = to;
    return CSEG_OK;
}

static cseg_status from_zoo(const char *scheme, const char *name, arena *mem, char **path, cseg_error *err)
{
    const char *better, *url = zoo_find(scheme, name, &better);
    if (!url)
        return fail(err, CSEG_NOT_FOUND, "%s://%s: the model zoo has no such name%s%s%s", scheme, name,
                    better ? "; did you mean '" : "", better ? better : "", better ? "'?" : "");
    if (better)
        log_say(LOG_WARNING, "%s://%s is now called %s", scheme, name, better);
    return cached(url, mem, path, err);
}

static cseg_status local(const char *spec, arena *mem, char **path, cseg_error *err)
{
    const char *home = getenv("HOME");
    char *p = str_starts(spec, "~/") && home ? path_join(mem, home, spec + 2) : arena_strdup(mem, spec);
    if (!p)
        return fail_memory(err);
    if (!file_exists(p))
        return fail(err, CSEG_NOT_FOUND, "%s: no such file", p);
    TRY(file_check(p, err));
    *path = p;
    return CSEG_OK;
}

cseg_status weights_resolve(const char *spec, arena *mem, char **path, cseg_error *err)
{
    static const char *const zoos[] = {"open-mmlab", "openmmlab", "mmcls", "torchvision", "modelzoo"};
    const char *mark = strstr(spec, "://");
    if (!mark)
        return local(spec, mem, path, err);
    if (str_starts(spec, "http://") || str_starts(spec, "https://"))
        return cached(spec, mem, path, err);
    char *scheme = arena_strndup(mem, spec, (size_t)(mark - spec));
    if (!scheme)
        return fail_memory(err);
    for (size_t i = 0; i < sizeof zoos / sizeof *zoos; i++)
        if (strcmp(scheme, zoos[i]) == 0)
            return from_zoo(scheme, mark + 3, mem, path, err);
    return fail(err, CSEG_UNSUPPORTED,
                "%s: weights come from files, http(s)://, open-mmlab://, mmcls:// and "
                "torchvision://, not from %s://",
                spec, scheme);
}
