#define _GNU_SOURCE
#include "base/temporary.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/* A signal handler reads these while other threads change them. From TAKEN on a place belongs to its owner, and its
 * name is read only while it is SET. Files beyond the number of places are written all the same, but a signal does not
 * remove them. */
enum { PLACES = 64 };
enum { EMPTY, TAKEN, SET };
static struct {
    atomic_int state;
    char name[PATH_MAX];
} places[PLACES];
static atomic_bool ending;

static void note(const char *name)
{
    for (int i = 0; i < PLACES; i++) {
        int empty = EMPTY;
        if (!atomic_compare_exchange_strong(&places[i].state, &empty, TAKEN))
            continue;
        size_t n = strlen(name);
        if (n >= sizeof places[i].name) {
            atomic_store(&places[i].state, EMPTY);
            return;
        }
        memcpy(places[i].name, name, n + 1);
        atomic_store(&places[i].state, SET);
        break;
    }
    while (atomic_load(&ending)) /* too late: the process may end at any moment, and must not make new files */
        pause();
}

void temporary_end(const char *name)
{
    for (int i = 0; i < PLACES; i++) {
        if (atomic_load(&places[i].state) == SET && strcmp(places[i].name, name) == 0) {
            atomic_store(&places[i].state, EMPTY);
            return;
        }
    }
}

void temporaries_remove(void)
{
    atomic_store(&ending, true);
    for (int i = 0; i < PLACES; i++)
        if (atomic_load(&places[i].state) == SET)
            unlink(places[i].name);
    for (int i = 0; i < PLACES; i++) /* folders, now that they are empty */
        if (atomic_load(&places[i].state) == SET)
            rmdir(places[i].name);
}

void temporary_hold(int fd)
{
    /* On file systems without locks leftovers stay; nothing else changes. */
    (void)flock(fd, LOCK_SH | LOCK_NB);
}

size_t temporary_leftover(const char *file)
{
    size_t n = strlen(file);
    if (!str_ends(file, ".tmp"))
        return 0;
    const char *end = file + n - 4, *digits = end;
    while (digits > file && isdigit((unsigned char)digits[-1]))
        digits--;
    if (digits == end || end - digits > 9 || digits - file < 2 || digits[-1] != '.')
        return 0;
    long pid = strtol(digits, NULL, 10);
    return pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH ? (size_t)(digits - 1 - file) : 0;
}

/* Removes a folder with its files; one with folders in it stays. Closes fd. */
static void remove_folder(int dir, const char *name, int fd)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        unlinkat(fd, e->d_name, 0); /* fails for . and .. */
    unlinkat(dir, name, AT_REMOVEDIR);
    closedir(d);
}

/* Removes the file or folder unless somebody is writing it: it is this user's, and it can be locked. */
static void remove_unheld(int dir, const char *file)
{
    struct stat st;
    int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    bool ours = fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (ours && S_ISDIR(st.st_mode)) {
        remove_folder(dir, file, fd);
        return;
    }
    if (ours && S_ISREG(st.st_mode))
        unlinkat(dir, file, 0);
    close(fd);
}

/* Removes what is left of `base` in a folder. Returns whether the folder holds any leftover at all. */
static bool sweep(const char *folder, const char *base)
{
    bool any = false;
    DIR *d = opendir(folder);
    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = temporary_leftover(e->d_name);
        any |= n > 0;
        if (n > 0 && strlen(base) == n && strncmp(e->d_name, base, n) == 0)
            remove_unheld(dirfd(d), e->d_name);
    }
    closedir(d);
    return any;
}

/* A folder of ten thousand results is listed once, not once for each of them. */
static void remove_leftovers(const char *path)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char clean[PATH_MAX]; /* the last folder, which had no leftovers */
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 2, slash ? path : "./") >= PATH_MAX)
        return;
    pthread_mutex_lock(&lock);
    if (strcmp(folder, clean) != 0) {
        bool any = sweep(folder, slash ? slash + 1 : path);
        strcpy(clean, any ? "" : folder);
    }
    pthread_mutex_unlock(&lock);
}

char *temporary_begin(const char *path, arena *mem)
{
    char *name = arena_printf(mem, "%s.%ld.tmp", path, (long)getpid());
    if (!name)
        return NULL;
    remove_leftovers(path);
    /* Writing to a link of this name would write to wherever it leads. */
    unlink(name);
    note(name);
    return name;
}

static void end_folder(const char *name, const char *const *names, bool removes)
{
    for (int i = 0; names[i]; i++) {
        char file[PATH_MAX];
        if (snprintf(file, sizeof file, "%s/%s", name, names[i]) >= PATH_MAX)
            continue;
        if (removes)
            unlink(file);
        temporary_end(file);
    }
    if (removes)
        rmdir(name);
    temporary_end(name);
}

cseg_status temporary_begin_folder(const char *path, const char *const *names, arena *mem, char **name, cseg_error *err)
{
    char *folder = temporary_begin(path, mem);
    if (!folder)
        return fail_memory(err);
    /* What a process with the same number left. */
    remove_unheld(AT_FDCWD, folder);
    for (int i = 0; names[i]; i++) {
        char file[PATH_MAX];
        if (snprintf(file, sizeof file, "%s/%s", folder, names[i]) < PATH_MAX)
            note(file);
    }
    if (mkdir(folder, 0777) == 0) {
        *name = folder;
        return CSEG_OK;
    }
    cseg_status status = fail_errno(err, folder, "create the folder");
    end_folder(folder, names, false); /* it is somebody else's */
    return status;
}

void temporary_remove_folder(const char *name, const char *const *names)
{
    end_folder(name, names, true);
}
