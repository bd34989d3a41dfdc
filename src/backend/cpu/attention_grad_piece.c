/* The pieces of attention's gradient: shares are computed anew from what the forward pass keeps, the logarithm of each
 * query's sum; with the slopes of their products they are used while they are in the cache. */
#include <math.h>

#include "backend/cpu/attention_grad.h"

static int64_t lay(float *at, int64_t *used, int64_t floats, float **out)
{
    *out = at ? at + *used : NULL;
    return *used += attention_padded(floats);
}

int64_t attention_slopes_in(const attention_grad_kernel *k, float *at, attention_slopes *r)
{
    const attention_sizes *s = &k->s;
    int64_t used = 0, tile = s->tile, block = s->block, keys = attention_padded(s->keys);
    *r = (attention_slopes){.q.ld = s->d, .dy.ld = s->e, .y.ld = s->e, .share.ld = block, .slope.ld = block};
    r->keys.ld = r->values.ld = block;
    r->by_key.ld = r->dkeys.ld = r->dq.ld = s->d;
    r->dvalues.ld = s->e;
    r->table.ld = keys;
    float *units;
    lay(at, &used, attention_units_room(s), &units);
    r->units = attention_units_in(units);
    lay(at, &used, tile * s->d, &r->q.at);
    lay(at, &used, tile * s->e, &r->dy.at);
    lay(at, &used, tile * s->e, &r->y.at);
    lay(at, &used, tile * block, &r->share.at);
    lay(at, &used, tile * block, &r->slope.at);
    lay(at, &used, s->a->d * block, &r->keys.at);
    lay(at, &used, block * s->d, &r->by_key.at);
    lay(at, &used, s->a->e * block, &r->values.at);
    lay(at, &used, block * s->d, &r->dkeys.at);
    lay(at, &used, block * s->e, &r->dvalues.at);
    lay(at, &used, tile * s->d, &r->dq.at);
    lay(at, &used, k->dtable && s->a->window[0] ? s->queries * keys : 0, &r->table.at);
    lay(at, &used, k->room_for_scores ? tile * block : 0, &r->added);
    lay(at, &used, s->a->p > 0 ? block : 0, &r->factor);
    int64_t rows = k->half ? (tile + 1) / 2 : 0; /* pairs, and rows of half the size */
    lay(at, &used, rows * s->d, &r->q_half);
    lay(at, &used, rows * s->e, &r->dy_half);
    lay(at, &used, rows * block, &r->share_half);
    lay(at, &used, rows * s->d, &r->q_pairs);
    lay(at, &used, rows * s->e, &r->dy_pairs);
    lay(at, &used, rows * block, &r->share_pairs);
    lay(at, &used, tile, &r->log_sum);
    return lay(at, &used, tile, &r->mean);
}

/* The same for products of bfloat16. */
static void pack_half_block(const attention_grad_call *g, const attention_unit *u, int64_t head, int64_t key,
                            int64_t count, const attention_slopes *r)
{
    const attention_half_table *half = g->k->half;
    const attention_sizes *s = g->c->s;
    int64_t width = attention_padded(count);
    void *row[ATTENTION_TILE];
    attention_at_rows(&g->c->part[1], u, head, key, count, g->c->outside[1], row);
    half->columns((const void *const *)row, count, width, s->a->d, (uint32_t *)r->keys.at, r->keys.ld);
    half->pairs((const void *const *)row, count, s->a->d, (uint32_t *)r->by_key.at, r->by_key.ld);
    attention_at_rows(&g->c->part[2], u, head, key, count, g->c->outside[2], row);
    half->columns((const void *const *)row, count, width, s->a->e, (uint32_t *)r->values.at, r->values.ld);
}

void attention_grad_block(const attention_grad_call *g, const attention_unit *u, int64_t head, int64_t key,
                          int64_t count, const attention_slopes *r)
{
    const attention_call *c = g->c;
    if (g->k->half) {
        pack_half_block(g, u, head, key, count, r);
        return;
    }
    attention_columns(c->b, &c->part[1], u, head, key, count, c->outside[1], c->s->a->scale, r->keys);
    attention_rows(c->b, &c->part[1], u, head, key, count, c->outside[1], 1, r->by_key);
    attention_columns(c->b, &c->part[2], u, head, key, count, c->outside[2], 1, r->values);
}

