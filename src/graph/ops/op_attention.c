/* Attention: a softmax over keys of the products with a query, and the mean of the values so weighted. One op, so that
 * a backend need not write the products of all queries and keys. */
#include "base/random.h"
#include "graph/op.h"
#include "graph/ops/attention_place.h"

/* The operands that may have a gradient, in the order of attr.into. */
static const int operand_of[6] = {ATTENTION_Q,    ATTENTION_K,     ATTENTION_V,
                                  ATTENTION_BIAS, ATTENTION_TABLE, ATTENTION_OUTSIDE};

/* The shape [N,heads,L,M], repeated. */
static const char *check_spread(graph *g, const char *what, const tensor *t, const attention_places *p)
{
    int64_t whole[4] = {p->n, p->a->heads, p->queries, p->tokens};
    bool fits = !t || t->rank == 4;
    for (int i = 0; t && fits && i < 4; i++)
        fits = t->dim[i] == 1 || t->dim[i] == whole[i];
    if (t && p->a->window[0])
        return op_say(g, "takes no %s with windows", what);
    char shape[96];
    return fits ? NULL
                : op_say(g, "the %s %s does not fit [%lld, %lld, %lld, %lld]", what, tensor_shape_text(t, shape),
                         (long long)whole[0], (long long)whole[1], (long long)whole[2], (long long)whole[3]);
}

static const char *check_channels(graph *g, const node *n)
{
    static const char *const what[] = {"queries", "keys", "values"};
    const attention_attr *a = &n->attr.attention;
    for (int i = 0; i < 3; i++) {
        int64_t channels = n->in[i]->dim[n->in[i]->rank - 1], needed = a->heads * (i < 2 ? a->d : a->e);
        if (needed < 1 || a->from[i] < 0 || a->from[i] + needed > channels)
            return op_say(g, "has no %lld channels of %s from %lld on in a tensor of %lld", (long long)needed, what[i],
                          (long long)a->from[i], (long long)channels);
    }
    return NULL;
}

static const char *check_windows(graph *g, const tensor *const *in, const tensor *outside, const attention_attr *a)
{
    for (int i = 0; i < 2; i++)
        if (a->window[i] < 1 || a->shift[i] < 0 || a->shift[i] >= a->window[i])
            return "takes shifts from 0 to below the window's size";
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (in[i]->rank != 4 || in[i]->dim[k] != in[0]->dim[k])
                return op_mismatch(g, "maps in windows", in[0], in[i]);
    if (outside && (in[1] != in[2] || outside->rank != 1 || outside->dim[0] != in[1]->dim[3]))
        return op_mismatch(g, "keys with values and what is outside of them", in[1], outside);
    return NULL;
}

static const char *check_table(graph *g, const tensor *table, const attention_places *p)
{
    const attention_attr *a = p->a;
    if (!table)
        return NULL;
    int64_t places = a->grid[0] * a->grid[1] + a->class_token;
    if (a->grid[0] < 1 || a->grid[1] < 1 || p->keys != places || (!a->window[0] && p->queries != places))
        return op_say(g, "has a table of positions for %lld tokens, but %lld queries and %lld keys", (long long)places,
                      (long long)(a->window[0] ? places : p->queries), (long long)p->keys);
    if (table->rank != 2 || table->dim[0] != attention_table_rows(a) || table->dim[1] != a->heads)
        return op_say(g, "needs a table [%lld, %lld]", (long long)attention_table_rows(a), (long long)a->heads);
    return NULL;
}

/* Where input i of the forward op is among the node's own. */
static tensor *operand(const node *n, int i)
{
    return op_in(n, n->op == OP_attention || i < ATTENTION_BIAS ? i : i + ATTENTION_GRAD_BIAS - ATTENTION_BIAS);
}

static const char *check(graph *g, const node *n)
{
    const tensor *q = n->in[0], *k = n->in[1], *v = n->in[2];
    const attention_attr *a = &n->attr.attention;
    if (q->rank < 3 || k->rank < 3 || v->rank < 3)
        return "needs sequences [N, L, C] or maps [N, H, W, C]";
    if (q->dim[0] != k->dim[0] || q->dim[0] != v->dim[0])
        return op_mismatch(g, "batches of sequences", q, q->dim[0] != k->dim[0] ? k : v);
    if (attention_tokens(k) != attention_tokens(v))
        return op_mismatch(g, "keys and values", k, v);
    const char *wrong = check_channels(g, n);
    if (!wrong && a->window[0])
        wrong = check_windows(g, (const tensor *const *)n->in, operand(n, ATTENTION_OUTSIDE), a);
    if (wrong)
        return wrong;
    attention_places p = attention_places_of(a, q, k);
    wrong = check_spread(g, "bias", operand(n, ATTENTION_BIAS), &p);
    wrong = wrong ? wrong : check_spread(g, "mask", operand(n, ATTENTION_MASK), &p);
    return wrong ? wrong : check_table(g, operand(n, ATTENTION_TABLE), &p);
}

