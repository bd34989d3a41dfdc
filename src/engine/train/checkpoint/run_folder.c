/* The folders that a run writes into: allows one training at a time, removes what killed runs left half written, and
 * finds the last checkpoint. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/temporary.h"
#include "engine/train/trainer.h"

/* ---- one training at a time ------------------------------------------------------------------------------------- */

static const char lock_name[] = ".cseg.lock";

typedef struct folder_lock {
    int fd;
} folder_lock;

static void let_go(void *arg)
{
    folder_lock *l = arg;
    if (l->fd >= 0)
        close(l->fd);
}

static cseg_status refuse(const char *dir, int fd, cseg_error *err)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    char who[48] = "another process";
    if (pid > 0)
        snprintf(who, sizeof who, "process %ld", pid);
    return fail(
        err, CSEG_IO,
        "%s: %s trains into this folder. Two would drop and replace each other's checkpoints; wait for its end, "
        "or give this one another --work-dir",
        dir, who);
}

/* Returns whether it is a file that lock_folder makes; no other file is written to. A file with two names may be
 * anybody's. */
static bool is_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size < 32;
}

/* The lock ends with the process, however it ends, so it is never stale. The file stays, since after its removal a
 * third process could lock another file of the same name. */
static cseg_status lock_folder(trainer *t, const char *dir, cseg_error *err)
{
    char *path = path_join(t->mem, dir, lock_name), text[32];
    folder_lock *l = ARENA_NEW(t->mem, folder_lock);
    if (!path || !l)
        return fail_memory(err);
    l->fd = -1;
    if (!arena_defer(t->mem, let_go, l))
        return fail_memory(err);
    l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (l->fd < 0) /* another user's */
        l->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (l->fd >= 0 && flock(l->fd, LOCK_EX | LOCK_NB) == 0) {
        int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (!is_ours(l->fd))
            return fail(err, CSEG_IO,
                        "%s: is not the lock of a training, but another file of this name, or a second name of one; "
                        "move it away",
                        path);
        if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, text, (size_t)n, 0) != n)
            log_say(LOG_DEBUG, "%s does not tell who holds it: %s", path, strerror(errno));
        return CSEG_OK;
    }
    if (l->fd >= 0 && errno == EWOULDBLOCK)
        return refuse(dir, l->fd, err);
    log_say(LOG_WARNING, "%s cannot be locked (%s): see to it that no other training writes into this folder", path,
            strerror(errno));
    return CSEG_OK;
}

/* ---- what killed runs left -------------------------------------------------------------------------------------- */

/* Returns whether the name is one of the temporary files that this run writes and renames. */
static bool is_written(const trainer *t, const char *name)
{
    static const char *const others[] = {"last_checkpoint", "label_scan.cache"};
    const char *config = path_base(t->e->path), *figure = str_starts(name, "best_") ? name + 5 : NULL;
    size_t stem = strlen(config) - strlen(path_ext(config));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    if (strncmp(name, config, stem) == 0 && strcmp(name + stem, ".py") == 0)
        return true;
    /* A figure's name may contain blanks: only the end counts. */
    for (const char *c = figure; c && *c; c++)
        if (*c == '_' && run_files_is_saved(c + 1))
            return true;
    return run_files_is_saved(name);
}

static bool is_leftover(const trainer *t, const char *name)
{
    size_t n = temporary_leftover(name);
    char *bare = n ? arena_strndup(t->mem, name, n) : NULL;
    return bare && is_written(t, bare);
}

