#include "io/net/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "io/net/fetch_transfer.h"
#include "io/net/sha256.h"
#include "io/torch/pth.h"

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

/* --- the cache --- */

/* Only one process downloads a file; the others wait for it. When their turn comes the part may have become the file,
 * or be gone: then the lock is on a file without a name, and is worth nothing. */
static cseg_status lock_part(download *d, int fd, bool *gone, cseg_error *err)
{
    struct stat held, named;
    bool told = false;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail_errno(err, d->part, "lock");
        if (fetch_must_stop())
            return fail(err, CSEG_INTERRUPTED, "%s: stopped while another process downloads it", d->url);
        if (!told)
            log_say(LOG_INFO, "%s: waiting for another process, which downloads it", d->url);
        told = true;
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    }
    *gone = fstat(fd, &held) != 0 || stat(d->part, &named) != 0 || held.st_dev != named.st_dev ||
            held.st_ino != named.st_ino;
    return CSEG_OK;
}

static cseg_status open_part(download *d, cseg_error *err)
{
    for (;;) {
        bool gone = false;
        int fd = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return fail_errno(err, d->part, "write");
        cseg_status status = lock_part(d, fd, &gone, err);
        if (status == CSEG_OK && !gone && (d->out = fdopen(fd, "r+b")))
            return CSEG_OK;
        if (status == CSEG_OK && !gone)
            status = fail_errno(err, d->part, "open");
        close(fd);
        if (!gone)
            return status;
    }
}

/* `text` behind the message that is there. */
static cseg_status advise(cseg_error *err, const char *text)
{
    char before[sizeof err->text];
    snprintf(before, sizeof before, "%s", err->text);
    return fail(err, err->code, "%s%s", before, text);
}

/* If the name has no hash, the file itself must show that it is whole and a checkpoint. */
static cseg_status check_structure(const char *path, const char *url, const char *advice, cseg_error *err)
{
    pth *file;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = pth_open(path, mem, &file, err);
    arena_free(mem);
    if (status == CSEG_OK || status == CSEG_NO_MEMORY)
        return status;
    advise(err, advice);
    return url ? fail_within(err, "%s: what was downloaded is no whole checkpoint: ", url) : status;
}

static cseg_status check_new(const download *d, const char *name, cseg_error *err)
{
    static const char advice[] = ". What came is thrown away; run again, or tell the address's owner";
    if (!d->hashed)
        return check_structure(d->part, d->url, advice, err);
    cseg_status status = check_hash(d->part, name, advice, err);
    return status == CSEG_CORRUPT ? fail_within(err, "%s: ", d->url) : status;
}

/* --- where a file came from --- */

/* A name without a hash may belong to many files (every hub has a pytorch_model.bin). So NAME.url beside the file
 * records its address: as a SHA-256, because addresses may hold keys, and on a second line the part of it that may be
 * shown. */
static cseg_status note_text(const char *url, arena *mem, char **text, cseg_error *err)
{
    char hash[65];
    sha256 s;
    sha256_begin(&s);
    sha256_add(&s, url, strlen(url));
    sha256_end(&s, hash);
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    const char *user = memchr(host, '@', strcspn(host, "/?#"));
    host = user ? user + 1 : host;
    *text = arena_printf(mem, "%s\n%.*s\n", hash, (int)strcspn(host, "?#"), host);
    return *text ? CSEG_OK : fail_memory(err);
}

static char *note_of(const char *path, arena *mem)
{
    return arena_printf(mem, "%s.url", path);
}

/* Whether the file is known to come from another address. A file without a note was put there by PyTorch or a person,
 * and counts as right. */
static cseg_status is_of_another(const char *path, const char *url, arena *mem, bool *other, cseg_error *err)
{
    static const size_t LARGEST = 1 << 16;
    char *note = note_of(path, mem), *own, *text;
    size_t n;
    *other = false;
    if (!note)
        return fail_memory(err);
    if (!file_exists(path) || !file_exists(note))
        return CSEG_OK;
    TRY(note_text(url, mem, &own, err));
    TRY(file_read(note, LARGEST, mem, &text, &n, err));
    *other = n < 64 || memcmp(own, text, 64) != 0;
    return CSEG_OK;
}