/* A tile's rows in bfloat16, and pairs of them. */
static void pack_half_rows(const attention_grad_call *g, const attention_piece *p, const sequence *s, int64_t ld,
                           float *rows, float *pairs)
{
    void *row[ATTENTION_TILE];
    attention_at_rows(s, p->u, p->head, p->query, p->rows, g->c->outside[0], row);
    g->k->half->rows((const void *const *)row, p->rows, s->each, (uint16_t *)rows, ld);
    g->k->half->pairs((const void *const *)row, p->rows, s->each, (uint32_t *)pairs, ld);
}

/* The rows of a tile's queries, and what their slopes are relative to. Beyond the map there are no queries: no share is
 * above 0. */
static void pack_queries(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r)
{
    const attention_call *c = g->c;
    const attention_sizes *s = c->s;
    int64_t of_head = (p->u->image * s->a->heads + p->head) * s->p.queries;
    if (g->k->half) {
        pack_half_rows(g, p, &c->part[0], s->d, r->q_half, r->q_pairs);
        pack_half_rows(g, p, &g->dy, s->e, r->dy_half, r->dy_pairs);
    } else {
        attention_rows(c->b, &c->part[0], p->u, p->head, p->query, p->rows, c->outside[0], 1, r->q);
    }
    attention_rows(c->b, &g->dy, p->u, p->head, p->query, p->rows, c->outside[0], 1, r->dy);
    attention_rows(c->b, &g->y, p->u, p->head, p->query, p->rows, c->outside[0], 1, r->y);
    c->b->simd->attention->dot(r->y.at, r->dy.at, r->y.ld, p->rows, r->y.ld, r->mean);
    for (int64_t i = 0; i < p->rows; i++) {
        int64_t place = p->query + i, token = p->u->token ? p->u->token[place] : place;
        r->log_sum[i] = token < 0 ? INFINITY : g->log_sum[of_head + token];
    }
}

void attention_grad_scores(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r)
{
    const attention_half_table *half = g->k->half;
    const attention_sizes *s = g->c->s;
    pack_queries(g, p, r);
    if (!half) {
        attention_tile t = attention_score(g->c, p, r->q, r->keys, r->share, r->added);
        g->c->b->simd->attention->share(&t, r->log_sum, NULL);
        return;
    }
    bool add = attention_prefill(g->c, p, r->share, 1 / s->a->scale);
    half->product((const uint16_t *)r->q_half, s->d, 2, (const uint32_t *)r->keys.at, r->keys.ld, r->share.at,
                  r->share.ld, p->rows, s->a->d / 2, attention_padded(p->count), add);
    attention_tile t = attention_additions(g->c, p, r->share, r->added);
    half->share(&t, s->a->scale, r->log_sum);
}

void attention_grad_slopes(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r)
{
    const attention_sizes *s = g->c->s;
    if (g->k->half)
        g->k->half->product((const uint16_t *)r->dy_half, s->e, 2, (const uint32_t *)r->values.at, r->values.ld,
                            r->slope.at, r->slope.ld, p->rows, s->a->e / 2, attention_padded(p->count), false);
    else
        attention_product(g->c->b, r->dy, r->values, r->slope, p->rows, s->a->e, p->count, false);
    if (s->a->p > 0)
        attention_drop(g->c, p, r->slope, r->factor);
    g->c->b->simd->attention->slope(r->share.at, r->slope.at, r->share.ld, p->rows, p->count, r->mean);
}

