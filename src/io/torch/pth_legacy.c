/* Reads the checkpoint format from before PyTorch 1.6: five pickles in a row (magic number, protocol, machine, object,
 * keys of the storages), then for each key the number of its elements (8 bytes) and the elements. */
#include <stdlib.h>
#include <string.h>

#include "io/torch/pth_file.h"

/* 0x1950a86a20f9469cfc6c, little-endian. */
static const uint8_t magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool pth_may_be_legacy(const uint8_t *bytes, size_t n)
{
    return n > 2 && bytes[0] == 0x80 && bytes[1] <= 5;
}

static cseg_status next(pth *p, size_t *at, const pickle_node **out, pickle_found *found, cseg_error *err)
{
    TRY(pickle_read(p->bytes + *at, p->n - *at, p->path, p->mem, out, found, err));
    *at += found->used;
    return CSEG_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const pth_storage *)a)->key, ((const pth_storage *)b)->key);
}

/* The storages that tensors refer to, each once. */
static cseg_status note_storages(pth *p, const pickle_found *found, cseg_error *err)
{
    size_t n = found->n_persistent, kept = 0;
    pth_storage *s = ARENA_ARRAY(p->mem, n, pth_storage);
    if (!s)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        pth_reference r;
        TRY(pth_read_reference(p, found->persistent[i], &r, err));
        s[i] = (pth_storage){.key = r.key, .type = r.type};
    }
    qsort(s, n, sizeof *s, by_key);
    for (size_t i = 0; i < n; i++) {
        bool known = kept && strcmp(s[kept - 1].key, s[i].key) == 0;
        if (known && s[kept - 1].type != s[i].type)
            return fail(err, CSEG_CORRUPT, "%s: storage '%.100s' is of two types", p->path, s[i].key);
        if (!known)
            s[kept++] = s[i];
    }
    p->storages.at = s;
    p->storages.n = p->storages.cap = kept;
    return CSEG_OK;
}

static cseg_status place_storages(pth *p, const pickle_node *keys, size_t at, cseg_error *err)
{
    if (keys->kind != PICKLE_LIST)
        return fail(err, CSEG_CORRUPT, "%s: the list of storages is missing before byte %zu", p->path, at);
    for (size_t i = 0; i < keys->seq.n; i++) {
        const char *key = pickle_str(keys->seq.at[i]);
        pth_storage *s = key ? pth_find_storage(p, key) : NULL;
        if (!s || s->bytes)
            return fail(err, CSEG_CORRUPT, "%s: the list of storages names %.100s twice or without use", p->path,
                        key ? key : "nothing");
        uint64_t count = 0, size = pth_type_size(s->type);
        if (p->n - at < 8)
            return fail(err, CSEG_CORRUPT, "%s: ends too early: storage '%.100s' should begin at byte %zu of %zu",
                        p->path, key, at, p->n);
        for (int k = 7; k >= 0; k--)
            count = count << 8 | p->bytes[at + (size_t)k];
        at += 8;
        if (count > (p->n - at) / size)
            return fail(err, CSEG_CORRUPT,
                        "%s: ends too early: storage '%.100s' at byte %zu has %llu elements of %llu "
                        "bytes, the file has %zu bytes",
                        p->path, key, at, (unsigned long long)count, (unsigned long long)size, p->n);
        s->bytes = p->bytes + at;
        s->n = count * size;
        at += s->n;
    }
    for (size_t i = 0; i < p->storages.n; i++)
        if (!p->storages.at[i].bytes)
            return fail(err, CSEG_CORRUPT, "%s: storage '%.100s' is missing", p->path, p->storages.at[i].key);
    return CSEG_OK;
}

cseg_status pth_open_legacy(pth *p, cseg_error *err)
{
    size_t at = 0;
    pickle_found found = {0};
    const pickle_node *node = NULL;
    int64_t protocol;
    TRY(next(p, &at, &node, &found, err));
    if (node->kind != PICKLE_BIGINT || node->str.n != sizeof magic || memcmp(node->str.text, magic, sizeof magic) != 0)
        return fail(err, CSEG_CORRUPT, "%s: is a plain pickle, not a checkpoint that torch.save wrote", p->path);
    TRY(next(p, &at, &node, &found, err));
    if (!pickle_int(node, &protocol) || protocol != 1001)
        return fail(err, CSEG_UNSUPPORTED, "%s: a version of PyTorch's older format that is not known", p->path);
    TRY(next(p, &at, &node, &found, err));
    const pickle_node *little = pickle_get(node, "little_endian");
    if (little && little->kind == PICKLE_BOOL && !little->boolean)
        return fail(err, CSEG_UNSUPPORTED, "%s: was written on a big-endian machine", p->path);
    TRY(next(p, &at, &p->root, &found, err));
    TRY(note_storages(p, &found, err));
    TRY(next(p, &at, &node, &found, err));
    return place_storages(p, node, at, err);
}