/* NAME in PyTorch's cache; if the file of another address has that name, NAME in a folder of this address's own. */
static cseg_status place_for(const char *url, const char *name, arena *mem, char **path, cseg_error *err)
{
    char hash[65], *dir = cache_dir(mem), *own;
    bool other;
    if (!dir || !(*path = path_join(mem, dir, name)))
        return fail_memory(err);
    hash_in_name(name, hash);
    if (*hash) /* it says itself what it holds */
        return CSEG_OK;
    TRY(is_of_another(*path, url, mem, &other, err));
    if (!other)
        return CSEG_OK;
    TRY(note_text(url, mem, &own, err));
    *path = arena_printf(mem, "%s/%.16s/%s", dir, own, name);
    return *path ? CSEG_OK : fail_memory(err);
}

/* Makes the part the file, and gives it its note before anybody can see it. */
static cseg_status give_name(download *d, arena *mem, cseg_error *err)
{
    char *note = d->hashed ? NULL : note_of(d->path, mem), *text;
    if (!d->hashed) {
        if (!note)
            return fail_memory(err);
        TRY(note_text(d->url, mem, &text, err));
        TRY(file_replace_bytes(note, text, strlen(text), mem, err));
    }
    file_replace f = {.out = d->out, .path = d->path, .temporary = d->part};
    d->out = NULL;
    cseg_status status = file_replace_commit(&f, err);
    if (status != CSEG_OK && note)
        unlink(note);
    return status;
}

/* `path` exists afterwards; it may be the file of another process that was faster, for another address. */
static cseg_status fetch(const char *url, const char *path, const char *name, arena *mem, cseg_error *err)
{
    char hash[65];
    hash_in_name(name, hash);
    download d = {.url = url, .path = path, .part = arena_printf(mem, "%s.part", path), .hashed = *hash};
    if (!d.part)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    bool worthless = true; /* what is in the part */
    TRY(open_part(&d, err));
    if (file_exists(path))
        goto done; /* another process was faster */
    log_say(LOG_INFO, "downloading %s to %s", url, path);
    status = fetch_transfer(&d, err);
    if (status != CSEG_OK) {
        worthless = !d.hashed || d.stopped || d.full || d.other || d.large;
        goto done;
    }
    TRY_DONE(check_new(&d, name, err));
    status = give_name(&d, mem, err);
done:
    if (d.out) {
        if (worthless || file_size(d.part) == 0)
            unlink(d.part);
        fclose(d.out);
    }
    return status;
}

static cseg_status check_cached(const char *path, const char *name, cseg_error *err)
{
    char hash[65];
    hash_in_name(name, hash);
    if (*hash)
        return check_hash(path, name,
                          ": it is damaged or another file. Delete it and run again, or give its path instead "
                          "of the address",
                          err);
    return check_structure(path, NULL, ". It was downloaded before: delete it and run again", err);
}

static cseg_status cached(const char *url, arena *mem, char **path, cseg_error *err)
{
    char *name = name_in_url(url, mem), *to, *fetched = NULL;
    if (!name)
        return fail_memory(err);
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(err, CSEG_USAGE, "%s: the address names no file", url);
    for (;;) {
        TRY(place_for(url, name, mem, &to, err));
        if (file_exists(to))
            break;
        char *dir = path_dir(mem, to);
        if (!dir)
            return fail_memory(err);
        TRY(dir_create(dir, err));
        TRY(fetch(url, to, name, mem, err)); /* or another process, which may have taken the place for its address */
        fetched = to;
    }
    if (!fetched || strcmp(fetched, to) != 0)
        TRY(check_cached(to, name, err));
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

cseg_status fetch_weights(const char *spec, arena *mem, char **path, cseg_error *err)
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
