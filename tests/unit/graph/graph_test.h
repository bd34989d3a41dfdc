/* What the graph's tests share: parameters with memory, and a backend that checks memory instead of computing. */
#ifndef GRAPH_TEST_H
#define GRAPH_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"
#include "graph/plan.h"

#include <cmocka.h>

/* Shapes as compound literals: DIMS(2, 3). */
#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static inline param test_param(const char *name, int rank, const int64_t *dim)
{
    param p = {.name = name,
               .owner = "",
               .role = PARAM_TRAINED,
               .type = DT_F32,
               .rank = rank,
               .count = 1,
               .requires_grad = true};
    for (int i = 0; i < rank; i++)
        p.count *= p.dim[i] = dim[i];
    p.data = mem_alloc((size_t)p.count * sizeof(float));
    p.grad = mem_alloc((size_t)p.count * sizeof(float));
    assert_true(p.data && p.grad);
    return p;
}

static inline void test_param_free(param *p)
{
    mem_free(p->data);
    mem_free(p->grad);
}

/* The error that the graph holds contains `text`. */
static inline void assert_graph_error(const graph *g, cseg_status code, const char *text)
{
    cseg_error err = {.text = "no error"};
    assert_int_equal(graph_status(g, &err), code);
    if (!strstr(err.text, text))
        fail_msg("'%s' says nothing of '%s'", err.text, text);
}

#endif
