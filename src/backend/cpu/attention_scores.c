/* What attention adds to the products of queries and keys: biases, masks, tables of positions, the ends of a rolled
 * map. */
#include <math.h>

#include "backend/cpu/attention_parts.h"

/* The place of forward input `which` among the node's own. */
static int input_of(const node *n, int which)
{
    return n->op == OP_attention || which < ATTENTION_BIAS ? which : which + ATTENTION_GRAD_BIAS - ATTENTION_BIAS;
}

const tensor *attention_operand(const node *n, int which)
{
    int i = input_of(n, which);
    return i < n->n_in ? n->in[i] : NULL;
}

void *attention_operand_at(const node *n, void *const *in, int which)
{
    return attention_operand(n, which) ? in[input_of(n, which)] : NULL;
}

bool attention_takes(const cpu_backend *b, const node *n)
{
    (void)b;
    bool takes = true;
    for (int which = ATTENTION_BIAS; which <= ATTENTION_MASK; which++) {
        const tensor *t = attention_operand(n, which);
        takes = takes && (!t || t->dim[3] == attention_tokens(n->in[1]));
    }
    return takes;
}

/* ---- what a call works on --------------------------------------------------------------------------------------- */

static int64_t table_floats(const node *n, const attention_sizes *s)
{
    if (!attention_operand(n, ATTENTION_TABLE))
        return 0;
    return s->a->heads * attention_table_rows(s->a);
}

static int64_t expanded_floats(const node *n, const attention_sizes *s)
{
    bool needed = attention_operand(n, ATTENTION_TABLE) && s->expanded;
    return needed ? s->a->heads * s->queries * attention_padded(s->keys) : 0;
}

/* Channels that are beyond the map: those of all heads. */
static int64_t beyond_floats(const node *n, const attention_sizes *s)
{
    const tensor *outside = attention_operand(n, ATTENTION_OUTSIDE);
    int64_t widest = s->a->d > s->a->e ? s->a->d : s->a->e;
    return !s->a->window[0] ? 0 : outside ? tensor_count(outside) + s->a->heads * widest : s->a->heads * widest;
}

size_t attention_shared(const node *n, const attention_sizes *s)
{
    return (size_t)(attention_padded(table_floats(n, s)) + expanded_floats(n, s) +
                    attention_padded(beyond_floats(n, s))) *
           sizeof(float);
}

attention_call attention_open(const cpu_backend *b, const node *n, const attention_sizes *s, void *const *in,
                              void *scratch)
{
    attention_call c = {.b = b,
                        .s = s,
                        .bias_of = attention_operand(n, ATTENTION_BIAS),
                        .mask_of = attention_operand(n, ATTENTION_MASK)};
    for (int i = 0; i < 3; i++)
        c.part[i] = attention_sequence(n, i, n->in[i], in[i]);
    c.bias = attention_operand_at(n, in, ATTENTION_BIAS);
    c.mask = attention_operand_at(n, in, ATTENTION_MASK);
    int64_t table = attention_padded(table_floats(n, s)), expanded = expanded_floats(n, s),
            beyond = beyond_floats(n, s);
    float *zeros = (float *)scratch + table + expanded;
    c.table = table ? scratch : NULL;
    c.expanded = expanded ? (float *)scratch + table : NULL;
    if (beyond)
        memset(zeros, 0, (size_t)beyond * sizeof(float));
    const tensor *outside = attention_operand(n, ATTENTION_OUTSIDE);
    char *rows = (char *)(zeros + beyond - (outside ? tensor_count(outside) : 0));
    if (outside && c.part[1].half)
        b->simd->narrow(attention_operand_at(n, in, ATTENTION_OUTSIDE), (uint16_t *)rows, tensor_count(outside));
    else if (outside)
        memcpy(rows, attention_operand_at(n, in, ATTENTION_OUTSIDE), tensor_bytes(outside));
    for (int i = 0; i < 3; i++)
        c.outside[i] = i && outside ? rows + c.part[i].from * (c.part[i].half ? 2 : 4) : (char *)zeros;
    if (s->a->p > 0)
        c.dropped = dropout_mask_of(&(dropout_attr){.p = s->a->p, .salt = s->a->salt},
                                    attention_operand_at(n, in, ATTENTION_SEED));
    return c;
}

/* ---- tables of positions ---------------------------------------------------------------------------------------- */

/* Goes along the keys of a query, in stretches whose rows of the table follow each other in the reversed order. */
typedef struct stretch {
    int64_t key, count, at; /* at: the first key's row, reversed */
} stretch;

/* The stretch from `key` on, of keys below `end`. */
static stretch stretch_at(const attention_attr *a, int64_t query, int64_t key, int64_t end)
{
    stretch s = {key, 1, attention_reversed(a, attention_table_row(a, query, key))};
    if (!a->class_token || (query > 0 && key > 0))
        s.count = a->grid[1] - (key - a->class_token) % a->grid[1];
    s.count = least_of(s.count, end - key);
    return s;
}