/* to [keys][..] (+)= shares or slopes, turned, times rows, which in bfloat16 are `pairs`. */
static void add_by_keys(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r, matrix share,
                        matrix rows, const float *pairs, matrix to, bool add)
{
    const attention_half_table *half = g->k->half;
    int64_t ld = share.ld;
    if (!half) {
        attention_product_turned(g->c->b, share, rows, to, p->count, p->rows, to.ld, add);
        return;
    }
    half->narrow_pairs(share.at, ld, p->rows, p->count, (uint32_t *)r->share_pairs, ld);
    half->product((const uint16_t *)r->share_pairs, 2, 2 * ld, (const uint32_t *)pairs, to.ld, to.at, to.ld, p->count,
                  (p->rows + 1) / 2, to.ld, add);
}

/* dvalues += shares^T dy */
static void add_values(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r, bool add)
{
    matrix share = r->share;
    if (g->c->s->a->p > 0) {
        share = r->slope;
        for (int64_t i = 0; i < p->rows; i++)
            memcpy(matrix_at(share, i, 0), matrix_at(r->share, i, 0), (size_t)p->count * sizeof(float));
        attention_drop(g->c, p, share, r->factor);
    }
    add_by_keys(g, p, r, share, r->dy, r->dy_pairs, r->dvalues, add);
}

/* dq (+)= slopes times keys */
static void add_queries(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r, matrix dq)
{
    const attention_half_table *half = g->k->half;
    int64_t ld = r->share.ld;
    if (!half) {
        attention_product(g->c->b, r->share, r->by_key, dq, p->rows, p->count, dq.ld, p->key > 0);
        return;
    }
    half->narrow(r->share.at, ld, p->rows, p->count, (uint16_t *)r->share_half, ld);
    half->product((const uint16_t *)r->share_half, ld, 2, (const uint32_t *)r->by_key.at, r->by_key.ld, dq.at, dq.ld,
                  p->rows, (p->count + 1) / 2, dq.ld, p->key > 0);
}

static bool wants_keys(const attention_grad_call *g)
{
    return g->d[1].at || g->doutside;
}

static bool wants_values(const attention_grad_call *g)
{
    return g->d[2].at || g->doutside;
}

/* One tile against one block of keys; `at` counts the part's queries. */
static void run_tile(const attention_grad_call *g, const attention_work *w, const attention_piece *p, int64_t at,
                     const attention_slopes *r)
{
    const attention_grad_kernel *k = g->k;
    const attention_sizes *s = &k->s;
    const cpu_backend *b = g->c->b;
    attention_grad_scores(g, p, r);
    if (wants_values(g))
        add_values(g, p, r, at > 0);
    if (!wants_keys(g) && !g->d[0].at && !g->dtable)
        return;
    attention_grad_slopes(g, p, r);
    if (wants_keys(g))
        add_by_keys(g, p, r, r->share, r->q, r->q_pairs, r->dkeys, at > 0);
    if (g->d[0].at) {
        matrix dq = k->dq ? (matrix){attention_sums(g, k->at_dq, k->dq, w->index) + at * s->d, s->d} : r->dq;
        add_queries(g, p, r, dq);
        if (p->key + p->count == s->keys)
            attention_write(b, &g->d[0], p->u, p->head, p->query, p->rows, dq, NULL, s->a->scale);
    }
    int64_t piece = w->pair * k->queries.count + w->part;
    if (g->dtable && s->a->window[0])
        b->simd->attention->add(r->share.at, r->share.ld, p->rows, p->count, matrix_at(r->table, p->query, p->key),
                                r->table.ld);
    else if (g->dtable)
        attention_table_add(s, p, r->share, attention_sums(g, k->at_dtable, k->dtable, piece));
}

/* Adds rows beyond the map to the sums of what is outside. */
static void add_outside(const attention_grad_call *g, const attention_unit *u, int64_t key, int64_t count, int64_t pair,
                        const attention_slopes *r)
{
    const attention_attr *a = g->k->s.a;
    float *sums = attention_sums(g, g->k->at_doutside, g->k->doutside, pair);
    for (int64_t j = 0; j < count; j++) {
        if (u->token[key + j] >= 0)
            continue;
        for (int64_t c = 0; c < a->d; c++)
            sums[c] += a->scale * *matrix_at(r->dkeys, j, c);
        for (int64_t c = 0; c < a->e; c++)
            sums[a->d + c] += *matrix_at(r->dvalues, j, c);
    }
}

