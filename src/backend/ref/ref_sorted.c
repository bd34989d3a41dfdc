/* Places in order, by sorting. */
#include <stdlib.h>

#include "backend/ref/ref.h"

typedef struct element {
    float x;
    int64_t at;
} element;

/* A NaN is larger than all; of equal elements the first in memory comes first. */
static int ascending(const void *p, const void *q)
{
    const element *a = p, *b = q;
    bool nan_a = isnan(a->x), nan_b = isnan(b->x);
    if (nan_a != nan_b)
        return nan_a ? 1 : -1;
    if (!nan_a && a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static int descending(const void *p, const void *q)
{
    const element *a = p, *b = q;
    bool equal = a->x == b->x || (isnan(a->x) && isnan(b->x));
    return equal ? ascending(p, q) : -ascending(p, q);
}

static size_t elements(const node *n)
{
    return (size_t)tensor_count(n->in[0]) * sizeof(element);
}

static int64_t sort_some(const float *x, const uint8_t *mask, int64_t count, bool down, element *to)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++)
        if (!mask || mask[i])
            to[found++] = (element){x[i], i};
    qsort(to, (size_t)found, sizeof *to, down ? descending : ascending);
    return found;
}

static int64_t sorted(const node *n, void *const *in, bool down, element *to)
{
    return sort_some(in[0], ref_optional(n, in, 1), tensor_count(n->in[0]), down, to);
}

REF(kth_value, elements)
{
    element *all = scratch;
    int64_t found = sorted(n, in, n->attr.rank.descending, all), k = n->attr.rank.k;
    *(float *)out[0] = found ? all[k < found ? k : found - 1].x : 0;
}

REF(largest, elements)
{
    element *all = scratch;
    int64_t found = sorted(n, in, true, all);
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < found && i < n->attr.rank.k; i++)
        ((uint8_t *)out[0])[all[i].at] = 1;
}

static int by_place(const void *p, const void *q)
{
    const int32_t *a = p, *b = q;
    return *a < *b ? -1 : *a > *b;
}

REF(top_places, elements)
{
    int64_t length = n->in[0]->dim[1], k = n->attr.rank.k;
    for (int64_t i = 0; i < n->in[0]->dim[0]; i++) {
        element *all = scratch;
        int32_t *places = (int32_t *)out[0] + i * k;
        sort_some((const float *)in[0] + i * length, NULL, length, true, all);
        for (int64_t j = 0; j < k; j++)
            places[j] = (int32_t)all[j].at;
        qsort(places, (size_t)k, sizeof *places, by_place);
    }
}

/* Sorted by falling error, the elements taken so far are an answer; its weight is by how much one more raises
 * 1 - intersection / union with the foreground. */
static void jaccard_steps(const element *sorted, int64_t count, int64_t each, const float *fg, float *out)
{
    double both = 0, either = 0, before = 0;
    for (int64_t i = 0; i < count; i++)
        both += (double)fg[sorted[i].at * each];
    either = both;
    for (int64_t i = 0; i < count; i++) {
        double is = (double)fg[sorted[i].at * each];
        both -= is;
        either += 1 - is;
        out[sorted[i].at * each] = (float)(1 - both / either - before);
        before = 1 - both / either;
    }
}

REF(jaccard_weight, elements)
{
    const float *x = in[0], *fg = in[1];
    const uint8_t *mask = in[2];
    int64_t pixels = n->in[0]->dim[1], each = n->in[0]->dim[2];
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t row = 0; row < n->in[0]->dim[0] * each; row++) {
        int64_t image = row / each, begin = image * pixels * each + row % each, found = 0;
        element *all = scratch;
        for (int64_t i = 0; i < pixels; i++)
            if (mask[image * pixels + i])
                all[found++] = (element){x[begin + i * each], i};
        qsort(all, (size_t)found, sizeof *all, descending);
        jaccard_steps(all, found, each, fg + begin, (float *)out[0] + begin);
    }
}