static cseg_status drop_leftovers(const trainer *t, const char *dir, cseg_error *err)
{
    char **names;
    size_t n;
    TRY(dir_list(dir, ".tmp", false, t->mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = is_leftover(t, names[i]) ? path_join(t->mem, dir, names[i]) : NULL;
        if (path)
            unlink(path);
    }
    return CSEG_OK;
}

static cseg_status open_folder(trainer *t, const char *dir, cseg_error *err)
{
    char *mark = path_join(t->mem, dir, "last_checkpoint");
    TRY(dir_create(dir, err));
    TRY(lock_folder(t, dir, err));
    TRY(mark ? file_check_output(mark, err) : fail_memory(err)); /* checked now, not when the first one is saved */
    return drop_leftovers(t, dir, err);
}

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* out_dir has a folder for each run, named like the last part of the work dir, as in MMSegmentation. */
cseg_status trainer_open_folders(trainer *t, cseg_error *err)
{
    const char *work_dir = t->e->work_dir, *out_dir = t->e->checkpoint.out_dir;
    size_t n = strlen(work_dir);
    t->out_dir = work_dir;
    TRY(open_folder(t, work_dir, err));
    if (!out_dir || strcmp(out_dir, work_dir) == 0)
        return CSEG_OK;
    char *bare = arena_strdup(t->mem, work_dir);
    while (bare && n > 1 && bare[n - 1] == '/')
        bare[--n] = 0;
    t->out_dir = bare ? path_join(t->mem, out_dir, path_base(bare)) : NULL;
    if (!t->out_dir)
        return fail_memory(err);
    /* Both may be the same folder, which is locked already. */
    return same_folder(work_dir, t->out_dir) ? CSEG_OK : open_folder(t, t->out_dir, err);
}

/* ---- the last checkpoint ---------------------------------------------------------------------------------------- */

cseg_status trainer_point_to(trainer *t, const char *path, cseg_error *err)
{
    if (t->e->profile->checkpoint.marked) {
        char *mark = path_join(t->mem, t->e->work_dir, "last_checkpoint");
        return mark ? file_replace_bytes(mark, path, strlen(path), t->mem, err) : fail_memory(err);
    }
    if (!t->e->checkpoint.link)
        return CSEG_OK;
    char *link = path_join(t->mem, t->out_dir, "latest.pth"),
         *beside = path_join(t->mem, t->out_dir, ".latest.pth.new");
    if (!link || !beside)
        return fail_memory(err);
    unlink(beside);
    if (symlink(path_base(path), beside) != 0 || rename(beside, link) != 0)
        return fail_errno(err, link, "link the latest checkpoint");
    return CSEG_OK;
}

/* A folder that was copied or moved resumes from its own checkpoint, not from the one in its old place. */
static cseg_status marked(const trainer *t, char **out, cseg_error *err)
{
    const char *dirs[] = {t->out_dir, t->e->work_dir};
    char *mark = path_join(t->mem, t->e->work_dir, "last_checkpoint"), *text;
    size_t n;
    if (!mark)
        return fail_memory(err);
    if (!file_exists(mark))
        return CSEG_OK;
    TRY(file_read(mark, 4096, t->mem, &text, &n, err));
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
        text[--n] = 0;
    for (int i = 0; i < 2 && *path_base(text); i++) {
        char *here = path_join(t->mem, dirs[i], path_base(text));
        if (!here)
            return fail_memory(err);
        if (file_exists(here)) {
            *out = here;
            return CSEG_OK;
        }
    }
    if (n > 0 && file_exists(text))
        *out = text;
    return CSEG_OK;
}

static cseg_status highest_number(const trainer *t, char **out, cseg_error *err)
{
    const char *best = NULL;
    char **names;
    size_t n;
    int64_t most = -1;
    TRY(dir_list(t->out_dir, ".pth", false, t->mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        int64_t number = run_files_is_saved(names[i]) ? strtoll(strchr(names[i], '_') + 1, NULL, 10) : -1;
        if (number > most) {
            most = number;
            best = names[i];
        }
    }
    *out = best ? path_join(t->mem, t->out_dir, best) : NULL;
    return best && !*out ? fail_memory(err) : CSEG_OK;
}

static cseg_status find_last(const trainer *t, char **out, cseg_error *err)
{
    *out = NULL;
    if (t->e->profile->checkpoint.marked)
        TRY(marked(t, out, err));
    if (*out)
        return CSEG_OK;
    char *latest = path_join(t->mem, t->out_dir, "latest.pth");
    if (!latest)
        return fail_memory(err);
    if (!file_exists(latest))
        return highest_number(t, out, err);
    *out = latest;
    return CSEG_OK;
}

/* Returns whether the file, with links resolved, is in one of the run's folders. */
static bool is_own(const trainer *t, const char *real)
{
    char *dir = path_dir(t->mem, real);
    return dir && (same_folder(dir, t->out_dir) || same_folder(dir, t->e->work_dir));
}

cseg_status trainer_last_checkpoint(const trainer *t, char **out, cseg_error *err)
{
    TRY(find_last(t, out, err));
    char *real = *out ? realpath(*out, NULL) : NULL;
    if (real && !is_own(t, real))
        log_say(LOG_WARNING,
                "the last checkpoint of %s lies in another folder, %s: it is read, and this run goes on here",
                t->e->work_dir, real);
    free(real);
    return CSEG_OK;
}

/* ---- dropping --------------------------------------------------------------------------------------------------- */

void trainer_drop(const trainer *t, const char *name)
{
    char *path = path_join(t->mem, t->out_dir, name);
    if (path && unlink(path) != 0 && errno != ENOENT)
        log_say(LOG_WARNING, "%s cannot be removed (%s): more checkpoints stay than are to be kept", path,
                strerror(errno));
}

void trainer_drop_old(trainer *t)
{
    int64_t most = t->e->checkpoint.max_keep;
    run_files *f = &t->state.files;
    if (most <= 0 || (int64_t)f->kept.n <= most)
        return;
    size_t old = f->kept.n - (size_t)most;
    for (size_t i = 0; i < old; i++)
        trainer_drop(t, f->kept.at[i]);
    memmove(f->kept.at, f->kept.at + old, (size_t)most * sizeof *f->kept.at);
    f->kept.n = (size_t)most;
}
