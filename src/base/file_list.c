/* Lists the files in folders. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

enum { DEEPEST_FOLDER = 32 };

/* A folder that is being listed, linked to the folders that contain it. */
typedef struct listed {
    const char *path, *below; /* from the root on: "" for the root itself */
    dev_t dev;
    ino_t ino;
    int depth;
    const struct listed *above;
} listed;

typedef struct listing {
    const char *suffix;
    bool recursive;
    arena *mem;
    VEC(char *) names;
    /* What is left out and may be missed: links that lead nowhere (how many, and the first), a folder that contains
     * itself by a link, a folder that lies too deep. */
    size_t n_lost;
    const char *lost, *loop, *deep;
} listing;

static cseg_status list_folder(listing *l, const char *path, const char *below, const listed *above, cseg_error *err);

static bool holds_itself(const listed *at, const struct stat *st)
{
    for (; at; at = at->above)
        if (at->dev == st->st_dev && at->ino == st->st_ino)
            return true;
    return false;
}

static bool is_wanted(const listing *l, const char *name)
{
    return !l->suffix || str_ends(name, l->suffix);
}

/* A path that cannot be examined: a link that leads nowhere, a file that has just gone, or an error. */
static cseg_status lost(listing *l, const char *full, cseg_error *err)
{
    struct stat st;
    if (errno != ENOENT && errno != ELOOP)
        return fail_errno(err, full, "look at");
    if (lstat(full, &st) == 0 && S_ISLNK(st.st_mode) && is_wanted(l, full) && !l->n_lost++)
        l->lost = full;
    return CSEG_OK;
}

static cseg_status list_item(listing *l, const listed *in, const char *item, cseg_error *err)
{
    struct stat st;
    char *name = *in->below ? path_join(l->mem, in->below, item) : arena_strdup(l->mem, item);
    char *full = path_join(l->mem, in->path, item);
    if (!name || !full)
        return fail_memory(err);
    if (stat(full, &st) != 0)
        return lost(l, full, err);
    if (!S_ISDIR(st.st_mode))
        return !is_wanted(l, name) || vec_push(l->mem, &l->names, name) ? CSEG_OK : fail_memory(err);
    if (!l->recursive)
        return CSEG_OK;
    if (holds_itself(in, &st))
        l->loop = full;
    else if (in->depth == DEEPEST_FOLDER)
        l->deep = full;
    else
        return list_folder(l, full, name, in, err);
    return CSEG_OK;
}

static cseg_status list_folder(listing *l, const char *path, const char *below, const listed *above, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    struct stat own;
    DIR *d = opendir(path);
    if (!d)
        return fail_errno(err, path, "list");
    if (fstat(dirfd(d), &own) != 0) {
        status = fail_errno(err, path, "list");
        goto done;
    }
    const listed here = {path, below, own.st_dev, own.st_ino, above ? above->depth + 1 : 0, above};
    for (;;) {
        errno = 0; /* the end and an error look alike otherwise */
        struct dirent *e = readdir(d);
        if (!e && errno != 0)
            status = fail_errno(err, path, "list");
        if (!e)
            break;
        if (e->d_name[0] != '.')
            TRY_DONE(list_item(l, &here, e->d_name, err));
    }
done:
    closedir(d);
    return status;
}

static void warn_left_out(const listing *l)
{
    if (l->n_lost)
        log_warn_once("%s: is a link that leads nowhere and is left out (there are %zu such links)", l->lost,
                      l->n_lost);
    if (l->loop)
        log_warn_once("%s: leads back to a folder that it lies in, and is not entered again", l->loop);
    if (l->deep)
        log_warn_once("%s: lies more than %d folders deep, and what it holds is left out", l->deep, DEEPEST_FOLDER);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

cseg_status dir_list(const char *dir, const char *suffix, bool recursive, arena *mem, char ***names, size_t *n,
                     cseg_error *err)
{
    listing l = {.suffix = suffix, .recursive = recursive, .mem = mem};
    TRY(list_folder(&l, dir, "", NULL, err));
    warn_left_out(&l);
    if (l.names.n)
        qsort(l.names.at, l.names.n, sizeof *l.names.at, by_bytes);
    *names = l.names.at;
    *n = l.names.n;
    return CSEG_OK;
}
