#define _GNU_SOURCE
#include "base/outputs.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

/* A file that exists (name NULL), or a name within a folder that exists. `entry` is the input or output that has it. */
typedef struct key {
    dev_t dev;
    ino_t ino;
    const char *name;
    size_t entry;
} key;

typedef struct entry {
    bool written;
    const char *path, *what, *of;
} entry;

typedef struct folder {
    dev_t dev;
    ino_t ino;
    bool folds; /* a and A are one name in it */
} folder;

struct outputs {
    arena *mem;
    VEC(entry) entries;
    VEC(key) keys;
    VEC(folder) folders;
};

outputs *outputs_new(arena *mem)
{
    outputs *o = ARENA_NEW(mem, outputs);
    if (o)
        o->mem = mem;
    return o;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* Whether a folder ignores case in names. Tried with a name that it holds. */
static bool folds_case(const char *path)
{
    bool folds = false, tried = false;
    DIR *d = opendir(path);
    if (!d)
        return false;
    for (struct dirent *e; !tried && (e = readdir(d));) {
        char other[256];
        struct stat a, b;
        size_t n = strlen(e->d_name);
        for (size_t i = 0; i <= n && n < sizeof other; i++) {
            unsigned char c = (unsigned char)e->d_name[i];
            other[i] = (char)(islower(c) ? toupper(c) : tolower(c));
        }
        if (n >= sizeof other || strcmp(other, e->d_name) == 0 || fstatat(dirfd(d), e->d_name, &a, AT_SYMLINK_NOFOLLOW))
            continue;
        tried = true;
        folds = fstatat(dirfd(d), other, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    }
    closedir(d);
    return folds;
}

static cseg_status find_folder(outputs *o, const char *path, const struct stat *st, bool *folds, cseg_error *err)
{
    for (size_t i = o->folders.n; i-- > 0;)
        if (o->folders.at[i].dev == st->st_dev && o->folders.at[i].ino == st->st_ino) {
            *folds = o->folders.at[i].folds;
            return CSEG_OK;
        }
    *folds = folds_case(path);
    folder f = {st->st_dev, st->st_ino, *folds};
    return vec_push(o->mem, &o->folders, f) ? CSEG_OK : fail_memory(err);
}

/* Turns "a/./b/../c" into "a/c", for folders that do not exist yet. In place. */
static void tidy(char *name)
{
    char *to = name;
    for (char *from = name, *next; *from; from = next) {
        size_t n = strcspn(from, "/");
        next = from + n + (from[n] == '/');
        if (n == 0 || (n == 1 && from[0] == '.'))
            continue;
        if (n == 2 && from[0] == '.' && from[1] == '.' && to > name) {
            to--;
            while (to > name && to[-1] != '/')
                to--;
            continue;
        }
        memmove(to, from, n);
        to += n;
        *to++ = '/';
    }
    if (to > name)
        to--;
    *to = 0;
}

/* Finds the place of a path: the nearest folder above it that exists, and the rest of the name. */
static cseg_status place_of(outputs *o, const char *path, key *out, cseg_error *err)
{
    struct stat st;
    bool folds;
    char *dir = path_dir(o->mem, path);
    size_t from = dir ? (size_t)(path_base(path) - path) : 0;
    while (dir && stat(dir, &st) != 0) {
        if (strcmp(dir, ".") == 0 || strcmp(dir, "/") == 0)
            return fail_errno(err, dir, "look into");
        from = (size_t)(path_base(dir) - dir);
        dir = path_dir(o->mem, dir);
    }
    char *name = dir ? arena_strdup(o->mem, path + from) : NULL;
    if (!name)
        return fail_memory(err);
    tidy(name);
    TRY(find_folder(o, dir, &st, &folds, err));
    for (char *c = name; folds && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    *out = (key){.dev = st.st_dev, .ino = st.st_ino, .name = name};
    return CSEG_OK;
}

static cseg_status add(outputs *o, const entry *e, cseg_error *err)
{
    entry mine = *e;
    key place, file;
    struct stat st;
    mine.path = arena_strdup(o->mem, e->path);
    if (!mine.path)
        return fail_memory(err);
    TRY(place_of(o, mine.path, &place, err));
    place.entry = o->entries.n;
    if (!vec_push(o->mem, &o->entries, mine) || !vec_push(o->mem, &o->keys, place))
        return fail_memory(err);
    if (stat(mine.path, &st) != 0)
        return CSEG_OK; /* the output will be created, or will replace a dangling link */
    if (mine.written)
        TRY(file_check_output(mine.path, err));
    file = (key){.dev = st.st_dev, .ino = st.st_ino, .entry = place.entry};
    return vec_push(o->mem, &o->keys, file) ? CSEG_OK : fail_memory(err);
}

cseg_status outputs_add_input(outputs *o, const char *path, const char *what, cseg_error *err)
{
    return file_exists(path) ? add(o, &(entry){.path = path, .what = what}, err) : CSEG_OK;
}

cseg_status outputs_add(outputs *o, const char *path, const char *what, const char *of, cseg_error *err)
{
    return add(o, &(entry){.written = true, .path = path, .what = what, .of = of}, err);
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    if (x->ino != y->ino)
        return x->ino < y->ino ? -1 : 1;
    int names = !x->name || !y->name ? (x->name != NULL) - (y->name != NULL) : strcmp(x->name, y->name);
    return names ? names : (x->entry > y->entry) - (x->entry < y->entry);
}

static bool same_place(const key *x, const key *y)
{
    return x->dev == y->dev && x->ino == y->ino &&
           (x->name && y->name ? strcmp(x->name, y->name) == 0 : x->name == y->name);
}

static bool same_result(const entry *a, const entry *b)
{
    return strcmp(a->what, b->what) == 0 && (a->of && b->of ? strcmp(a->of, b->of) == 0 : a->of == b->of);
}

/* Two paths of one place that must not share it: the output, and the input or output that was there first. */
typedef struct clash {
    size_t output, other;
    bool found;
} clash;

/* keys[0, n) have one place, in the order in which they were added. */
static void look_at(const outputs *o, const key *keys, size_t n, clash *first)
{
    const entry *e = o->entries.at;
    size_t input = n, output = n;
    for (size_t i = n; i-- > 0;)
        *(e[keys[i].entry].written ? &output : &input) = i;
    if (output == n)
        return;
    clash c = {.output = keys[output].entry, .found = input < n};
    if (c.found)
        c.other = keys[input].entry;
    /* The other names of a file are not outputs of this run: only names are compared. */
    for (size_t i = output + 1; !c.found && keys->name && i < n; i++)
        if (!same_result(&e[keys[i].entry], &e[keys[output].entry]))
            c = (clash){keys[i].entry, keys[output].entry, true};
    if (c.found && (!first->found || c.output < first->output))
        *first = c;
}

static cseg_status tell(const entry *output, const entry *other, const char *way_out, cseg_error *err)
{
    const char *of = output->of ? output->of : "", *blank = output->of ? " " : "";
    if (!other->written)
        return fail(err, CSEG_USAGE, "%s%s%s would be written to %s, over %s %s; %s", output->what, blank, of,
                    output->path, other->what, other->path, way_out);
    return fail(err, CSEG_USAGE, "%s%s%s and %s%s%s would both be written to %s; %s", other->what, other->of ? " " : "",
                other->of ? other->of : "", output->what, blank, of, output->path, way_out);
}

cseg_status outputs_check(const outputs *o, const char *way_out, cseg_error *err)
{
    clash first = {0};
    size_t n = o->keys.n;
    if (n)
        qsort(o->keys.at, n, sizeof *o->keys.at, by_place);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && same_place(&o->keys.at[i], &o->keys.at[end]);)
            end++;
        look_at(o, o->keys.at + i, end - i, &first);
    }
    return first.found ? tell(&o->entries.at[first.output], &o->entries.at[first.other], way_out, err) : CSEG_OK;
}
