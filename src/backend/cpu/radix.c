/* Finds elements by their place in sorted order, without sorting, by radix selection: three passes count the elements
 * that have the leading bits found so far, by their next bits. Counts do not depend on order, so each thread counts a
 * part of the elements. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/float_key.h"
#include "backend/cpu/top_places.h"

enum { MANY_ROWS = 16 };

typedef struct rank_kernel {
    cpu_kernel k;
    int64_t count;
    int stretches;
} rank_kernel;

typedef struct found {
    uint32_t key;         /* of the element at the wanted place */
    int64_t count, above; /* number of elements, and of those with a larger key */
} found;

static float number_of(uint32_t key)
{
    float x;
    uint32_t bits = key >> 31 ? key & 0x7fffffffu : ~key;
    if (key == UINT32_MAX)
        return NAN;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int64_t begin_of(const rank_kernel *k, int stretch)
{
    return k->count * stretch / k->stretches;
}

/* bins[KEY_BINS] for each part: counts elements whose bits above this pass's equal those of `key`, by their bits in
 * this pass. */
static void count(const rank_kernel *k, void *const *in, int pass, uint32_t key, int64_t *bins)
{
    const float *x = in[0];
    const uint8_t *mask = in[1];
    int above = pass ? key_shift(pass - 1) : 32;
    uint64_t leading = (uint64_t)key >> above;
#pragma omp parallel for schedule(static)
    for (int s = 0; s < k->stretches; s++) {
        int64_t *own = bins + s * KEY_BINS;
        memset(own, 0, KEY_BINS * sizeof *own);
        for (int64_t i = begin_of(k, s); i < begin_of(k, s + 1); i++) {
            uint32_t is = float_key(x[i]);
            if ((!mask || mask[i]) && (uint64_t)is >> above == leading)
                own[key_digit(is, pass)]++;
        }
    }
    for (int s = 1; s < k->stretches; s++)
        for (int i = 0; i < KEY_BINS; i++)
            bins[i] += bins[s * KEY_BINS + i];
}

static found find(const rank_kernel *k, void *const *in, int64_t place, bool descending, int64_t *bins)
{
    found f = {0};
    int64_t index = 0, below = 0; /* in ascending order; below: elements with smaller keys so far */
    for (int pass = 0; pass < KEY_DIGITS; pass++) {
        uint32_t digit = 0;
        count(k, in, pass, f.key, bins);
        for (int i = 0; pass == 0 && i < KEY_BINS; i++)
            f.count += bins[i];
        if (!f.count)
            return f;
        if (pass == 0) {
            index = place < f.count ? place : f.count - 1;
            index = descending ? f.count - 1 - index : index;
        }
        while (index - below >= bins[digit])
            below += bins[digit++];
        f.key |= digit << key_shift(pass);
        f.above = f.count - below - bins[digit];
    }
    return f;
}

/* in[1] is the mask, or NULL. */
static void inputs_of(const rank_kernel *k, void *const *in, void *to[2])
{
    to[0] = in[0];
    to[1] = k->k.n->n_in > 1 ? in[1] : NULL;
}

static cseg_status kth_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const rank_kernel *k = (const rank_kernel *)base;
    const rank_attr *a = &k->k.n->attr.rank;
    void *own[2];
    inputs_of(k, in, own);
    found f = find(k, own, a->k, a->descending, scratch);
    *(float *)out[0] = f.count ? number_of(f.key) : 0;
    return CSEG_OK;
}

/* Marks the elements of a part with a larger key, and the first `wanted` of those with the same key. Returns how many
 * have the same key. y NULL: only counts. */
static int64_t mark(const rank_kernel *k, void *const *in, int stretch, uint32_t key, int64_t wanted, uint8_t *y)
{
    const float *x = in[0];
    const uint8_t *mask = in[1];
    int64_t equal = 0;
    for (int64_t i = begin_of(k, stretch); i < begin_of(k, stretch + 1); i++) {
        uint32_t is = float_key(x[i]);
        bool counts = !mask || mask[i];
        if (y)
            y[i] = counts && (is > key || (is == key && equal < wanted));
        equal += counts && is == key;
    }
    return equal;
}