/* The next one, in the following row of the grid. */
static bool stretch_next(const attention_attr *a, int64_t query, int64_t end, stretch *s)
{
    int64_t key = s->key + s->count;
    if (key >= end)
        return false;
    if (a->class_token && (query == 0 || s->key == 0)) {
        *s = stretch_at(a, query, key, end);
        return true;
    }
    s->at += 2 * a->grid[1] - 1 - (s->key - a->class_token) % a->grid[1]; /* to column 0 of the row below */
    s->key = key;
    s->count = least_of(a->grid[1], end - key);
    return true;
}

/* Copies a query's rows of the table: to[j - key]. */
static void expand(const attention_attr *a, const float *table, int64_t query, int64_t key, int64_t end, float *to)
{
    stretch s = stretch_at(a, query, key, end);
    do
        for (int64_t j = 0; j < s.count; j++)
            to[s.key - key + j] = table[s.at + j];
    while (stretch_next(a, query, end, &s));
}

void attention_table_add(const attention_sizes *sizes, const attention_piece *p, matrix slopes, float *sums)
{
    const attention_attr *a = sizes->a;
    int64_t end = p->key + p->count;
    for (int64_t i = 0; i < p->rows; i++) {
        const float *row = matrix_at(slopes, i, 0);
        stretch s = stretch_at(a, p->query + i, p->key, end);
        do
            for (int64_t j = 0; j < s.count; j++)
                sums[s.at + j] += row[s.key - p->key + j];
        while (stretch_next(a, p->query + i, end, &s));
    }
}

void attention_expand(const attention_call *c, const node *n, void *const *in)
{
    const attention_attr *a = c->s->a;
    const float *table = attention_operand_at(n, in, ATTENTION_TABLE);
    int64_t rows = attention_table_rows(a), ld = attention_padded(c->s->keys);
    if (!table)
        return;
#pragma omp for schedule(static)
    for (int64_t h = 0; h < a->heads; h++)
        for (int64_t i = 0; i < rows; i++)
            c->table[h * rows + attention_reversed(a, i)] = table[i * a->heads + h];
    if (!c->expanded)
        return;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < a->heads * c->s->queries; i++)
        expand(a, c->table + i / c->s->queries * rows, i % c->s->queries, 0, c->s->keys, c->expanded + i * ld);
}

/* ---- units ------------------------------------------------------------------------------------------------------ */

static int64_t unit_room(const attention_sizes *s)
{
    return s->a->window[0] ? (2 + 4 + 1) * attention_padded(s->keys) : 0;
}

int64_t attention_units_room(const attention_sizes *s)
{
    return 2 * unit_room(s);
}

/* The tokens of a window whose first place is y0, x0; returns whether some are beyond the map. */
static bool fill_tokens(const attention_places *p, int64_t y0, int64_t x0, int64_t *token)
{
    const int64_t *window = p->a->window, *shift = p->a->shift;
    bool beyond = false;
    for (int64_t r = 0; r < window[0]; r++) {
        int64_t y = y0 + r + shift[0];
        y = y < p->high ? y : y - p->high;
        for (int64_t c = 0; c < window[1]; c++, token++) {
            int64_t x = x0 + c + shift[1];
            x = x < p->wide ? x : x - p->wide;
            *token = y < p->h && x < p->w ? y * p->w + x : -1;
            beyond = beyond || *token < 0;
        }
    }
    return beyond;
}

/* In the last row or column of windows of a rolled map the first places and the others come from its two ends: its
 * quarters. */
static void fill_quarters(const attention_attr *a, bool last_row, bool last_column, uint8_t *quarter)
{
    for (int64_t r = 0; r < a->window[0]; r++)
        for (int64_t c = 0; c < a->window[1]; c++) {
            bool low = last_row && r >= a->window[0] - a->shift[0];
            bool right = last_column && c >= a->window[1] - a->shift[1];
            *quarter++ = (uint8_t)(2 * low + right);
        }
}

static void fill_added(const attention_sizes *s, const attention_unit *u, float *added)
{
    int64_t ld = attention_padded(s->keys);
    memset(added, 0, (size_t)(4 * ld) * sizeof *added);
    for (int q = 0; q < 4; q++)
        for (int64_t j = 0; j < s->keys; j++)
            added[q * ld + j] = s->a->unseen && u->token[j] < 0 ? -INFINITY : u->quarter[j] != q ? s->a->apart : 0;
}

