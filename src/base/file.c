#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/temporary.h"

/* What a message calls a thing that is not a regular file. */
static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a folder";
    if (S_ISFIFO(mode))
        return "a pipe";
    if (S_ISSOCK(mode))
        return "a socket";
    return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "of an unknown kind";
}

static cseg_status check_kind(const char *path, const struct stat *st, cseg_error *err)
{
    if (S_ISREG(st->st_mode))
        return CSEG_OK;
    return fail(err, CSEG_IO, "%s: is %s, not a file%s", path, kind_of(st->st_mode),
                S_ISFIFO(st->st_mode) ? "; write what comes out of it to a file first" : "");
}

cseg_status file_check(const char *path, cseg_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail_errno(err, path, "open");
    return check_kind(path, &st, err);
}

cseg_status file_check_output(const char *path, cseg_error *err)
{
    struct stat st;
    /* A path that cannot be examined is reported when it is opened. */
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return CSEG_OK;
    return fail(err, CSEG_IO, "%s: is %s, and what is written here goes to a file; give another name", path,
                kind_of(st.st_mode));
}

cseg_status file_open(const char *path, int *fd, int64_t *size, cseg_error *err)
{
    /* Check the name first, since opening a device may already do something; then check what was opened, which may be
     * another file. */
    TRY(file_check(path, err));
    struct stat st;
    int f = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (f < 0)
        return fail_errno(err, path, "open");
    cseg_status status = fstat(f, &st) != 0 ? fail_errno(err, path, "read") : check_kind(path, &st, err);
    if (status != CSEG_OK) {
        close(f);
        return status;
    }
    if (size)
        *size = (int64_t)st.st_size;
    *fd = f;
    return CSEG_OK;
}

cseg_status file_open_stream(const char *path, FILE **out, int64_t *size, cseg_error *err)
{
    int fd;
    TRY(file_open(path, &fd, size, err));
    *out = fdopen(fd, "rb");
    if (*out)
        return CSEG_OK;
    cseg_status status = fail_errno(err, path, "open");
    close(fd);
    return status;
}

cseg_status file_read(const char *path, size_t limit, arena *mem, char **data, size_t *n, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    FILE *f;
    int64_t length;
    TRY(file_open_stream(path, &f, &length, err));
    if (limit && (uint64_t)length > limit) {
        status = fail(err, CSEG_CORRUPT, "%s: is %lld bytes long, more than the %zu that are accepted here", path,
                      (long long)length, limit);
        goto done;
    }
    size_t size = (size_t)length;
    char *p = arena_alloc(mem, size + 1);
    if (!p) {
        status = fail_memory(err);
        goto done;
    }
    size_t got = fread(p, 1, size, f);
    if (got != size) {
        status = ferror(f) ? fail_errno(err, path, "read")
                           : fail(err, CSEG_IO, "%s: became shorter while it was read", path);
        goto done;
    }
    p[size] = 0;
    *data = p;
    *n = size;
done:
    fclose(f);
    return status;
}

/* Creates a new file, and never opens one that has this name already: that may be a link to somebody's file, or a pipe
 * that would be waited for. Whatever has this name was left by a process with the same number, or was put there so that
 * it would be written through. */
static FILE *create_beside(const char *path)
{
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < 3; tries++) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && (errno != EEXIST || unlink(path) != 0))
            return NULL;
    }
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!f && fd >= 0) {
        int e = errno;
        close(fd);
        unlink(path);
        errno = e;
    }
    return f;
}

cseg_status file_replace_open(file_replace *r, const char *path, arena *mem, cseg_error *err)
{
    *r = (file_replace){0};
    TRY(file_check_output(path, err));
    r->path = arena_strdup(mem, path);
    r->temporary = r->path ? temporary_begin(path, mem) : NULL;
    if (!r->temporary)
        return fail_memory(err);
    r->out = create_beside(r->temporary);
    if (!r->out) {
        cseg_status status = fail_errno(err, r->temporary, "write");
        temporary_end(r->temporary);
        return status;
    }
    temporary_hold(fileno(r->out));
    return CSEG_OK;
}

static void sync_dir_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        /* Some file systems cannot sync a folder; the rename is atomic all the same. */
        (void)fsync(fd);
        close(fd);
    }
}

cseg_status file_replace_commit(file_replace *r, cseg_error *err)
{
    bool good = fflush(r->out) == 0 && !ferror(r->out) && fsync(fileno(r->out)) == 0;
    int e = errno;
    if (fclose(r->out) != 0 && good) {
        good = false;
        e = errno;
    }
    r->out = NULL;
    if (good && rename(r->temporary, r->path) != 0) {
        good = false;
        e = errno;
    }
    if (!good) {
        unlink(r->temporary);
        temporary_end(r->temporary);
        errno = e;
        return fail_errno(err, r->path, "write");
    }
    temporary_end(r->temporary);
    sync_dir_of(r->path);
    return CSEG_OK;
}

void file_replace_abort(file_replace *r)
{
    if (r->out) {
        fclose(r->out);
        unlink(r->temporary);
        temporary_end(r->temporary);
        r->out = NULL;
    }
}

cseg_status file_replace_bytes(const char *path, const void *data, size_t n, arena *mem, cseg_error *err)
{
    file_replace r;
    TRY(file_replace_open(&r, path, mem, err));
    fwrite(data, 1, n, r.out);
    return file_replace_commit(&r, err);
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

cseg_status dir_create(const char *path, cseg_error *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return fail(err, CSEG_USAGE, "'%.100s' is no usable folder name", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fail_errno(err, part, "create the folder");
    }
    if (!file_is_dir(path)) {
        errno = ENOTDIR;
        return fail_errno(err, path, "create the folder");
    }
    return CSEG_OK;
}

char *path_join(arena *mem, const char *a, const char *b)
{
    if (b[0] == '/' || !a[0])
        return arena_strdup(mem, b);
    return arena_printf(mem, "%s%s%s", a, str_ends(a, "/") ? "" : "/", b);
}

char *path_dir(arena *mem, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return arena_strdup(mem, ".");
    return slash == path ? arena_strdup(mem, "/") : arena_strndup(mem, path, (size_t)(slash - path));
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_ext(const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    return dot && dot != base ? dot : "";
}
