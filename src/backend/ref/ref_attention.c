/* Attention by its definition, one query at a time. */
#include "backend/ref/ref.h"
#include "graph/ops/attention_place.h"
#include "graph/ops/dropout_mask.h"

/* A query of a head and all that it sees. */
typedef struct view {
    const node *n;
    const attention_attr *a;
    attention_places p;
    void *const *in;
    int first; /* where the bias is among the inputs */
    dropout_mask dropped;
    int64_t image, head, query;
    attention_query at;
} view;

static view view_of(const node *n, void *const *in, int first)
{
    view v = {.n = n, .a = &n->attr.attention, .in = in, .first = first};
    v.p = attention_places_of(v.a, n->in[0], n->in[1]);
    if (v.a->p > 0)
        v.dropped = dropout_mask_of(&(dropout_attr){.p = v.a->p, .salt = v.a->salt},
                                    in[first + ATTENTION_SEED - ATTENTION_BIAS]);
    return v;
}

/* Goes to query i of all images and heads. */
static void view_go(view *v, int64_t i)
{
    v->query = i % v->p.queries;
    v->head = i / v->p.queries % v->a->heads;
    v->image = i / v->p.queries / v->a->heads;
    v->at = attention_query_of(&v->p, v->query);
}

static const void *optional(const view *v, int which)
{
    return ref_optional(v->n, v->in, v->first + which - ATTENTION_BIAS);
}

static const tensor *tensor_at(const view *v, int which)
{
    int i = v->first + which - ATTENTION_BIAS;
    return i < v->n->n_in ? v->n->in[i] : NULL;
}

/* Where the head's channels of a token lie in the tensor of queries (0), keys (1) or values (2). */
static int64_t offset_of(const view *v, int part, int64_t token)
{
    int64_t channels = ref_channels(v->n->in[part]), tokens = part ? v->p.tokens : v->p.queries;
    return (v->image * tokens + token) * channels + v->a->from[part] + v->head * (part < 2 ? v->a->d : v->a->e);
}

/* The key's or value's channels; NULL: zeros, beyond the map. */
static const float *row_of(const view *v, int part, int64_t token)
{
    if (token >= 0)
        return (const float *)v->in[part] + offset_of(v, part, token);
    const float *outside = optional(v, ATTENTION_OUTSIDE);
    return outside ? outside + v->a->from[part] + v->head * (part < 2 ? v->a->d : v->a->e) : NULL;
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; a && b && i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* The product with key j and all that is added to it. */
static double score(const view *v, int64_t j)
{
    attention_at key = attention_key(&v->p, &v->at, j);
    const uint8_t *mask = optional(v, ATTENTION_MASK);
    if ((key.token < 0 && v->a->unseen) ||
        (mask && mask[attention_spread(tensor_at(v, ATTENTION_MASK), v->image, v->head, v->query, j)]))
        return -INFINITY;
    double s = (double)v->a->scale * dot(row_of(v, 0, v->query), row_of(v, 1, key.token), v->a->d);
    const float *bias = optional(v, ATTENTION_BIAS), *table = optional(v, ATTENTION_TABLE);
    if (bias)
        s += (double)bias[attention_spread(tensor_at(v, ATTENTION_BIAS), v->image, v->head, v->query, j)];
    if (table)
        s += (double)table[attention_table_row(v->a, v->at.place, j) * v->a->heads + v->head];
    return key.apart ? s + (double)v->a->apart : s;
}

/* What is left of a share after dropout, as a factor. */
static double kept(const view *v, int64_t j)
{
    int64_t row = (v->image * v->a->heads + v->head) * v->p.queries + v->query;
    return v->a->p > 0 ? (double)dropout_factor(&v->dropped, (uint64_t)(row * v->p.keys + j)) : 1;
}

static size_t row_of_keys(const node *n)
{
    return (size_t)attention_places_of(&n->attr.attention, n->in[0], n->in[1]).keys * sizeof(double);
}

static void attend(const view *v, double *share, float *y, float *log_sum)
{
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < v->p.keys; j++) {
        share[j] = score(v, j);
        most = share[j] > most || isnan(share[j]) ? share[j] : most;
    }
    for (int64_t j = 0; j < v->p.keys; j++)
        sum += share[j] = exp(share[j] - most);
    for (int64_t c = 0; c < v->a->e; c++) {
        double total = 0;
        for (int64_t j = 0; j < v->p.keys; j++) {
            const float *value = row_of(v, 2, attention_key(&v->p, &v->at, j).token);
            total += value && share[j] != 0 ? share[j] * kept(v, j) * (double)value[c] : 0;
        }
        y[c] = (float)(total / sum);
    }
    *log_sum = (float)(most + log(sum));
}

