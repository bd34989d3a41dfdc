#include "graph/work.h"

#include "graph/op.h"

double node_multiply_adds(const node *n)
{
    const op_def *d = op_define(n->op);
    return d->multiply_adds ? d->multiply_adds(n) : 0.0;
}

static bool seen_before(const node *n, int i)
{
    for (int k = 0; k < i; k++)
        if (n->in[k] == n->in[i])
            return true;
    return false;
}

double node_bytes(const node *n)
{
    const op_def *d = op_define(n->op);
    double read = d->bytes_read ? d->bytes_read(n) : 0.0, written = 0.0;
    for (int i = 0; i < n->n_in && !d->bytes_read; i++)
        if (n->in[i] && !seen_before(n, i))
            read += (double)tensor_bytes(n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        written += (double)tensor_bytes(n->out[i]);
    return read + written;
}
