/* Training with weights that do not learn: what hangs on them alone is computed once, and nothing that a step does
 * differs for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "base/error.h"
#include "base/random.h"
#include "graph/passes/passes.h"
#include "graph/plan.h"

#include <cmocka.h>

enum { ROWS = 6, C = 8 };
enum { FROZEN, LEARNT, GAMMA, BETA, MEAN, VAR, PARAMS };

typedef struct net {
    backend *b;
    graph *g;
    plan *p;
    param params[PARAMS];
} net;

static backend *new_backend(int which)
{
    backend *b = which ? backend_cpu_new(&(cpu_options){.threads = 2}) : backend_ref_new();
    assert_non_null(b);
    return b;
}

static void new_param(net *t, int i, param_role role, bool learns, int rank)
{
    param *p = &t->params[i];
    *p = (param){.name = "p", .owner = "", .role = role, .type = DT_F32, .rank = rank, .requires_grad = learns};
    p->count = rank == 2 ? C * C : C;
    p->dim[0] = p->dim[1] = C;
    p->data = mem_alloc((size_t)p->count * sizeof(float));
    p->grad = learns ? mem_alloc((size_t)p->count * sizeof(float)) : NULL;
    assert_true(p->data && (p->grad || !learns));
    rng r = rng_derive(7, (uint64_t)i, 0);
    for (int64_t k = 0; k < p->count; k++)
        ((float *)p->data)[k] = i == VAR ? 1 : (float)rng_normal(&r);
}

/* The rows of a frozen matrix, once more with dropout and once through a norm that takes their statistics, times what
 * is learnt, times the input. */
static void open_net(net *t, int which)
{
    cseg_error err = {0};
    *t = (net){.b = new_backend(which), .g = graph_new(true)};
    graph *g = t->g;
    assert_non_null(g);
    for (int i = 0; i < PARAMS; i++)
        new_param(t, i, i < MEAN ? PARAM_TRAINED : PARAM_BUFFER, i == LEARNT, i <= LEARNT ? 2 : 1);
    tensor *p[PARAMS];
    for (int i = 0; i < PARAMS; i++)
        p[i] = graph_param(g, &t->params[i]);
    tensor *names = op_softmax(g, op_matmul(g, p[FROZEN], p[FROZEN], false, true));
    tensor *dropped = op_dropout(g, names, 0.5f);
    tensor *normed = op_batch_norm_train(g, names, p[GAMMA], p[BETA], p[MEAN], p[VAR],
                                         (norm_attr){.eps = 1e-5f, .momentum = 0.5f, .update = true});
    tensor *all = op_add(g, op_add(g, names, dropped), normed);
    tensor *x = op_matmul(g, graph_input(g, "x", DT_F32, 2, (int64_t[]){ROWS, C}), p[LEARNT], false, false);
    tensor *y = op_matmul(g, x, all, false, true);
    tensor *loss = op_reduce_mean(g, op_unary(g, y, (unary_attr){.kind = UNARY_SQUARE}), 3, false);
    graph_add_output(g, "names", names);
    graph_add_output(g, "dropped", dropped);
    graph_add_output(g, "loss", loss);
    if (graph_optimize_backward(g, loss, PASS_ALL, &err) != CSEG_OK || graph_plan(g, t->b, &t->p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    float *in = plan_input(t->p, "x", NULL);
    rng r = rng_derive(8, 0, 0);
    for (int i = 0; i < ROWS * C; i++)
        in[i] = (float)rng_normal(&r);
}

static void close_net(net *t)
{
    plan_free(t->p);
    graph_free(t->g);
    backend_free(t->b);
    for (int i = 0; i < PARAMS; i++) {
        mem_free(t->params[i].data);
        mem_free(t->params[i].grad);
    }
}

static float step(net *t, int64_t iter)
{
    cseg_error err = {0};
    int64_t *seed = plan_input(t->p, "seed", NULL);
    assert_non_null(seed);
    seed[0] = 3;
    seed[1] = iter;
    if (plan_run(t->p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return *(const float *)plan_output(t->p, "loss", NULL);
}

static void take(net *t, const char *name, float out[static C * C])
{
    memcpy(out, plan_output(t->p, name, NULL), C * C * sizeof *out);
}

static bool is_fixed(const net *t, op_kind op)
{
    for (size_t i = 0; i < plan_step_count(t->p); i++) {
        plan_step s = plan_step_at(t->p, i);
        if (s.node->op == op && !s.node->is_grad)
            return s.fixed;
    }
    fail_msg("there is no such step");
    return false;
}

static void what_is_frozen_is_computed_once(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        net t;
        float first[C * C], again[C * C];
        open_net(&t, which);
        assert_true(is_fixed(&t, OP_matmul) && is_fixed(&t, OP_softmax));
        assert_false(is_fixed(&t, OP_dropout) || is_fixed(&t, OP_batch_norm_train));
        step(&t, 0);
        take(&t, "names", first);
        ((float *)t.params[FROZEN].data)[3] += 1;
        step(&t, 0);
        take(&t, "names", again);
        assert_memory_equal(first, again, sizeof first);
        plan_weights_changed(t.p); /* weights were loaded */
        step(&t, 0);
        take(&t, "names", again);
        assert_memory_not_equal(first, again, sizeof first);
        close_net(&t);
    }
}

static void chance_and_statistics_go_on(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        net t;
        float first[C * C], again[C * C], mean[C];
        open_net(&t, which);
        step(&t, 0);
        take(&t, "dropped", first);
        memcpy(mean, t.params[MEAN].data, sizeof mean);
        step(&t, 1);
        take(&t, "dropped", again);
        assert_memory_not_equal(first, again, sizeof first);
        assert_memory_not_equal(mean, t.params[MEAN].data, sizeof mean);
        close_net(&t);
    }
}

/* Against a plan that computes all in each step. */
static void no_bit_of_training_changes(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        net once, always;
        open_net(&once, which);
        open_net(&always, which);
        for (int64_t k = 0; k < 5; k++) {
            plan_weights_changed(always.p);
            float a = step(&once, k), b = step(&always, k);
            assert_memory_equal(&a, &b, sizeof a);
            assert_memory_equal(once.params[LEARNT].grad, always.params[LEARNT].grad, C * C * sizeof(float));
            for (int i = 0; i < PARAMS; i++)
                assert_memory_equal(once.params[i].data, always.params[i].data,
                                    (size_t)once.params[i].count * sizeof(float));
            for (int i = 0; i < C * C; i++) {
                ((float *)once.params[LEARNT].data)[i] -= 0.1f * once.params[LEARNT].grad[i];
                ((float *)always.params[LEARNT].data)[i] -= 0.1f * always.params[LEARNT].grad[i];
                once.params[LEARNT].grad[i] = always.params[LEARNT].grad[i] = -1; /* as optimizers may */
            }
        }
        close_net(&once);
        close_net(&always);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_frozen_is_computed_once),
        cmocka_unit_test(chance_and_statistics_go_on),
        cmocka_unit_test(no_bit_of_training_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
