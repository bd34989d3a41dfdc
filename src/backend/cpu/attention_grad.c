/* The gradient of attention. Work is cut into pieces by size alone: an image's queries of one head or, if there are few
 * images and heads, parts of them, whose gradients of keys and values are added up in order; of maps in windows some
 * windows. So no sum depends on the number of threads, and memory grows with the number of tokens, not its square. */
#include "backend/cpu/attention_grad.h"

/* Clears gradients of tensors of which attention reads only some channels. */
static void clear(const attention_grad_call *g, const node *n, void *const *out)
{
    const attention_attr *a = &n->attr.attention;
    for (int o = 0; o < n->n_out; o++) {
        int64_t channels = 0;
        for (int i = 0; i < 3; i++)
            channels += a->into[i] == o ? a->heads * g->d[i].each : 0;
        const tensor *t = n->out[o];
        if (channels == 0 || channels == t->dim[t->rank - 1])
            continue;
        int64_t rows = tensor_count(t) / t->dim[t->rank - 1];
        size_t row = tensor_bytes(t) / (size_t)rows;
#pragma omp for schedule(static)
        for (int64_t i = 0; i < rows; i++)
            memset((char *)out[o] + (size_t)i * row, 0, row);
    }
}

/* A round: all parts of some pairs, against some keys. */
static void run_round(const attention_grad_call *g, int64_t first, int64_t pairs, int64_t key, float *room)
{
    const attention_grad_kernel *k = g->k;
    int64_t keys = least_of(k->keys, k->s.keys - key);
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < pairs * k->queries.count; i++) {
        attention_work w = {first + i / k->queries.count, i % k->queries.count, i, key, keys};
        attention_grad_piece(g, &w, room);
    }
    if (k->dkeys)
        attention_grad_keys(g, first, pairs, key, keys);
}

static attention_grad_call call_of(const attention_grad_kernel *k, const attention_call *c, void *const *in,
                                   void *const *out, void *scratch)
{
    const node *n = k->k.n;
    const int8_t *into = n->attr.attention.into;
    attention_grad_call g = {.k = k, .c = c, .scratch = scratch, .log_sum = in[ATTENTION_GRAD_LOG]};
    g.y = attention_sequence(n, 3, n->in[ATTENTION_GRAD_Y], in[ATTENTION_GRAD_Y]);
    g.dy = attention_sequence(n, 3, n->in[ATTENTION_GRAD_DY], in[ATTENTION_GRAD_DY]);
    for (int i = 0; i < 3; i++)
        if (into[i] >= 0)
            g.d[i] = attention_sequence(n, i, n->out[into[i]], out[into[i]]);
    g.dbias = into[3] < 0 ? NULL : out[into[3]];
    g.dtable = into[4] < 0 ? NULL : out[into[4]];
    g.doutside = into[5] < 0 ? NULL : out[into[5]];
    return g;
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const attention_grad_kernel *k = (const attention_grad_kernel *)base;
    const node *n = k->k.n;
    attention_call c = attention_open(k->k.b, n, &k->s, in, scratch);
    attention_grad_call g = call_of(k, &c, in, out, scratch);
#pragma omp parallel
    {
        float *room = (float *)(g.scratch + k->at_rooms) + omp_get_thread_num() * k->own;
        attention_expand(&c, n, in);
        clear(&g, n, out);
        for (int64_t first = 0; first < k->pairs; first += k->group)
            for (int64_t key = 0; key < k->s.keys; key += k->keys)
                run_round(&g, first, least_of(k->group, k->pairs - first), key, room);
        if (g.dtable)
            attention_grad_table(&g);
        if (g.doutside)
            attention_grad_outside(&g, attention_operand(n, ATTENTION_OUTSIDE)->dim[0]);
        if (g.dbias)
            attention_grad_bias(&g, room);
    }
    return CSEG_OK;
}

