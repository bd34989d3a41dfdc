/* Whole plans on the reference and the CPU backend: a small network that learns, statistics, where NaNs come from,
 * dropout's shares, other threads, and memory that runs out. */
#include <math.h>
#include <pthread.h>
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

enum { PARAMS = 8, N = 2, H = 6, W = 5, CLASSES = 3 };

/* conv - norm - ReLU - dropout - conv to classes - resize - loss, and a skip. */
typedef struct net {
    graph *g;
    plan *p;
    backend *b;
    param params[PARAMS];
    int n;
} net;

static param *new_param(net *t, const char *name, param_role role, int rank, const int64_t *dim, float scale,
                        float shift)
{
    param *p = &t->params[t->n++];
    *p = (param){
        .name = name, .owner = "", .role = role, .type = DT_F32, .rank = rank, .count = 1, .requires_grad = true};
    for (int i = 0; i < rank; i++)
        p->count *= p->dim[i] = dim[i];
    p->data = mem_alloc((size_t)p->count * sizeof(float));
    p->grad = mem_alloc((size_t)p->count * sizeof(float));
    rng r = rng_derive(5, (uint64_t)t->n, 0);
    for (int64_t i = 0; p->data && i < p->count; i++)
        ((float *)p->data)[i] = shift + scale * (float)rng_normal(&r);
    return p;
}

static bool params_complete(const net *t)
{
    for (int i = 0; i < t->n; i++)
        if (!t->params[i].data || !t->params[i].grad)
            return false;
    return true;
}

static const conv_attr three = {.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 1};

static tensor *trace(net *t, float dropout)
{
    graph *g = t->g;
    tensor *x = graph_input(g, "img", DT_F32, 4, (int64_t[]){N, H, W, 3});
    tensor *label = graph_input(g, "label", DT_I32, 3, (int64_t[]){N, 2 * H, 2 * W});
    tensor *p[PARAMS];
    for (int i = 0; i < t->n; i++)
        p[i] = graph_param(g, &t->params[i]);
    graph_push_scope(g, "backbone");
    tensor *y = op_conv2d(g, x, p[0], NULL, three);
    y = g->train ? op_batch_norm_train(g, y, p[1], p[2], p[3], p[4],
                                       (norm_attr){.eps = 1e-5f, .momentum = 0.1f, .update = true})
                 : op_batch_norm(g, y, p[1], p[2], p[3], p[4], 1e-5f);
    y = op_dropout2d(g, op_add(g, op_relu(g, y), y), dropout);
    graph_pop_scope(g);
    graph_push_scope(g, "decode_head");
    tensor *logits = op_resize_to(g, op_conv2d(g, y, p[5], p[6], three), 2 * H, 2 * W, false);
    graph_add_output(g, "logits", logits);
    tensor *loss = op_cross_entropy(g, logits, label, NULL, NULL, (loss_attr){.ignore_index = 255, .scale = 1});
    graph_add_output(g, "loss", loss);
    graph_pop_scope(g);
    return loss;
}

static cseg_status net_open(net *t, backend *b, bool train, float dropout, unsigned passes, cseg_error *err)
{
    *t = (net){.b = b, .g = graph_new(train)};
    if (!b || !t->g)
        return fail_memory(err);
    new_param(t, "conv.weight", PARAM_TRAINED, 4, (int64_t[]){6, 3, 3, 3}, 0.3f, 0);
    new_param(t, "norm.weight", PARAM_TRAINED, 1, (int64_t[]){6}, 0, 1);
    new_param(t, "norm.bias", PARAM_TRAINED, 1, (int64_t[]){6}, 0.1f, 0);
    new_param(t, "norm.running_mean", PARAM_BUFFER, 1, (int64_t[]){6}, 0, 0);
    new_param(t, "norm.running_var", PARAM_BUFFER, 1, (int64_t[]){6}, 0, 1);
    new_param(t, "head.weight", PARAM_TRAINED, 4, (int64_t[]){CLASSES, 6, 3, 3}, 0.3f, 0);
    new_param(t, "head.bias", PARAM_TRAINED, 1, (int64_t[]){CLASSES}, 0, 0);
    if (!params_complete(t))
        return fail_memory(err);
    tensor *loss = trace(t, dropout);
    TRY(graph_status(t->g, err));
    TRY(graph_optimize(t->g, passes, err));
    loss = NULL;
    for (size_t i = 0; i < t->g->outputs.n; i++)
        if (strcmp(t->g->outputs.at[i].name, "loss") == 0)
            loss = t->g->outputs.at[i].value;
    if (train)
        TRY(graph_backward(t->g, loss, err));
    return plan_build(t->g, b, &t->p, err);
}

static void net_close(net *t)
{
    plan_free(t->p);
    graph_free(t->g);
    for (int i = 0; i < t->n; i++) {
        mem_free(t->params[i].data);
        mem_free(t->params[i].grad);
    }
    if (t->b)
        backend_free(t->b);
}

