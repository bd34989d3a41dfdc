/* Sequences packed for the products of attention, which Winograd's register tiles compute. */
#include "backend/cpu/attention_parts.h"

#include <math.h>

attention_sizes attention_sizes_of(const node *n)
{
    const tensor *q = n->in[0], *v = n->in[2];
    return (attention_sizes){.batch = q->dim[0],
                             .queries = q->dim[1],
                             .keys = v->dim[1],
                             .d = q->dim[2],
                             .e = v->dim[2],
                             .scale = n->attr.attention.scale};
}

bool attention_is_plain(const cpu_backend *b, const node *n)
{
    (void)b;
    bool plain = n->attr.attention.heads == 1 && !n->attr.attention.window[0];
    for (int i = 0; plain && i < 3; i++)
        plain = n->in[i]->rank == 3 && n->in[i]->dim[2] == (i < 2 ? n->attr.attention.d : n->attr.attention.e);
    for (int i = n->op == OP_attention ? 3 : 6; plain && i < n->n_in; i++)
        plain = !n->in[i];
    for (int i = 0; plain && n->op == OP_attention_grad && i < 3; i++)
        plain = n->attr.attention.into[i] == i;
    return plain;
}

int64_t attention_group(const attention_sizes *s, int64_t floats)
{
    return floats < ATTENTION_PACKED ? least_of(ATTENTION_PACKED / floats, s->batch) : 1;
}

static const void *token(sequence s, int64_t i)
{
    return (const char *)s.at + i * s.c * (int64_t)dtype_size(s.type);
}

/* One token, times `scale`. */
static void copy_token(const cpu_backend *b, sequence s, int64_t i, float scale, float *to)
{
    const float *from = token(s, i);
    if (s.type == DT_BF16) {
        b->simd->widen(token(s, i), to, s.c);
        from = to;
    }
    for (int64_t c = 0; c < s.c; c++)
        to[c] = from[c] * scale;
}

void attention_rows(const cpu_backend *b, sequence s, int64_t from, int64_t count, float scale, matrix to)
{
    for (int64_t i = 0; i < count; i++) {
        float *row = matrix_at(to, i, 0);
        copy_token(b, s, from + i, scale, row);
        for (int64_t c = s.c; c < to.ld; c++)
            row[c] = 0;
    }
}

void attention_columns(const cpu_backend *b, sequence s, int64_t from, int64_t count, float scale, matrix to,
                       float *room)
{
    for (int64_t i = 0; i < attention_padded(count); i++) {
        if (i < count)
            copy_token(b, s, from + i, scale, room);
        for (int64_t c = 0; c < s.c; c++)
            *matrix_at(to, c, i) = i < count ? room[c] : 0;
    }
}

void attention_write(const cpu_backend *b, matrix rows, int64_t count, void *to, dtype type, int64_t c, int64_t from)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t at = (from + i) * c;
        if (type == DT_BF16)
            b->simd->narrow(matrix_at(rows, i, 0), (uint16_t *)to + at, c);
        else
            memcpy((float *)to + at, matrix_at(rows, i, 0), (size_t)c * sizeof(float));
    }
}

void attention_product(const cpu_backend *b, matrix x, matrix y, matrix to, int64_t m, int64_t k, int64_t n, bool add)
{
    const winograd_table *t = b->simd->winograd;
    for (int64_t j = 0; j < n;) {
        int64_t vectors = least_of(t->panels, (n - j) / t->vec);
        t->product(x.at, x.ld, 1, matrix_at(y, 0, j), y.ld, matrix_at(to, 0, j), to.ld, m, k, (int)vectors, add);
        j += vectors * t->vec;
    }
}

void attention_mask(matrix s, int64_t rows, int64_t count, int64_t width)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = count; j < width; j++)
            *matrix_at(s, i, j) = -INFINITY;
}