/* Writes the gradients of a block's keys and values, or keeps them as the part's. */
static void put_keys(const attention_grad_call *g, const attention_work *w, const attention_unit *u, int64_t head,
                     int64_t key, int64_t count, const attention_slopes *r)
{
    const attention_grad_kernel *k = g->k;
    if (k->dkeys) {
        float *to = attention_sums(g, k->at_dkeys, k->dkeys, w->index) + (key - w->key) * (k->s.d + k->s.e);
        memcpy(to, r->dkeys.at, (size_t)(count * k->s.d) * sizeof(float));
        memcpy(to + count * k->s.d, r->dvalues.at, (size_t)(count * k->s.e) * sizeof(float));
        return;
    }
    if (g->d[1].at)
        attention_write(g->c->b, &g->d[1], u, head, key, count, r->dkeys, NULL, k->s.a->scale);
    if (g->d[2].at)
        attention_write(g->c->b, &g->d[2], u, head, key, count, r->dvalues, NULL, 1);
    if (g->doutside)
        add_outside(g, u, key, count, w->pair, r);
}

static void run_unit(const attention_grad_call *g, const attention_work *w, const attention_unit *u,
                     const attention_slopes *r)
{
    const attention_grad_kernel *k = g->k;
    const attention_sizes *s = &k->s;
    int64_t head = attention_head_of(k, w->pair);
    int64_t from = w->part * k->queries.each, queries = parts_size(&k->queries, w->part);
    for (int64_t key = w->key; key < w->key + w->keys; key += s->block) {
        int64_t count = least_of(s->block, w->key + w->keys - key);
        attention_grad_block(g, u, head, key, count, r);
        for (int64_t at = 0; at < queries; at += s->tile) {
            attention_piece p = {u, head, from + at, least_of(s->tile, queries - at), key, count};
            run_tile(g, w, &p, at, r);
        }
        put_keys(g, w, u, head, key, count, r);
    }
}

/* While a window is worked on, the rows of the next one come into the cache. */
static void fetch_next(const attention_grad_call *g, int64_t unit, int64_t head, attention_units *units)
{
    const attention_sizes *s = &g->k->s;
    if (!s->a->window[0])
        return;
    const attention_unit *u = attention_unit_at(g->c, unit, units);
    const sequence *all[] = {&g->c->part[0], &g->c->part[1], &g->c->part[2], &g->y, &g->dy};
    for (int i = 0; i < 5; i++)
        attention_fetch(all[i], u, head, 0, s->keys);
}

void attention_grad_piece(const attention_grad_call *g, const attention_work *w, float *room)
{
    const attention_grad_kernel *k = g->k;
    const attention_sizes *s = &k->s;
    attention_slopes r;
    attention_slopes_in(k, room, &r);
    int64_t piece = w->pair * k->queries.count + w->part, span = attention_span_of(k, w->pair);
    float *table = attention_sums(g, k->at_dtable, k->dtable, piece);
    if (w->key == 0) {
        memset(table, 0, (size_t)k->dtable * sizeof *table);
        memset(attention_sums(g, k->at_doutside, k->doutside, w->pair), 0, (size_t)k->doutside * sizeof *table);
    }
    if (r.table.at && k->dtable && s->a->window[0])
        memset(r.table.at, 0, (size_t)(s->queries * r.table.ld) * sizeof *table);
    for (int64_t i = 0, units = parts_size(&k->spans, span); i < units; i++) {
        int64_t unit = span * k->spans.each + i;
        const attention_unit *u = attention_unit_at(g->c, unit, &r.units);
        if (i + 1 < units)
            fetch_next(g, unit + 1, attention_head_of(k, w->pair), &r.units);
        run_unit(g, w, u, &r);
    }
    if (g->dtable && s->a->window[0])
        attention_table_add(s, &(attention_piece){.rows = s->queries, .count = s->keys}, r.table, table);
}