static cseg_status largest_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const rank_kernel *k = (const rank_kernel *)base;
    int64_t most = k->k.n->attr.rank.k, *equal = scratch;
    void *own[2];
    inputs_of(k, in, own);
    found f = most ? find(k, own, most - 1, true, scratch) : (found){0};
    if (!most || !f.count) {
        memset(out[0], 0, (size_t)k->count);
        return CSEG_OK;
    }
#pragma omp parallel for schedule(static)
    for (int s = 0; s < k->stretches; s++)
        equal[s] = mark(k, own, s, f.key, 0, NULL);
    for (int64_t s = 0, left = most - f.above, n; s < k->stretches; s++, left -= n) {
        n = equal[s];
        equal[s] = left;
    }
#pragma omp parallel for schedule(static)
    for (int s = 0; s < k->stretches; s++)
        mark(k, own, s, f.key, equal[s], out[0]);
    return CSEG_OK;
}

/* Counts a part's elements with a larger key and those with the same. */
static void tally(const rank_kernel *k, const float *x, int stretch, uint32_t key, int64_t *larger, int64_t *equal)
{
    *larger = *equal = 0;
    for (int64_t i = begin_of(k, stretch); i < begin_of(k, stretch + 1); i++) {
        uint32_t is = float_key(x[i]);
        *larger += is > key;
        *equal += is == key;
    }
}

/* Writes the places of a part's elements with a larger key, and of the first `wanted` of those with the same. */
static void list(const rank_kernel *k, const float *x, int stretch, uint32_t key, int64_t wanted, int32_t *places)
{
    for (int64_t i = begin_of(k, stretch); i < begin_of(k, stretch + 1); i++) {
        uint32_t is = float_key(x[i]);
        if (is > key || (is == key && wanted-- > 0))
            *places++ = (int32_t)i;
    }
}

/* room: for the tallies of all parts, which become the first place that a part writes, and how many equals it may. */
static void places_of_row(const rank_kernel *k, const float *x, int64_t most, int64_t *room, int32_t *places)
{
    int64_t *start = room, *wanted = room + k->stretches;
    found f = find(k, (void *[]){(void *)(uintptr_t)x, NULL}, most - 1, true, room);
#pragma omp parallel for schedule(static)
    for (int s = 0; s < k->stretches; s++)
        tally(k, x, s, f.key, &start[s], &wanted[s]);
    int64_t at = 0, left = most - f.above;
    for (int s = 0; s < k->stretches; s++) {
        int64_t larger = start[s], equal = wanted[s] < left ? wanted[s] : left;
        start[s] = at;
        wanted[s] = equal;
        at += larger + equal;
        left -= equal;
    }
#pragma omp parallel for schedule(static)
    for (int s = 0; s < k->stretches; s++)
        list(k, x, s, f.key, wanted[s], places + start[s]);
}

static cseg_status places_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const rank_kernel *k = (const rank_kernel *)base;
    int64_t most = k->k.n->attr.rank.k;
    for (int64_t i = 0; i < k->k.n->in[0]->dim[0]; i++)
        places_of_row(k, (const float *)in[0] + i * k->count, most, scratch, (int32_t *)out[0] + i * most);
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    rank_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    k->count = n->op == OP_top_places ? n->in[0]->dim[1] : tensor_count(n->in[0]);
    k->stretches = b->options.threads;
    k->k.base.scratch = (size_t)k->stretches * KEY_BINS * sizeof(int64_t);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_kth_value = {.prepare = prepare, .run = kth_run};

const cpu_op cpu_op_largest = {.prepare = prepare, .run = largest_run};

static cseg_status prepare_places(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    bool many = n->in[0]->dim[0] >= MANY_ROWS;
    return many ? top_places_of_rows(b, n, mem, out, err) : prepare(b, n, mem, out, err);
}

const cpu_op cpu_op_top_places = {.prepare = prepare_places, .run = places_run};
