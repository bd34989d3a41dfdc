#include "engine/infer/scene_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <zlib.h>

#include "base/file.h"
#include "base/str.h"

static const char *const kind_names[STORE_KINDS] = {"labels", "scores", "confidence"};

typedef struct stored_part {
    int64_t kind, y, x, h, w;
} stored_part;

struct scene_store {
    arena *mem; /* its own: parts are put on another thread than the one that reads windows */
    const char *folder, *asked;
    int lock; /* -1: the file system has no locks */
    bool has_point;
    predict_point point;
    VEC(stored_part) parts;
};

/* The point's file: this, the parts, the sums, and a CRC of all of it. It is read on the machine that wrote it, or on
 * one like it; another byte order is another magic number. */
typedef struct point_head {
    uint64_t magic;
    int64_t strip, row, written, done, strip_bytes, from, to, n_sums, n_parts;
} point_head;
static const uint64_t point_magic = 0x31746e696f707363; /* "cspoint1" */

static char *in_folder(const scene_store *s, const char *name)
{
    return path_join(s->mem, s->folder, name);
}

static char *part_path(const scene_store *s, const stored_part *p)
{
    char name[128];
    snprintf(name, sizeof name, "%s-%lld-%lld.tif", kind_names[p->kind], (long long)p->y, (long long)p->x);
    return in_folder(s, name);
}

/* ---- opening ------------------------------------------------------------------------------------------------------
 */

static void release(void *arg)
{
    scene_store *s = arg;
    mem_free(s->point.sums);
    s->point.sums = NULL;
    if (s->lock >= 0)
        close(s->lock);
    s->lock = -1;
    arena_free(s->mem);
}

static cseg_status lock_folder(scene_store *s, cseg_error *err)
{
    char *path = in_folder(s, "lock");
    if (!path)
        return fail_memory(err);
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (s->lock < 0)
        return fail_errno(err, path, "write");
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return fail(err, CSEG_USAGE, "%s: another cseg infer is writing this; wait for it, or choose another --out",
                    s->folder);
    return CSEG_OK;
}

static bool is_ours(const char *name)
{
    for (int i = 0; i < STORE_KINDS; i++)
        if (str_starts(name, kind_names[i]) && strchr("-.", name[strlen(kind_names[i])]))
            return true;
    return str_starts(name, "asked.txt") || str_starts(name, "point.");
}

