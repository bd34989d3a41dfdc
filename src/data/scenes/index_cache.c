#include "data/scenes/index_cache.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "io/net/sha256.h"

/* The file: FIRST_LINE, what it depends on, numbers of squares and of counts, each a line of text; then, little-endian
 * as everything here is, cells and counts; then the SHA-256 of all of that, so that no changed byte is believed. */
#define FIRST_LINE "cseg scene index 1\n"

enum { LARGEST = 1 << 30, SEAL = 64 };

static const char *head_of(const scene_index_options *how, const scene_index *x, arena *mem)
{
    return arena_printf(mem, FIRST_LINE "%s\n%lld %lld %lld %lld\n", how->depends_on, (long long)x->h, (long long)x->w,
                        (long long)x->side, (long long)x->n_counts);
}

static void seal_of(const char *text, size_t n, char hex[static SEAL + 1])
{
    sha256 s;
    sha256_begin(&s);
    sha256_add(&s, text, n);
    sha256_end(&s, hex);
}

/* Each square's counts are within the list and add up to its pixels. */
static bool is_plausible(const scene_index *x)
{
    for (int64_t i = 0; i < x->rows * x->columns; i++) {
        const index_cell *c = &x->cells[i];
        region r = scene_index_square(x, i);
        int64_t left = r.h * r.w;
        if ((int64_t)c->first + c->n > x->n_counts)
            return false;
        for (uint32_t k = c->first; k < c->first + c->n; k++) {
            if (x->counts[k].value >= INDEX_VALUES)
                return false;
            left -= x->counts[k].count;
        }
        if (left != 0)
            return false;
    }
    return true;
}

static bool parse(const scene_index_options *how, char *text, size_t n, arena *mem, scene_index *x)
{
    char seal[SEAL + 1];
    scene_index found = *x;
    if (n < SEAL + sizeof FIRST_LINE || !str_starts(text, FIRST_LINE))
        return false;
    n -= SEAL;
    seal_of(text, n, seal);
    if (memcmp(text + n, seal, SEAL) != 0)
        return false;
    const char *last = text;
    for (int i = 0; i < 2 && last; i++)
        last = strchr(last, '\n') ? strchr(last, '\n') + 1 : NULL;
    long long count;
    if (!last || sscanf(last, "%*d %*d %*d %lld", &count) != 1 || count < 0)
        return false;
    found.n_counts = count;
    const char *head = head_of(how, &found, mem);
    size_t at = head ? strlen(head) : 0, cells = (size_t)(x->rows * x->columns) * sizeof *x->cells;
    if (!head || !str_starts(text, head) || (size_t)count > n / sizeof *x->counts ||
        n != at + cells + (size_t)count * sizeof *x->counts)
        return false;
    found.counts = ARENA_ARRAY(mem, (size_t)count + 1, index_count);
    if (!found.counts)
        return false;
    memcpy(found.cells, text + at, cells);
    memcpy(found.counts, text + at + cells, (size_t)count * sizeof *found.counts);
    if (!is_plausible(&found))
        return false;
    *x = found;
    return true;
}

bool index_cache_read(const scene_index_options *how, arena *mem, scene_index *x)
{
    cseg_error ignored;
    char *text;
    size_t n;
    arena *own = file_exists(how->cache_file) ? arena_new() : NULL;
    bool good =
        own && file_read(how->cache_file, LARGEST, own, &text, &n, &ignored) == CSEG_OK && parse(how, text, n, mem, x);
    arena_free(own);
    return good;
}

static cseg_status write(const scene_index_options *how, const scene_index *x, arena *mem, cseg_error *err)
{
    char hex[SEAL + 1];
    file_replace file;
    sha256 s;
    const char *head = head_of(how, x, mem);
    char *dir = path_dir(mem, how->cache_file);
    if (!head || !dir)
        return fail_memory(err);
    const struct {
        const void *data;
        size_t n;
    } parts[] = {{head, strlen(head)},
                 {x->cells, (size_t)(x->rows * x->columns) * sizeof *x->cells},
                 {x->counts, (size_t)x->n_counts * sizeof *x->counts}};
    TRY(dir_create(dir, err));
    TRY(file_replace_open(&file, how->cache_file, mem, err));
    sha256_begin(&s);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].n) {
            sha256_add(&s, parts[i].data, parts[i].n);
            fwrite(parts[i].data, 1, parts[i].n, file.out); /* commit reports what goes wrong */
        }
    sha256_end(&s, hex);
    fwrite(hex, 1, SEAL, file.out);
    return file_replace_commit(&file, err);
}

void index_cache_write(const scene_index_options *how, const scene_index *x, arena *mem)
{
    cseg_error error;
    if (write(how, x, mem, &error) != CSEG_OK)
        log_say(LOG_WARNING, "what was found about the labels is not kept: %-s", error.text);
}
