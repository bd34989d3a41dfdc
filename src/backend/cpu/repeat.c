#include "backend/cpu/repeat.h"

enum { PIECE = 1 << 14 };

static bool is_repeated(const tensor *x, const tensor *y, int axis)
{
    return x->dim[axis] == 1 && y->dim[axis] > 1;
}

/* Returns which operands are repeated along an axis, one bit each. */
static unsigned repeated_along(const node *n, int operands, int axis)
{
    unsigned all = 0;
    for (int k = 0; k < operands; k++)
        all |= (unsigned)is_repeated(n->in[k], n->out[0], axis) << k;
    return all;
}

void repeat_init(repeat *r, const node *n, int operands)
{
    const tensor *y = n->out[0];
    int64_t dim[TENSOR_MAX_RANK] = {1}, size[REPEAT_OPERANDS] = {1, 1, 1};
    unsigned which[TENSOR_MAX_RANK] = {0};
    int axes = 0; /* merged axes, the last one first */
    for (int i = y->rank - 1; i >= 0; i--) {
        unsigned now = repeated_along(n, operands, i);
        if (y->dim[i] == 1)
            continue;
        if (axes && which[axes - 1] == now) {
            dim[axes - 1] *= y->dim[i];
            continue;
        }
        dim[axes] = y->dim[i];
        which[axes++] = now;
    }
    *r = (repeat){.operands = operands, .axes = axes ? axes - 1 : 0, .width = dim[0], .tasks = 1};
    for (int a = 0; a < axes || a == 0; a++)
        for (int k = 0; k < operands; k++) {
            int64_t step = which[a] >> k & 1 ? 0 : size[k];
            if (a)
                r->step[k][a - 1] = step;
            else
                r->run[k] = step;
            size[k] *= step ? dim[a] : 1;
        }
    for (int a = 1; a < axes; a++)
        r->tasks *= r->dim[a - 1] = dim[a];
    r->cuts = parts_of(r->width, PIECE);
    r->tasks *= r->cuts.count;
}

repeat_piece repeat_at(const repeat *r, int64_t task)
{
    int64_t row = task / r->cuts.count, cut = task % r->cuts.count, skip = cut * PIECE;
    repeat_piece p = {.at = row * r->width + skip, .n = parts_size(&r->cuts, cut)};
    for (int k = 0; k < r->operands; k++)
        p.from[k] = skip * r->run[k];
    for (int a = 0; a < r->axes; a++) {
        int64_t at = row % r->dim[a];
        row /= r->dim[a];
        for (int k = 0; k < r->operands; k++)
            p.from[k] += at * r->step[k][a];
    }
    return p;
}