/* Stripes that three colours tell apart. */
static void net_feed(net *t)
{
    float *img = plan_input(t->p, "img", NULL);
    int32_t *label = plan_input(t->p, "label", NULL);
    int64_t *seed = plan_input(t->p, "seed", NULL);
    for (int i = 0; i < N * H * W * 3; i++)
        img[i] = (i / 3 % W) % 3 == i % 3 ? 1 : -0.5f;
    for (int i = 0; label && i < N * 4 * H * W; i++)
        label[i] = i % 11 == 0 ? 255 : i % (2 * W) / 2 % 3;
    if (seed)
        seed[0] = 1, seed[1] = 2;
}

static float net_loss(net *t)
{
    cseg_error err;
    if (plan_run(t->p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return *(const float *)plan_output(t->p, "loss", NULL);
}

static void net_learn(net *t, float rate)
{
    for (int i = 0; i < t->n; i++)
        for (int64_t k = 0; t->params[i].role == PARAM_TRAINED && k < t->params[i].count; k++)
            ((float *)t->params[i].data)[k] -= rate * t->params[i].grad[k];
}

static backend *new_backend(int which)
{
    return which ? backend_cpu_new(&(cpu_options){.threads = 2}) : backend_ref_new();
}

static void open_or_fail(net *t, int which, bool train, float dropout, unsigned passes)
{
    cseg_error err;
    if (net_open(t, new_backend(which), train, dropout, passes, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    net_feed(t);
}

static void test_learning(void **state)
{
    (void)state;
    float last[4];
    for (int i = 0; i < 4; i++) {
        net t;
        open_or_fail(&t, i / 2, true, 0, i % 2 ? PASS_ALL : 0);
        float first = net_loss(&t);
        for (int k = 0; k < 20; k++) {
            net_learn(&t, 0.5f);
            last[i] = net_loss(&t);
        }
        assert_true(first > 0.8f && last[i] < 0.4f * first);
        net_close(&t);
    }
    for (int i = 1; i < 4; i++)
        assert_true(fabsf(last[i] - last[0]) < 1e-3f * last[0]);
}

static void test_inference_follows_the_weights(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        net plain, passed;
        open_or_fail(&plain, 0, false, 0.5f, 0);
        open_or_fail(&passed, which, false, 0.5f, PASS_ALL);
        for (int round = 0; round < 3; round++) {
            float a = net_loss(&plain), b = net_loss(&passed);
            assert_true(fabsf(a - b) < 1e-5f * a);
            for (int i = 0; i < plain.n; i++)
                for (int64_t k = 0; k < plain.params[i].count; k++) {
                    ((float *)plain.params[i].data)[k] *= 1.1f;
                    ((float *)passed.params[i].data)[k] *= 1.1f;
                }
            plan_weights_changed(plain.p);
            plan_weights_changed(passed.p);
            assert_true(fabsf(net_loss(&plain) - a) > 1e-4f);
        }
        net_close(&plain);
        net_close(&passed);
    }
}

/* Two norms with the same statistics move them twice, one after the other. */
static void test_shared_statistics(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        backend *b = new_backend(which);
        graph *g = graph_new(true);
        float one[2] = {1, 1}, mean[2] = {0, 0}, var[2] = {1, 1};
        param p[4];
        float *data[] = {one, one, mean, var};
        tensor *t[4];
        for (int i = 0; i < 4; i++) {
            p[i] = (param){
                .name = "p", .role = PARAM_BUFFER, .type = DT_F32, .rank = 1, .dim = {2}, .count = 2, .data = data[i]};
            t[i] = graph_param(g, &p[i]);
        }
        norm_attr a = {.eps = 1e-5f, .momentum = 0.5f, .update = true};
        tensor *x = graph_input(g, "x", DT_F32, 2, (int64_t[]){2, 2});
        op_batch_norm_train(g, x, t[0], t[1], t[2], t[3], a);
        op_batch_norm_train(g, op_scale(g, x, 2, 0), t[0], t[1], t[2], t[3], a);
        plan *made = NULL;
        cseg_error err;
        assert_int_equal(plan_build(g, b, &made, &err), CSEG_OK);
        memcpy(plan_input(made, "x", NULL), (float[]){0, 4, 2, 8}, 16);
        assert_int_equal(plan_run(made, &err), CSEG_OK);
        /* Means 1 and 6, then 2 and 12; unbiased variances 2 and 8, then 8 and 32. */
        assert_true(mean[0] == 0.5f * 0.5f + 1 && mean[1] == 0.5f * 3 + 6);
        assert_true(fabsf(var[0] - (0.5f * 1.5f + 4)) < 1e-6f && fabsf(var[1] - (0.5f * 4.5f + 16)) < 1e-5f);
        plan_free(made);
        graph_free(g);
        backend_free(b);
    }
}

static void expect_nan(net *t, const char *text)
{
    cseg_error err = {.text = "nothing"};
    assert_int_equal(plan_find_nan(t->p, &err), CSEG_NUMERIC);
    if (!strstr(err.text, text))
        fail_msg("'%s' says nothing of '%s'", err.text, text);
}

static void test_where_nans_come_from(void **state)
{
    (void)state;
    cseg_error err;
    for (int which = 0; which < 2; which++) {
        net t;
        open_or_fail(&t, which, true, 0.5f, 0);
        assert_int_equal(plan_find_nan(t.p, &err), CSEG_OK);
        float *img = plan_input(t.p, "img", NULL), kept = img[7];
        img[7] = NAN;
        expect_nan(&t, "input img holds a NaN");
        img[7] = 3e38f; /* a number, but its products overflow */
        ((float *)t.params[0].data)[0] = 1e10f;
        ((float *)t.params[0].data)[13] = 1e10f;
        expect_nan(&t, "conv2d in backbone, shape [2, 6, 5, 6]");
        img[7] = kept;
        ((float *)t.params[5].data)[3] = INFINITY;
        expect_nan(&t, "parameter head.weight holds");
        net_close(&t);
    }
}

static void test_shares_of_dropout(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    static float y[3][COUNT];
    backend *b = backend_ref_new();
    graph *g = graph_new(true);
    float ones[COUNT];
    for (int i = 0; i < COUNT; i++)
        ones[i] = 1;
    tensor *x = graph_const(g, DT_F32, 4, (int64_t[]){4, 10, 10, 100}, ones);
    graph_add_output(g, "a", op_dropout(g, x, 0.3f));
    graph_add_output(g, "b", op_dropout(g, x, 0.3f));
    graph_add_output(g, "channels", op_dropout2d(g, x, 0.3f));
    plan *p = NULL;
    cseg_error err;
    assert_int_equal(plan_build(g, b, &p, &err), CSEG_OK);
    int64_t *seed = plan_input(p, "seed", NULL);
    seed[0] = 3, seed[1] = 4;
    assert_int_equal(plan_run(p, &err), CSEG_OK);
    memcpy(y[0], plan_output(p, "a", NULL), sizeof y[0]);
    memcpy(y[1], plan_output(p, "b", NULL), sizeof y[1]);
    memcpy(y[2], plan_output(p, "channels", NULL), sizeof y[2]);
    int kept = 0, same = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(y[0][i] == 0 || fabsf(y[0][i] - 1 / 0.7f) < 1e-6f);
        kept += y[0][i] != 0;
        same += (y[0][i] != 0) == (y[1][i] != 0);
        /* A channel of an image is there or not. */
        assert_true(y[2][i] == y[2][i / 10000 * 10000 + i % 100]);
    }
    assert_true(abs(kept - 28000) < 400);
    assert_true(abs(same - (int)(COUNT * (0.7 * 0.7 + 0.3 * 0.3))) < 500);
    seed[1] = 5; /* another step, another mask */
    assert_int_equal(plan_run(p, &err), CSEG_OK);
    assert_memory_not_equal(plan_output(p, "a", NULL), y[0], sizeof y[0]);
    seed[1] = 4;
    assert_int_equal(plan_run(p, &err), CSEG_OK);
    assert_memory_equal(plan_output(p, "a", NULL), y[0], sizeof y[0]);
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

static void *run_elsewhere(void *arg)
{
    net *t = arg;
    cseg_error err;
    return plan_run(t->p, &err) == CSEG_OK ? t : NULL;
}

/* A plan may run on another thread than the one that made it, beside a backend of more threads. */
static void test_other_threads(void **state)
{
    (void)state;
    cseg_error err;
    net t;
    backend *one = backend_cpu_new(&(cpu_options){.threads = 1, .deterministic = true});
    if (net_open(&t, one, true, 0.5f, PASS_ALL, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    net_feed(&t);
    float here = net_loss(&t);
    backend *four = backend_cpu_new(&(cpu_options){.threads = 4});
    assert_true(net_loss(&t) == here);
    pthread_t thread;
    void *done = NULL;
    assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, &t), 0);
    pthread_join(thread, &done);
    assert_ptr_equal(done, &t);
    assert_true(*(const float *)plan_output(t.p, "loss", NULL) == here);
    backend_free(four);
    net_close(&t);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        cseg_status status = CSEG_NO_MEMORY;
        long n = 1;
        for (; status != CSEG_OK; n++) {
            net t;
            cseg_error err = {.text = "nothing"};
            mem_fail_at(n);
            status = net_open(&t, new_backend(i / 2), i % 2 == 0, 0.5f, PASS_ALL, &err);
            mem_fail_at(0);
            assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
            if (status != CSEG_OK && !strstr(err.text, "out of memory"))
                fail_msg("allocation %ld: %s", n, err.text);
            net_close(&t);
        }
        assert_true(n > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learning),          cmocka_unit_test(test_inference_follows_the_weights),
        cmocka_unit_test(test_shared_statistics), cmocka_unit_test(test_where_nans_come_from),
        cmocka_unit_test(test_shares_of_dropout), cmocka_unit_test(test_other_threads),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
