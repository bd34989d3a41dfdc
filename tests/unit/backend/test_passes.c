/* Whatever graph passes are chosen, they give the same results, gradients and statistics, on a network that has
 * something for each of them: maps of several sizes that are added, and others under one 1x1 convolution, norms,
 * residual sums, a head that is resized. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "base/error.h"
#include "base/random.h"
#include "graph/passes/passes.h"
#include "graph/plan_internal.h"

#include <cmocka.h>

enum { N = 2, H = 8, W = 6, PARAMS = 64 };

typedef struct net {
    graph *g;
    plan *p;
    param params[PARAMS];
    char names[PARAMS][16];
    int n;
} net;

static tensor *weight(net *t, param_role role, int rank, const int64_t *dim, float scale, float shift)
{
    param *p = &t->params[t->n];
    snprintf(t->names[t->n], sizeof t->names[t->n], "p%d", t->n);
    *p = (param){.name = t->names[t->n], .role = role, .type = DT_F32, .rank = rank, .count = 1, .requires_grad = true};
    for (int i = 0; i < rank; i++)
        p->count *= p->dim[i] = dim[i];
    p->data = mem_alloc((size_t)p->count * sizeof(float));
    p->grad = mem_alloc((size_t)p->count * sizeof(float));
    assert_true(p->data && p->grad);
    rng r = rng_derive(9, (uint64_t)t->n++, 0);
    for (int64_t i = 0; i < p->count; i++)
        ((float *)p->data)[i] = shift + scale * (float)rng_normal(&r);
    return graph_param(t->g, p);
}

static tensor *conv(net *t, tensor *x, int64_t out, int size, int stride, bool bias)
{
    tensor *w = weight(t, PARAM_TRAINED, 4, (int64_t[]){out, x->dim[3], size, size}, 0.3f, 0);
    tensor *b = bias ? weight(t, PARAM_TRAINED, 1, &out, 0.3f, 0) : NULL;
    return op_conv2d(
        t->g, x, w, b,
        (conv_attr){.stride = {stride, stride}, .pad = {size / 2, size / 2}, .dilation = {1, 1}, .groups = 1});
}

static tensor *norm(net *t, tensor *x)
{
    int64_t c = x->dim[3];
    tensor *gamma = weight(t, PARAM_TRAINED, 1, &c, 0.2f, 1), *beta = weight(t, PARAM_TRAINED, 1, &c, 0.2f, 0);
    tensor *mean = weight(t, PARAM_BUFFER, 1, &c, 0.1f, 0), *var = weight(t, PARAM_BUFFER, 1, &c, 0, 1.5f);
    if (!t->g->train)
        return op_batch_norm(t->g, x, gamma, beta, mean, var, 1e-5f);
    return op_batch_norm_train(t->g, x, gamma, beta, mean, var,
                               (norm_attr){.eps = 1e-5f, .momentum = 0.1f, .update = true});
}

static void trace(net *t)
{
    graph *g = t->g;
    tensor *x = graph_input(g, "img", DT_F32, 4, (int64_t[]){N, H, W, 3});
    tensor *label = graph_input(g, "label", DT_I32, 3, (int64_t[]){N, 2 * H, 2 * W});
    tensor *a = op_relu(g, norm(t, conv(t, x, 5, 3, 1, false)));
    int outer = graph_push_checkpoint(g, true); /* a residual block, computed again in the backward pass */
    tensor *b = op_relu(g, norm(t, conv(t, op_dropout(g, a, 0.3f), 5, 3, 1, false)));
    b = op_relu(g, op_add(g, norm(t, conv(t, b, 5, 3, 1, false)), a));
    graph_pop_checkpoint(g, outer);
    tensor *half = norm(t, conv(t, b, 6, 3, 2, false));
    tensor *quarter = op_unary(g, conv(t, half, 7, 3, 2, true), (unary_attr){.kind = UNARY_LEAKY_RELU, .alpha = 0.1f});
    tensor *of_half = op_resize_to(g, norm(t, conv(t, half, 5, 1, 1, false)), H, W, false);
    tensor *of_quarter = op_resize(g, conv(t, quarter, 5, 1, 1, true), (resize_attr){.h = H, .w = W, .nearest = true});
    tensor *fused = op_relu(g, op_add(g, op_add(g, of_half, b), of_quarter));
    tensor *maps[] = {fused, op_resize_to(g, half, H, W, false), op_resize_to(g, quarter, H, W, false)};
    tensor *y = op_relu(g, norm(t, conv(t, op_concat(g, maps, 3, -1), 8, 1, 1, true)));
    tensor *logits = op_resize_to(g, conv(t, y, 4, 1, 1, true), 2 * H, 2 * W, false);
    graph_add_output(g, "classes", op_argmax(g, logits));
    graph_add_output(g, "accuracy", op_accuracy(g, logits, label, 255));
    graph_add_output(g, "loss",
                     op_cross_entropy(g, logits, label, NULL, NULL, (loss_attr){.ignore_index = 255, .scale = 1}));
}