REF(attention, row_of_keys)
{
    view v = view_of(n, in, ATTENTION_BIAS);
    for (int64_t i = 0; i < v.p.n * v.a->heads * v.p.queries; i++) {
        view_go(&v, i);
        float *y = (float *)out[0] + ((v.image * v.p.queries + v.query) * v.a->heads + v.head) * v.a->e;
        attend(&v, scratch, y, (float *)out[1] + i);
    }
}

static size_t sums_of_outputs(const node *n)
{
    int64_t count = 0;
    for (int i = 0; i < n->n_out; i++)
        count += tensor_count(n->out[i]);
    return (size_t)count * sizeof(double);
}

/* The sums of the gradients; NULL where none is asked for. */
typedef struct sums {
    double *of[6]; /* q, k, v, bias, table, outside */
} sums;

static void add(double *to, double by, const float *row, int64_t n)
{
    for (int64_t i = 0; to && row && i < n; i++)
        to[i] += by * (double)row[i];
}

/* Where gradients of the key's or value's row are summed. */
static double *sum_at(const view *v, const sums *s, int part, int64_t token)
{
    if (token >= 0)
        return s->of[part] ? s->of[part] + offset_of(v, part, token) : NULL;
    return s->of[5] ? s->of[5] + v->a->from[part] + v->head * (part < 2 ? v->a->d : v->a->e) : NULL;
}

static void unattend(const view *v, const sums *s, const float *y, const float *dy, double log_sum)
{
    double mean = dot(y, dy, v->a->e);
    for (int64_t j = 0; j < v->p.keys; j++) {
        int64_t token = attention_key(&v->p, &v->at, j).token;
        double alike = score(v, j), share = exp(alike - log_sum), keep = kept(v, j);
        if (isinf(alike) && alike < 0)
            continue;
        double slope = share * (keep * dot(row_of(v, 2, token), dy, v->a->e) - mean);
        add(sum_at(v, s, 0, v->query), slope * (double)v->a->scale, row_of(v, 1, token), v->a->d);
        add(sum_at(v, s, 1, token), slope * (double)v->a->scale, row_of(v, 0, v->query), v->a->d);
        add(sum_at(v, s, 2, token), share * keep, dy, v->a->e);
        if (s->of[3])
            s->of[3][attention_spread(tensor_at(v, ATTENTION_BIAS), v->image, v->head, v->query, j)] += slope;
        if (s->of[4])
            s->of[4][attention_table_row(v->a, v->at.place, j) * v->a->heads + v->head] += slope;
    }
}

REF(attention_grad, sums_of_outputs)
{
    view v = view_of(n, in, ATTENTION_GRAD_BIAS);
    double *total = ref_zeros(scratch, (int64_t)(sums_of_outputs(n) / sizeof(double))), *of_output[6] = {total};
    for (int i = 1; i < n->n_out; i++)
        of_output[i] = of_output[i - 1] + tensor_count(n->out[i - 1]);
    sums s;
    for (int i = 0; i < 6; i++)
        s.of[i] = v.a->into[i] < 0 ? NULL : of_output[v.a->into[i]];
    for (int64_t i = 0; i < v.p.n * v.a->heads * v.p.queries; i++) {
        view_go(&v, i);
        int64_t at = ((v.image * v.p.queries + v.query) * v.a->heads + v.head) * v.a->e;
        unattend(&v, &s, (const float *)in[ATTENTION_GRAD_Y] + at, (const float *)in[ATTENTION_GRAD_DY] + at,
                 (double)((const float *)in[ATTENTION_GRAD_LOG])[i]);
    }
    for (int i = 0; i < n->n_out; i++)
        ref_round(of_output[i], tensor_count(n->out[i]), out[i]);
}
