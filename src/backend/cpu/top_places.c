/* The places of the largest numbers of each of many rows: a thread does whole rows. It counts a row's numbers by their
 * leading bits and looks closer only at those that share them with the last one chosen. */
#include "backend/cpu/top_places.h"

#include "backend/cpu/float_key.h"

typedef struct rows_kernel {
    cpu_kernel k;
    int64_t rows, count, most;
} rows_kernel;

/* A thread's room: the row's keys (float_key.h), and those that may be the last one chosen. */
typedef struct row_room {
    uint32_t *key, *near;
} row_room;

/* Counts keys by their bits in this pass. Neighbours are often equal; so they are counted in turn in two places. */
static void count(const uint32_t *key, int64_t n, int pass, int32_t *bins)
{
    int32_t other[KEY_BINS] = {0};
    memset(bins, 0, KEY_BINS * sizeof *bins);
    for (int64_t i = 0; i + 1 < n; i += 2) {
        bins[key_digit(key[i], pass)]++;
        other[key_digit(key[i + 1], pass)]++;
    }
    if (n % 2)
        bins[key_digit(key[n - 1], pass)]++;
    for (int i = 0; i < KEY_BINS; i++)
        bins[i] += other[i];
}

/* The largest digit that fewer than *wanted keys exceed; *wanted falls by their number. */
static uint32_t last_digit(const int32_t *bins, int64_t *wanted)
{
    uint32_t digit = KEY_BINS - 1;
    while (bins[digit] < *wanted)
        *wanted -= bins[digit--];
    return digit;
}

/* Keeps the keys that have the digit; returns their number. `to` may be `key`. */
static int64_t keep(const uint32_t *key, int64_t n, int pass, uint32_t digit, uint32_t *to)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t is = key[i];
        to[kept] = is;
        kept += key_digit(is, pass) == digit;
    }
    return kept;
}

static void places_of_row(const rows_kernel *k, const float *x, const row_room *room, int32_t *places)
{
    int32_t bins[KEY_BINS];
    int64_t wanted = k->most, n = k->count; /* in the end: how many of those with the same key */
    uint32_t last = 0, *key = room->key;
    k->k.b->simd->points->keys(x, n, key);
    for (int pass = 0; pass < KEY_DIGITS; pass++) {
        const uint32_t *from = pass ? room->near : key;
        count(from, n, pass, bins);
        uint32_t digit = last_digit(bins, &wanted);
        last |= digit << key_shift(pass);
        n = keep(from, n, pass, digit, room->near);
    }
    for (int64_t i = 0, at = 0; at < k->most; i++) {
        int equal = key[i] == last;
        places[at] = (int32_t)i;
        at += (key[i] > last) | (equal & (wanted > 0));
        wanted -= equal;
    }
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const rows_kernel *k = (const rows_kernel *)base;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->rows; i++) {
        uint32_t *own = (uint32_t *)scratch + omp_get_thread_num() * 2 * k->count;
        row_room room = {own, own + k->count};
        places_of_row(k, (const float *)in[0] + i * k->count, &room, (int32_t *)out[0] + i * k->most);
    }
    return CSEG_OK;
}

cseg_status top_places_of_rows(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    rows_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    k->rows = n->in[0]->dim[0];
    k->count = n->in[0]->dim[1];
    k->most = n->attr.rank.k;
    k->k.base.scratch = (size_t)(b->options.threads * 2 * k->count) * sizeof(uint32_t);
    *out = &k->k.base;
    return CSEG_OK;
}