static void net_open(net *t, backend *b, bool train, unsigned passes)
{
    cseg_error err = {0};
    *t = (net){.g = graph_new(train)};
    assert_non_null(t->g);
    trace(t);
    tensor *loss = NULL;
    cseg_status status = graph_optimize(t->g, passes, &err);
    for (size_t i = 0; i < t->g->outputs.n; i++)
        if (strcmp(t->g->outputs.at[i].name, "loss") == 0)
            loss = t->g->outputs.at[i].value;
    if (status == CSEG_OK && train)
        status = graph_optimize_backward(t->g, loss, passes, &err);
    if (status == CSEG_OK)
        status = plan_build(t->g, b, &t->p, &err);
    if (status != CSEG_OK)
        fail_msg("%s", err.text);
    float *img = plan_input(t->p, "img", NULL);
    int32_t *label = plan_input(t->p, "label", NULL);
    rng r = rng_derive(10, 0, 0);
    for (int i = 0; i < N * H * W * 3; i++)
        img[i] = (float)rng_normal(&r);
    for (int i = 0; i < N * 4 * H * W; i++)
        label[i] = rng_below(&r, 5) ? (int32_t)rng_below(&r, 4) : 255;
    if (train)
        memcpy(plan_input(t->p, "seed", NULL), (int64_t[]){3, 1}, 2 * sizeof(int64_t));
    if (plan_run(t->p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

/* Bit for bit. */
static void assert_same(const net *a, const net *b)
{
    assert_memory_equal(plan_output(a->p, "loss", NULL), plan_output(b->p, "loss", NULL), sizeof(float));
    for (int i = 0; i < a->n; i++) {
        size_t bytes = (size_t)a->params[i].count * sizeof(float);
        assert_memory_equal(a->params[i].data, b->params[i].data, bytes);
        if (a->params[i].role == PARAM_TRAINED)
            assert_memory_equal(a->params[i].grad, b->params[i].grad, bytes);
    }
}

static void net_close(net *t)
{
    plan_free(t->p);
    graph_free(t->g);
    for (int i = 0; i < t->n; i++) {
        mem_free(t->params[i].data);
        mem_free(t->params[i].grad);
    }
}

static void assert_near(unsigned passes, const char *what, const float *a, const float *b, int64_t n)
{
    double most = 1e-3;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= 2e-5 * most))
            fail_msg("passes %u: %s at %lld is %g instead of %g", passes, what, (long long)i, (double)b[i],
                     (double)a[i]);
}

static void compare(const net *a, const net *b, unsigned passes)
{
    assert_near(passes, "the loss", plan_output(a->p, "loss", NULL), plan_output(b->p, "loss", NULL), 1);
    assert_near(passes, "the accuracy", plan_output(a->p, "accuracy", NULL), plan_output(b->p, "accuracy", NULL), 1);
    assert_memory_equal(plan_output(a->p, "classes", NULL), plan_output(b->p, "classes", NULL), N * 4 * H * W * 4);
    for (int i = 0; i < a->n; i++) {
        const param *p = &a->params[i], *q = &b->params[i];
        assert_near(passes, p->name, p->data, q->data, p->count);
        if (a->g->train && p->role == PARAM_TRAINED)
            assert_near(passes, p->name, p->grad, q->grad, p->count);
    }
}

/* Of the forward pass. */
static int nodes_of(const net *t, op_kind op)
{
    int n = 0;
    for (size_t i = 0; i < t->g->nodes.n; i++)
        n += t->g->nodes.at[i]->op == op && !t->g->nodes.at[i]->is_grad;
    return n;
}

/* The nodes that the backward pass makes anew. */
static int anew_of(const net *t, op_kind op)
{
    int n = 0;
    for (size_t i = 0; i < t->g->nodes.n; i++)
        n += t->g->nodes.at[i]->op == op && t->g->nodes.at[i]->is_grad;
    return n;
}

/* Each pass did find its prey. */
static void check_what_is_left(const net *t)
{
    assert_int_equal(nodes_of(t, OP_sum), 2);    /* of `fused`, and of what the 1x1 convolution was cut into */
    assert_int_equal(nodes_of(t, OP_resize), 1); /* the head's */
    if (t->g->train) {
        assert_int_equal(nodes_of(t, OP_accuracy), 0);
        assert_true(anew_of(t, OP_batch_norm_apply) >= 2);
        assert_int_equal(anew_of(t, OP_dropout), 1);
        return;
    }
    assert_int_equal(nodes_of(t, OP_batch_norm), 0);
    assert_int_equal(nodes_of(t, OP_fold_batch_norm), 6);
    assert_int_equal(nodes_of(t, OP_resize_argmax), 0); /* the logits have other readers here */
    assert_int_equal(nodes_of(t, OP_concat), 0);
}

/* Up to two alone, or all but up to two: what one pass leaves for another shows in these, and the number of choices
 * does not double with each new pass. */
static bool is_tried(unsigned passes)
{
    int on = __builtin_popcount(passes), off = __builtin_popcount(PASS_ALL & ~passes);
    return on <= 2 || off <= 2;
}

static void check_all(backend *ref, backend *b, bool train)
{
    net plain;
    net_open(&plain, ref, train, 0);
    for (unsigned passes = 0; passes <= PASS_ALL; passes++) {
        if (!is_tried(passes))
            continue;
        net t;
        net_open(&t, b, train, passes);
        compare(&plain, &t, passes);
        if (passes == PASS_ALL)
            check_what_is_left(&t);
        net_close(&t);
    }
    net_close(&plain);
}

/* What is made anew is the same, whatever else is done to the graph. */
static void check_recompute(backend *b)
{
    for (unsigned passes = 0; passes <= PASS_ALL; passes++) {
        net kept, anew;
        if (passes & PASS_RECOMPUTE || !is_tried(passes))
            continue;
        net_open(&kept, b, true, passes);
        net_open(&anew, b, true, passes | PASS_RECOMPUTE);
        assert_int_equal(anew_of(&kept, OP_batch_norm_apply), 0);
        assert_true(anew_of(&anew, OP_batch_norm_apply) > 0);
        assert_true(anew.p->bytes < kept.p->bytes);
        assert_same(&kept, &anew);
        net_close(&kept);
        net_close(&anew);
    }
}

static void test_recompute(void **state)
{
    (void)state;
    backend *ref = backend_ref_new(), *cpu = backend_cpu_new(&(cpu_options){.threads = 2});
    assert_true(ref && cpu);
    check_recompute(ref);
    check_recompute(cpu);
    backend_free(cpu);
    backend_free(ref);
}

static void test_training(void **state)
{
    (void)state;
    backend *ref = backend_ref_new();
    assert_non_null(ref);
    check_all(ref, ref, true);
    backend_free(ref);
}

static void test_inference(void **state)
{
    (void)state;
    backend *ref = backend_ref_new();
    assert_non_null(ref);
    check_all(ref, ref, false);
    backend_free(ref);
}

static void test_on_the_cpu(void **state)
{
    (void)state;
    backend *ref = backend_ref_new(), *cpu = backend_cpu_new(&(cpu_options){.threads = 2});
    assert_true(ref && cpu);
    check_all(ref, cpu, true);
    check_all(ref, cpu, false);
    backend_free(cpu);
    backend_free(ref);
}

static void test_their_names(void **state)
{
    (void)state;
    cseg_error err;
    unsigned passes;
    assert_int_equal(passes_from_text(NULL, &passes, &err), CSEG_OK);
    assert_int_equal(passes, PASS_ALL);
    assert_int_equal(passes_from_text("none", &passes, &err), CSEG_OK);
    assert_int_equal(passes, 0);
    assert_int_equal(passes_from_text("-commute_resize,-fuse_loss", &passes, &err), CSEG_OK);
    assert_int_equal(passes, PASS_ALL & ~(unsigned)(PASS_COMMUTE_RESIZE | PASS_FUSE_LOSS));
    assert_int_equal(passes_from_text("-fold_norms", &passes, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "-fold_norms"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training),  cmocka_unit_test(test_inference),   cmocka_unit_test(test_on_the_cpu),
        cmocka_unit_test(test_recompute), cmocka_unit_test(test_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
