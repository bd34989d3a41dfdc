/* What the pieces of attention's gradient have summed up, added in their order. */
#include "backend/cpu/attention_grad.h"

void attention_grad_keys(const attention_grad_call *g, int64_t first, int64_t pairs, int64_t key, int64_t keys)
{
    const attention_grad_kernel *k = g->k;
    const attention_sizes *s = &k->s;
    const attention_table *v = g->c->b->simd->attention;
    int64_t blocks = parts_of(keys, s->block).count;
#pragma omp for collapse(2) schedule(static)
    for (int64_t i = 0; i < pairs; i++)
        for (int64_t b = 0; b < blocks; b++) {
            int64_t count = least_of(s->block, keys - b * s->block), at = b * s->block * (s->d + s->e);
            float *sum = attention_sums(g, k->at_dkeys, k->dkeys, i * k->queries.count) + at;
            for (int64_t p = 1; p < k->queries.count; p++) {
                const float *more = attention_sums(g, k->at_dkeys, k->dkeys, i * k->queries.count + p) + at;
                v->add(more, 0, 1, count * (s->d + s->e), sum, 0);
            }
            attention_unit u = {.image = attention_span_of(k, first + i)};
            int64_t head = attention_head_of(k, first + i), from = key + b * s->block;
            if (g->d[1].at)
                attention_write(g->c->b, &g->d[1], &u, head, from, count, (matrix){sum, s->d}, NULL, s->a->scale);
            if (g->d[2].at)
                attention_write(g->c->b, &g->d[2], &u, head, from, count, (matrix){sum + count * s->d, s->e}, NULL, 1);
        }
}

void attention_grad_table(const attention_grad_call *g)
{
    const attention_grad_kernel *k = g->k;
    const attention_attr *a = k->s.a;
    int64_t rows = attention_table_rows(a);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < rows * a->heads; i++) {
        int64_t at = attention_reversed(a, i / a->heads), head = i % a->heads;
        double sum = 0;
        for (int64_t span = 0; span < k->spans.count; span++)
            for (int64_t p = 0; p < k->queries.count; p++)
                sum += (double)attention_sums(g, k->at_dtable, k->dtable,
                                              (span * a->heads + head) * k->queries.count + p)[at];
        g->dtable[i] = (float)sum;
    }
}

static void sum_outside(const attention_grad_call *g, int64_t head, int64_t from, int64_t channels, float *to)
{
    const attention_grad_kernel *k = g->k;
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t span = 0; span < k->spans.count; span++)
            sum += (double)attention_sums(g, k->at_doutside, k->doutside, span * k->s.a->heads + head)[from + c];
        to[c] = (float)sum;
    }
}

void attention_grad_outside(const attention_grad_call *g, int64_t channels)
{
    const attention_attr *a = g->k->s.a;
#pragma omp single
    {
        memset(g->doutside, 0, (size_t)channels * sizeof(float));
        for (int64_t h = 0; h < a->heads; h++) {
            sum_outside(g, h, 0, a->d, g->doutside + a->from[1] + h * a->d);
            sum_outside(g, h, a->d, a->e, g->doutside + a->from[2] + h * a->e);
        }
    }
}

/* Adds the slopes of a tile to the gradient of the bias [N,heads,L,M], where axes of 1 are repeated. */
static void add_bias(const attention_grad_call *g, const attention_piece *p, matrix slopes)
{
    for (int64_t i = 0; i < p->rows; i++) {
        float *to = g->dbias + attention_spread(g->c->bias_of, p->u->image, p->head, p->query + i, p->key);
        const float *from = matrix_at(slopes, i, 0);
        for (int64_t j = 0; j < p->count; j++)
            to[j] += from[j];
    }
}

/* Sums the gradient of one image and head of the bias, or of all that share it, in some keys. */
static void sum_bias(const attention_grad_call *g, int64_t image, int64_t head, int64_t key, const attention_slopes *r)
{
    const attention_sizes *s = &g->k->s;
    const tensor *t = g->c->bias_of;
    int64_t count = least_of(s->block, s->keys - key);
    int64_t images = t->dim[0] > 1 ? 1 : s->p.n, heads = t->dim[1] > 1 ? 1 : s->a->heads;
    for (int64_t i = 0; i < images * heads; i++) {
        attention_unit u = {.image = image + i / heads};
        attention_grad_block(g, &u, head + i % heads, key, count, r);
        for (int64_t at = 0; at < s->queries; at += s->tile) {
            attention_piece p = {&u, head + i % heads, at, least_of(s->tile, s->queries - at), key, count};
            attention_grad_scores(g, &p, r);
            attention_grad_slopes(g, &p, r);
            add_bias(g, &p, r->share);
        }
    }
}

void attention_grad_bias(const attention_grad_call *g, float *room)
{
    const attention_sizes *s = &g->k->s;
    const tensor *t = g->c->bias_of;
    attention_slopes r;
    attention_slopes_in(g->k, room, &r);
    int64_t rows = t->dim[2], blocks = parts_of(s->keys, s->block).count;
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < t->dim[0] * t->dim[1] * blocks; i++) {
        int64_t own = i / blocks, key = i % blocks * s->block, count = least_of(s->block, s->keys - key);
        for (int64_t row = 0; row < rows; row++)
            memset(g->dbias + (own * rows + row) * s->keys + key, 0, (size_t)count * sizeof(float));
        sum_bias(g, own / t->dim[1], own % t->dim[1], key, &r);
    }
}