enum {
    PIECES = 32,          /* so many pieces of work are wanted */
    WINDOW_PIECES = 96,   /* of windows, of all heads, but not more than PIECES of one head */
    ENOUGH = 24,          /* pairs, from which on queries are not cut into parts */
    QUERIES = 64,         /* the least of a part */
    SUMS = 1 << 20,       /* the most floats of parts' gradients of keys and values in a round */
    GROUP = 16,           /* the least pairs in a round */
    QUERY_SUMS = 1 << 23, /* floats of queries' gradients in a round, beyond that */
    TILE = 48             /* queries of a tile, of more than a few keys */
};

static void cut(attention_grad_kernel *k)
{
    const attention_sizes *s = &k->s;
    int64_t units = s->p.n * s->windows, count = 1;
    int64_t spans = least_of(PIECES, WINDOW_PIECES / s->a->heads + 1);
    k->spans = parts_of(units, s->a->window[0] ? (units + spans - 1) / spans : 1);
    k->pairs = k->spans.count * s->a->heads;
    k->blocks = parts_of(s->keys, s->block).count;
    if (!s->a->window[0] && k->pairs < ENOUGH) {
        count = least_of((PIECES + k->pairs - 1) / k->pairs, s->queries / QUERIES);
        count = count < 1 ? 1 : count;
    }
    k->queries = parts_of(s->queries, (s->queries + count - 1) / count);
    k->keys = k->blocks * s->block;
    k->dq = k->blocks > 1 ? k->queries.each * s->d : 0;
    k->group = k->pairs;
    if (k->queries.count > 1) {
        int64_t blocks = SUMS / (k->pairs * k->queries.count * (s->d + s->e) * s->block);
        k->keys = least_of(k->keys, (blocks < 1 ? 1 : blocks) * s->block);
        k->dkeys = k->keys * (s->d + s->e);
    } else if (k->dq > 0 && k->pairs * k->dq > QUERY_SUMS) {
        k->group = QUERY_SUMS / k->dq > GROUP ? QUERY_SUMS / k->dq : GROUP;
    }
}

static size_t lay(size_t *used, int64_t floats)
{
    size_t at = *used;
    *used += (size_t)attention_padded(floats) * sizeof(float);
    return at;
}

static void lay_out(attention_grad_kernel *k, const node *n)
{
    int64_t pieces = k->group * k->queries.count;
    size_t used = attention_shared(n, &k->s);
    attention_slopes r;
    k->at_dq = lay(&used, pieces * k->dq);
    k->at_dkeys = lay(&used, pieces * k->dkeys);
    k->at_dtable = lay(&used, k->pairs * k->queries.count * k->dtable);
    k->at_doutside = lay(&used, k->pairs * k->doutside);
    k->own = attention_slopes_in(k, NULL, &r);
    k->at_rooms = lay(&used, k->k.b->options.threads * k->own);
    k->k.base.scratch = used;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    attention_grad_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    const attention_attr *a = &n->attr.attention;
    k->s = attention_sizes_of(n);
    k->s.tile = k->s.queries <= 64 && k->s.block <= 64 ? k->s.queries : least_of(TILE, k->s.queries);
    k->room_for_scores = attention_needs_room(n, &k->s);
    k->half = attention_half_for(b, n);
    k->dtable = a->into[4] < 0 ? 0 : attention_table_rows(a);
    k->doutside = a->into[5] < 0 ? 0 : a->d + a->e;
    cut(k);
    lay_out(k, n);
    *out = &k->k.base;
    return CSEG_OK;
}

/* The gradients of queries, keys and values, wherever they are among the outputs. */
static unsigned maps_out(const node *n)
{
    unsigned bits = 0;
    for (int i = 0; i < 3; i++)
        bits |= n->attr.attention.into[i] < 0 ? 0 : 1u << n->attr.attention.into[i];
    return bits;
}

enum { MAPS = 1 << ATTENTION_Q | 1 << ATTENTION_K | 1 << ATTENTION_V | 1 << ATTENTION_GRAD_DY };
const cpu_op cpu_op_attention_grad = {
    .prepare = prepare, .takes = attention_takes, .either_in = MAPS, .either_out_of = maps_out};
