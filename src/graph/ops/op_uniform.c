/* Random numbers that a forward pass asks for. */
#include <stdio.h>

#include "base/random.h"
#include "graph/op.h"

static const char *uniform_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, n->attr.uniform.rank, n->attr.uniform.dim);
    return NULL;
}
const op_def op_def_uniform = {.name = "uniform", .infer = uniform_infer, .required = 1, .types = "l"};

tensor *graph_seed(graph *g)
{
    static const int64_t fixed[2] = {0, 0};
    if (!g->seed)
        g->seed = g->train ? graph_input(g, "seed", DT_I64, 1, (int64_t[]){2})
                           : graph_const(g, DT_I64, 1, (int64_t[]){2}, fixed);
    return g->seed;
}

tensor *op_uniform(graph *g, int rank, const int64_t *dim)
{
    char name[32];
    snprintf(name, sizeof name, "rand:%d", g->draws++);
    if (g->draws_given)
        return graph_input(g, name, DT_F32, rank, dim);
    op_attr a = {.uniform = {.rank = rank, .salt = rng_mix(g->nodes.n + 1)}};
    for (int i = 0; i < rank && i < TENSOR_MAX_RANK; i++)
        a.uniform.dim[i] = dim[i];
    return op_node1(g, OP_uniform, 1, (tensor *[]){graph_seed(g)}, &a);
}
