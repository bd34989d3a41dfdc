#include "io/archive/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/archive/archive_tar.h"
#include "io/file_map.h"

/* The most bytes that a member, or a gzipped tar, may unpack to: an image of the largest size (io/image/image.h). */
static const uint64_t MOST = UINT32_MAX;

bool archive_is_inside(const char *name)
{
    for (const char *at = name;; at++) {
        size_t n = strcspn(at, "/");
        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += n;
        if (!*at)
            return true;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const archive_member *)a)->name, ((const archive_member *)b)->name);
}

static cseg_status list_zip(const uint8_t *bytes, size_t n, arena *mem, archive *a, cseg_error *err)
{
    TRY(zip_open(bytes, n, a->path, mem, &a->zip, err));
    a->members = ARENA_ARRAY(mem, a->zip.count + 1, archive_member);
    if (!a->members)
        return fail_memory(err);
    for (size_t i = 0; i < a->zip.count; i++) {
        const zip_entry *e = a->zip.by_name[i];
        size_t length = strlen(e->name);
        if (length && e->name[length - 1] != '/') /* not a folder */
            a->members[a->n++] = (archive_member){.name = e->name, .size = e->size, .at.entry = e};
    }
    return CSEG_OK;
}

static cseg_status list_folder(arena *mem, archive *a, cseg_error *err)
{
    char **names;
    TRY(dir_list(a->path, NULL, true, mem, &names, &a->n, err));
    a->members = ARENA_ARRAY(mem, a->n + 1, archive_member);
    if (!a->members)
        return fail_memory(err);
    for (size_t i = 0; i < a->n; i++)
        a->members[i].name = names[i];
    return CSEG_OK;
}

static cseg_status list_file(arena *mem, archive *a, cseg_error *err)
{
    const uint8_t *bytes;
    size_t n;
    TRY(file_map(a->path, mem, &bytes, &n, err));
    if (archive_is_gzip(bytes, n))
        TRY(archive_gunzip(bytes, n, a->path, MOST, mem, &bytes, &n, err));
    if (zip_is(bytes, n)) {
        a->kind = ARCHIVE_ZIP;
        return list_zip(bytes, n, mem, a, err);
    }
    a->kind = ARCHIVE_TAR;
    if (archive_is_tar(bytes, n))
        return archive_list_tar(bytes, n, mem, a, err);
    return fail(err, CSEG_UNSUPPORTED, "%s: is no zip or tar archive; was it downloaded whole?", a->path);
}

/* A name that leads elsewhere is refused with the whole archive: nothing else in it deserves more trust. */
static cseg_status check_names(const archive *a, cseg_error *err)
{
    for (size_t i = 0; i < a->n; i++) {
        if (!archive_is_inside(a->members[i].name))
            return fail(err, CSEG_CORRUPT,
                        "%s: holds '%.200s', a name that leads out of the archive or is not plain; no program that "
                        "packs a dataset writes it. Get the archive from its authors again",
                        a->path, a->members[i].name);
        if (i && strcmp(a->members[i - 1].name, a->members[i].name) == 0)
            return fail(err, CSEG_CORRUPT, "%s: holds '%.200s' twice", a->path, a->members[i].name);
    }
    return CSEG_OK;
}

cseg_status archive_open(const char *path, arena *mem, const archive **out, cseg_error *err)
{
    archive *a = ARENA_NEW(mem, archive);
    char *own = arena_strdup(mem, path);
    if (!a || !own)
        return fail_memory(err);
    a->path = own;
    a->kind = ARCHIVE_FOLDER;
    TRY(file_is_dir(path) ? list_folder(mem, a, err) : list_file(mem, a, err));
    if (a->n)
        qsort(a->members, a->n, sizeof *a->members, by_name);
    TRY(check_names(a, err));
    *out = a;
    return CSEG_OK;
}

const archive_member *archive_find(const archive *a, const char *name)
{
    archive_member key = {.name = name};
    return a->n ? bsearch(&key, a->members, a->n, sizeof key, by_name) : NULL;
}

cseg_status archive_read(const archive *a, const archive_member *m, arena *mem, const uint8_t **bytes, size_t *n,
                         cseg_error *err)
{
    if (a->kind == ARCHIVE_FOLDER) {
        char *path = path_join(mem, a->path, m->name);
        return path ? file_map(path, mem, bytes, n, err) : fail_memory(err);
    }
    *n = m->size;
    if (a->kind == ARCHIVE_TAR) {
        *bytes = m->at.bytes;
        return CSEG_OK;
    }
    if (m->at.entry->deflated && m->size > MOST)
        return fail(err, CSEG_CORRUPT, "%s: '%.200s' would unpack to %llu bytes, more than an image can have", a->path,
                    m->name, (unsigned long long)m->size);
    return zip_bytes(&a->zip, m->at.entry, m->size, mem, bytes, err);
}

char *archive_name(const archive *a, const archive_member *m, arena *mem)
{
    if (a->kind == ARCHIVE_FOLDER)
        return path_join(mem, a->path, m->name);
    return arena_printf(mem, "%s: %s", a->path, m->name);
}