static attention_unit open_unit(const attention_sizes *s, int64_t i, float *room)
{
    attention_unit u = {.image = i / s->windows};
    const attention_attr *a = s->a;
    if (!a->window[0])
        return u;
    int64_t at = i % s->windows, y0 = at / s->across * a->window[0], x0 = at % s->across * a->window[1];
    int64_t *token = (int64_t *)room, keys = attention_padded(s->keys);
    float *added = room + 2 * keys;
    uint8_t *quarter = (uint8_t *)(added + 4 * keys);
    bool beyond = fill_tokens(&s->p, y0, x0, token), last_row = a->shift[0] && y0 + a->window[0] == s->p.high,
         last_column = a->shift[1] && x0 + a->window[1] == s->p.wide;
    u.token = token;
    if (!last_row && !last_column && !(beyond && a->unseen))
        return u;
    fill_quarters(a, last_row, last_column, quarter);
    u.quarter = quarter;
    fill_added(s, &u, added);
    u.added = added;
    return u;
}

const attention_unit *attention_unit_at(const attention_call *c, int64_t i, attention_units *units)
{
    int64_t k = i % 2;
    if (units->index[k] != i) {
        units->at[k] = open_unit(c->s, i, units->room + k * unit_room(c->s));
        units->index[k] = i;
    }
    return &units->at[k];
}

/* ---- tiles ------------------------------------------------------------------------------------------------------ */

bool attention_needs_room(const node *n, const attention_sizes *s)
{
    return attention_operand(n, ATTENTION_TABLE) && (!s->expanded || attention_operand(n, ATTENTION_BIAS));
}

/* A step along each axis of a bias or mask [N,heads,L,M], 0 where it is repeated, and where the piece begins. */
static int64_t spread_at(const tensor *t, const attention_piece *p, int64_t *ld)
{
    int64_t step[4] = {0}, size = 1;
    for (int i = 3; i >= 0; i--) {
        step[i] = t->dim[i] > 1 ? size : 0;
        size *= t->dim[i];
    }
    *ld = step[2];
    return p->u->image * step[0] + p->head * step[1] + p->query * step[2] + p->key;
}

/* The table's part of a piece, and what else is added to it, in room. */
static void expand_piece(const attention_call *c, const attention_piece *p, attention_tile *t, float *room)
{
    const attention_sizes *s = c->s;
    int64_t rows = attention_table_rows(s->a);
    for (int64_t i = 0; i < p->rows; i++) {
        float *to = room + i * s->block;
        if (c->expanded)
            memcpy(to, t->bias + i * t->bias_ld, (size_t)p->count * sizeof(float));
        else
            expand(s->a, c->table + p->head * rows, p->query + i, p->key, p->key + p->count, to);
    }
    t->bias = room;
    t->bias_ld = s->block;
}

static void add_bias(const attention_call *c, const attention_piece *p, attention_tile *t, float *room)
{
    int64_t ld, at = spread_at(c->bias_of, p, &ld);
    if (!t->bias) {
        t->bias = c->bias + at;
        t->bias_ld = ld;
        return;
    }
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->count; j++)
            room[i * t->bias_ld + j] += c->bias[at + i * ld + j];
}

bool attention_prefill(const attention_call *c, const attention_piece *p, matrix s, float by)
{
    const float *added = p->u->added;
    if (!added)
        return false;
    int64_t padded = attention_padded(c->s->keys), width = attention_padded(p->count);
    for (int64_t i = 0; i < p->rows; i++) {
        const float *from = added + p->u->quarter[p->query + i] * padded + p->key;
        float *to = matrix_at(s, i, 0);
        for (int64_t j = 0; j < width; j++)
            to[j] = from[j] * by;
    }
    return true;
}

attention_tile attention_additions(const attention_call *c, const attention_piece *p, matrix s, float *room)
{
    int64_t padded = attention_padded(c->s->keys);
    attention_tile t = {.s = s.at, .ld = s.ld, .rows = p->rows, .count = p->count};
    if (c->expanded) {
        t.bias = c->expanded + (p->head * c->s->queries + p->query) * padded + p->key;
        t.bias_ld = padded;
    }
    if (c->table && (!c->expanded || c->bias))
        expand_piece(c, p, &t, room);
    if (c->bias)
        add_bias(c, p, &t, room);
    if (c->mask)
        t.mask = c->mask + spread_at(c->mask_of, p, &t.mask_ld);
    return t;
}

attention_tile attention_score(const attention_call *c, const attention_piece *p, matrix queries, matrix keys, matrix s,
                               float *room)
{
    bool add = attention_prefill(c, p, s, 1);
    attention_product(c->b, queries, keys, s, p->rows, c->s->a->d, p->count, add);
    return attention_additions(c, p, s, room);
}

void attention_drop(const attention_call *c, const attention_piece *p, matrix s, float *room)
{
    const attention_sizes *z = c->s;
    for (int64_t i = 0; i < p->rows; i++) {
        int64_t place = p->query + i, token = p->u->token ? p->u->token[place] : place;
        if (token < 0)
            continue;
        int64_t row = (p->u->image * z->a->heads + p->head) * z->p.queries + token;
        c->b->simd->dropout->factors(&c->dropped, (uint64_t)(row * z->keys + p->key), room, p->count);
        c->b->simd->dropout->apply(matrix_at(s, i, 0), false, room, p->count, matrix_at(s, i, 0), false, p->count);
    }
}