static const char *attention_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    if (wrong)
        return wrong;
    const tensor *q = n->in[0];
    const attention_attr *a = &n->attr.attention;
    op_out(n, 0, DT_F32, q->rank, q->dim);
    n->out[0]->dim[q->rank - 1] = a->heads * a->e;
    op_out(n, 1, DT_F32, 3, (int64_t[]){q->dim[0], a->heads, attention_tokens(q)});
    return NULL;
}

/* Whether two of q, k and v have channels in common, in one tensor. */
static bool overlap(const node *n, int i, int j)
{
    const attention_attr *a = &n->attr.attention;
    int64_t end_i = a->from[i] + a->heads * (i < 2 ? a->d : a->e),
            end_j = a->from[j] + a->heads * (j < 2 ? a->d : a->e);
    return n->in[i] == n->in[j] && a->from[i] < end_j && a->from[j] < end_i;
}

/* Gives each operand that wants a gradient a place among the outputs. Operands that are one tensor share it, each
 * writes its own channels, unless they have some in common. Returns how many there are. */
static int places_of_gradients(const node *n, int8_t into[6])
{
    int count = 0;
    bool apart = !overlap(n, 0, 1) && !overlap(n, 0, 2) && !overlap(n, 1, 2);
    for (int i = 0; i < 6; i++) {
        into[i] = -1;
        if (!op_wants(n, operand_of[i]))
            continue;
        for (int j = 0; j < i && i < 3 && apart; j++)
            if (n->in[j] == n->in[i])
                into[i] = into[j];
        if (into[i] < 0)
            into[i] = (int8_t)count++;
    }
    return count;
}

static void attention_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr attr = n->attr;
    int8_t *into = attr.attention.into;
    int count = places_of_gradients(n, into);
    tensor *in[ATTENTION_GRAD_INPUTS] = {n->in[0], n->in[1], n->in[2], n->out[0], n->out[1], dy[0]};
    for (int i = ATTENTION_BIAS; i < ATTENTION_INPUTS; i++)
        in[i + ATTENTION_GRAD_BIAS - ATTENTION_BIAS] = op_in(n, i);
    node *d = count ? graph_add_node(g, OP_attention_grad, ATTENTION_GRAD_INPUTS, in, count, &attr) : NULL;
    if (!d)
        return;
    for (int i = 0, given = 0; i < 6; i++)
        if (into[i] == given) {
            din[operand_of[i]] = d->out[into[i]];
            given++;
        }
}

static const char *attention_grad_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    const int8_t *into = n->attr.attention.into;
    for (int i = 0; !wrong && i < 6; i++)
        if (into[i] >= 0)
            op_out_like(n, into[i], operand(n, operand_of[i]));
    return wrong;
}

/* Multiply-adds of a product of all queries with all keys, for a head of one channel. */
static double pairs(const node *n)
{
    const attention_attr *a = &n->attr.attention;
    attention_places p = attention_places_of(a, n->in[0], n->in[1]);
    return (double)(p.n * a->heads * (a->window[0] ? p.high * p.wide : p.queries)) * (double)p.keys;
}

/* Of all queries with all keys, and of all shares with all values. */
static double attention_work(const node *n)
{
    return pairs(n) * (double)(n->attr.attention.d + n->attr.attention.e);
}

/* Five products: that of the softmax once more, and one for each factor of the two. */
static double attention_grad_work(const node *n)
{
    return pairs(n) * (double)(3 * n->attr.attention.d + 2 * n->attr.attention.e);
}

const op_def op_def_attention = {.name = "attention",
                                 .infer = attention_infer,
                                 .grad = attention_grad,
                                 .required = 3,
                                 .types = "ffffuffl",
                                 .multiply_adds = attention_work};
const op_def op_def_attention_grad = {.name = "attention_grad",
                                      .infer = attention_grad_infer,
                                      .required = 6,
                                      .types = "fffffffuffl",
                                      .multiply_adds = attention_grad_work};

static int64_t per_head(const tensor *t, int64_t given, int64_t from, int64_t heads)
{
    return given || !t || t->rank < 1 ? given : (t->dim[t->rank - 1] - from) / heads;
}

tensor *op_attention(graph *g, const attention_operands *in, attention_attr a)
{
    a.heads = a.heads ? a.heads : 1;
    a.d = per_head(in->q, a.d, a.from[0], a.heads);
    a.e = per_head(in->v, a.e, a.from[2], a.heads);
    bool drops = g->train && a.p > 0;
    a.p = drops ? a.p : 0;
    a.salt = drops ? rng_mix(g->nodes.n + 1) : 0;
    op_attr attr = {.attention = a};
    tensor *all[ATTENTION_INPUTS] = {in->q,    in->k,     in->v,       in->bias,
                                     in->mask, in->table, in->outside, drops ? graph_seed(g) : NULL};
    node *n = graph_add_node(g, OP_attention, ATTENTION_INPUTS, all, 2, &attr);
    return n ? n->out[0] : NULL;
}