/* Only what a store writes is removed: the folder may have been made by somebody else. */
static cseg_status empty_folder(const scene_store *s, cseg_error *err)
{
    char **names;
    size_t n;
    TRY(dir_list(s->folder, NULL, false, s->mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = is_ours(names[i]) ? in_folder(s, names[i]) : NULL;
        if (path && unlink(path) != 0 && errno != ENOENT)
            return fail_errno(err, path, "remove");
    }
    return CSEG_OK;
}

static cseg_status refuse_other(const scene_store *s, const char *before, cseg_error *err)
{
    const char *now = s->asked;
    while (*before && *now) {
        size_t a = strcspn(before, "\n"), b = strcspn(now, "\n");
        if (a != b || memcmp(before, now, a) != 0)
            return fail(
                err, CSEG_USAGE,
                "%s was begun with \"%.*s\", now it is \"%.*s\"; do as before, or leave --resume out to begin anew",
                s->folder, (int)a, before, (int)b, now);
        before += a + (before[a] == '\n');
        now += b + (now[b] == '\n');
    }
    return fail(err, CSEG_USAGE, "%s was begun with other options; leave --resume out to begin anew", s->folder);
}

static cseg_status damaged(const char *path, cseg_error *err)
{
    return fail(err, CSEG_CORRUPT, "%s is damaged; leave --resume out to begin anew", path);
}

static cseg_status read_point(scene_store *s, const char *path, cseg_error *err)
{
    char *bytes;
    size_t n, at = sizeof(point_head);
    point_head head;
    arena *mem = arena_new(); /* the sums may be large */
    if (!mem)
        return fail_memory(err);
    cseg_status status = file_read(path, 0, mem, &bytes, &n, err);
    if (status != CSEG_OK)
        goto done;
    uint32_t sum;
    if (n < sizeof head + sizeof sum) {
        status = damaged(path, err);
        goto done;
    }
    n -= sizeof sum;
    memcpy(&head, bytes, sizeof head);
    memcpy(&sum, bytes + n, sizeof sum);
    uint64_t room = n - sizeof head;
    if (head.magic != point_magic || sum != (uint32_t)crc32_z(0, (const Bytef *)bytes, n) || head.n_parts < 0 ||
        head.n_sums < 0 || (uint64_t)head.n_parts > room / sizeof(stored_part) ||
        room - (uint64_t)head.n_parts * sizeof(stored_part) != (uint64_t)head.n_sums * sizeof(float)) {
        status = damaged(path, err);
        goto done;
    }
    for (int64_t i = 0; i < head.n_parts && status == CSEG_OK; i++, at += sizeof(stored_part)) {
        stored_part p;
        memcpy(&p, bytes + at, sizeof p);
        if (p.kind < 0 || p.kind >= STORE_KINDS)
            status = damaged(path, err);
        else if (!vec_push(s->mem, &s->parts, p))
            status = fail_memory(err);
    }
    s->point = (predict_point){.strip = head.strip,
                               .row = head.row,
                               .written = head.written,
                               .done = head.done,
                               .strip_bytes = (size_t)head.strip_bytes,
                               .from = head.from,
                               .to = head.to,
                               .n_sums = (size_t)head.n_sums};
    if (status == CSEG_OK && head.n_sums) {
        s->point.sums = mem_alloc_raw(s->point.n_sums * sizeof(float));
        if (s->point.sums)
            memcpy(s->point.sums, bytes + at, s->point.n_sums * sizeof(float));
        else
            status = fail_memory(err);
    }
    s->has_point = status == CSEG_OK;
done:
    arena_free(mem);
    return status;
}

static cseg_status check_parts(const scene_store *s, cseg_error *err)
{
    for (size_t i = 0; i < s->parts.n; i++) {
        char *path = part_path(s, &s->parts.at[i]);
        if (!path)
            return fail_memory(err);
        if (!file_exists(path))
            return fail(err, CSEG_NOT_FOUND, "%s is missing; leave --resume out to begin anew", path);
    }
    return CSEG_OK;
}

static cseg_status take_up(scene_store *s, const char *asked_path, cseg_error *err)
{
    char *before, *point = in_folder(s, "point.bin");
    size_t n;
    if (!point)
        return fail_memory(err);
    TRY(file_read(asked_path, 1 << 20, s->mem, &before, &n, err));
    if (strcmp(before, s->asked) != 0)
        return refuse_other(s, before, err);
    if (!file_exists(point))
        return CSEG_OK;
    TRY(read_point(s, point, err));
    return check_parts(s, err);
}

cseg_status scene_store_open(const char *folder, const char *asked, bool resume, arena *mem, scene_store **out,
                             cseg_error *err)
{
    scene_store *s = ARENA_NEW(mem, scene_store);
    if (!s)
        return fail_memory(err);
    s->lock = -1;
    s->mem = arena_new();
    if (!s->mem || !arena_defer(mem, release, s)) {
        arena_free(s->mem);
        return fail_memory(err);
    }
    s->folder = arena_strdup(s->mem, folder);
    s->asked = arena_strdup(s->mem, asked);
    char *path = s->folder && s->asked ? in_folder(s, "asked.txt") : NULL;
    if (!path)
        return fail_memory(err);
    TRY(dir_create(folder, err));
    TRY(lock_folder(s, err));
    if (resume && file_exists(path)) {
        TRY(take_up(s, path, err));
    } else {
        TRY(empty_folder(s, err));
        TRY(file_replace_bytes(path, asked, strlen(asked), s->mem, err));
    }
    *out = s;
    return CSEG_OK;
}

const predict_point *scene_store_point(const scene_store *s)
{
    return s->has_point ? &s->point : NULL;
}

const char *scene_store_folder(const scene_store *s)
{
    return s->folder;
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

cseg_status scene_store_put(scene_store *s, store_kind which, int64_t y, int64_t x, const image *part, cseg_error *err)
{
    stored_part p = {.kind = which, .y = y, .x = x, .h = part->h, .w = part->w};
    raster_spec spec = {
        .h = part->h, .w = part->w, .bands = part->c, .type = part->type == IMAGE_I32 ? IMAGE_U16 : part->type};
    raster_writer *w;
    arena *mem = arena_new();
    char *path = part_path(s, &p);
    cseg_status status = mem && path ? CSEG_OK : fail_memory(err);
    if (status == CSEG_OK)
        status = raster_create(path, &spec, mem, &w, err);
    if (status == CSEG_OK)
        status = raster_write(w, 0, 0, 0, part, err);
    if (status == CSEG_OK)
        status = raster_commit(w, err);
    arena_free(mem);
    if (status == CSEG_OK && !vec_push(s->mem, &s->parts, p))
        status = fail_memory(err);
    return status;
}

static bool put(FILE *f, uint32_t *sum, const void *data, size_t n)
{
    *sum = (uint32_t)crc32_z(*sum, data, n);
    return fwrite(data, 1, n, f) == n;
}

cseg_status scene_store_reach(scene_store *s, const predict_point *at, cseg_error *err)
{
    point_head head = {.magic = point_magic,
                       .strip = at->strip,
                       .row = at->row,
                       .written = at->written,
                       .done = at->done,
                       .strip_bytes = (int64_t)at->strip_bytes,
                       .from = at->from,
                       .to = at->to,
                       .n_sums = (int64_t)at->n_sums,
                       .n_parts = (int64_t)s->parts.n};
    arena *mem = arena_new();
    char *path = in_folder(s, "point.bin");
    file_replace f = {0};
    cseg_status status = mem && path ? file_replace_open(&f, path, mem, err) : fail_memory(err);
    uint32_t sum = 0;
    if (status == CSEG_OK) {
        bool good = put(f.out, &sum, &head, sizeof head) &&
                    (!s->parts.n || put(f.out, &sum, s->parts.at, s->parts.n * sizeof *s->parts.at)) &&
                    (!at->n_sums || put(f.out, &sum, at->sums, at->n_sums * sizeof *at->sums)) &&
                    fwrite(&sum, sizeof sum, 1, f.out) == 1;
        if (good) {
            status = file_replace_commit(&f, err);
        } else {
            status = fail_errno(err, path, "write");
            file_replace_abort(&f);
        }
    }
    arena_free(mem);
    return status;
}

/* ---- the result ---------------------------------------------------------------------------------------------------
 */

cseg_status scene_store_join(const scene_store *s, store_kind which, const char *path, const raster_spec *spec,
                             const raster_join_options *asked, cseg_error *err)
{
    raster_join_options o = *asked;
    VEC(raster_part) parts = {0};
    char name[64];
    snprintf(name, sizeof name, "%s.joined.tif", kind_names[which]);
    o.temporary = in_folder(s, name);
    for (size_t i = 0; i < s->parts.n; i++) {
        const stored_part *p = &s->parts.at[i];
        if (p->kind != (int64_t)which)
            continue;
        raster_part part = {.path = part_path(s, p), .y = p->y, .x = p->x, .h = p->h, .w = p->w};
        if (!part.path || !vec_push(s->mem, &parts, part))
            return fail_memory(err);
    }
    if (!o.temporary)
        return fail_memory(err);
    o.parts = parts.at;
    o.n = parts.n;
    return raster_join(path, spec, &o, err);
}

void scene_store_remove(scene_store *s)
{
    cseg_error ignored;
    char *lock = in_folder(s, "lock");
    if (empty_folder(s, &ignored) != CSEG_OK || !lock)
        return;
    unlink(lock);
    rmdir(s->folder);
}
