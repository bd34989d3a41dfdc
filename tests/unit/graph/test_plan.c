/* Plans on a backend that computes nothing but checks memory: each kernel fills its outputs with marks that belong to
 * the tensor and expects its inputs to hold theirs still. So any overlap of tensors that live at the same time, any
 * step that is missing or out of order, shows itself. */
#include <stdlib.h>

#include "base/random.h"
#include "graph/op.h"
#include "graph/plan_internal.h"
#include "graph_test.h"

typedef struct marker {
    backend base;
    rng random;          /* chooses who works in place */
    int steps;           /* that ran */
    int wrong;           /* inputs that did not hold their marks, or lay where outputs do */
    const node *failing; /* its kernel refuses */
} marker;

typedef struct mark_kernel {
    kernel base;
    marker *of;
    const node *n;
} mark_kernel;

/* Reshapes are the same memory under another name, so their marks are those of what they reshape. */
static unsigned char mark_of(const tensor *t)
{
    while (t->from && t->from->op == OP_reshape && t->from->in[0]->role == TENSOR_TEMP)
        t = t->from->in[0];
    return (unsigned char)(rng_mix((uint64_t)t->id) % 251 + 1);
}

static bool holds_marks(const tensor *t, const void *at)
{
    const unsigned char *byte = at;
    const tensor *same = op_param_of(t);
    if (same)
        return at == same->param->data;
    for (size_t i = 0; i < tensor_bytes(t); i++)
        if (byte[i] != mark_of(t))
            return false;
    return true;
}

/* Only the input that the kernel named may lie where output 0 does. */
static bool in_the_way(const kernel *k, const node *n, void *const *in, void *const *out)
{
    const char *from = out[0], *to = from + tensor_bytes(n->out[0]);
    for (int i = 0; i < n->n_in; i++) {
        const char *at = in[i];
        if (at && i != k->in_place && at < to && at + tensor_bytes(n->in[i]) > from)
            return true;
    }
    return false;
}

static cseg_status mark(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    mark_kernel *k = (mark_kernel *)base;
    const node *n = k->n;
    k->of->steps++;
    if (n == k->of->failing)
        return (fail)(err, CSEG_NUMERIC, "this one fails"); /* not the macro of cmocka */
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->role == TENSOR_TEMP && (base->stale || !(base->read_when_stale >> i & 1)))
            k->of->wrong += !holds_marks(n->in[i], in[i]);
    base->stale = false;
    k->of->wrong += in_the_way(base, n, in, out);
    memset(scratch, 0xee, base->scratch);
    for (int i = 0; i < n->n_out; i++)
        memset(out[i], mark_of(n->out[i]), tensor_bytes(n->out[i]));
    return CSEG_OK;
}

static cseg_status prepare(backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                           cseg_error *err)
{
    (void)s;
    mark_kernel *k = ARENA_NEW(mem, mark_kernel);
    if (!k)
        return fail_memory(err);
    marker *m = (marker *)b;
    *k = (mark_kernel){.base = {.run = mark, .in_place = -1}, .of = m, .n = n};
    k->base.scratch = (size_t)rng_below(&m->random, 500);
    if (n->n_in && rng_below(&m->random, 3))
        k->base.in_place = (int)rng_below(&m->random, n->n_in);
    k->base.read_when_stale = (uint32_t)rng_below(&m->random, 4) & ~(1u << (k->base.in_place + 1) >> 1);
    *out = &k->base;
    return CSEG_OK;
}

static marker new_marker(uint64_t seed)
{
    return (marker){.base = {.name = "marks", .memory = &host_memory, .vectors = &plain_vectors, .prepare = prepare},
                    .random = rng_derive(seed, 1, 2)};
}

static plan *new_plan(graph *g, marker *m)
{
    plan *p = NULL;
    cseg_error err = {0};
    if (plan_build(g, &m->base, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return p;
}

static void run(plan *p, const marker *m)
{
    cseg_error err = {0};
    memset(p->memory, 0, p->bytes); /* nothing of an earlier run may be needed */
    if (plan_run(p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(m->wrong, 0);
}

/* ---- random graphs ---- */

enum { PARAMS = 4, POOL = 200 };

typedef struct forest {
    graph *g;
    rng random;
    param params[PARAMS];
    tensor *pool[POOL]; /* all of 2 axes */
    int n;
} forest;

static tensor *any(forest *f)
{
    /* Recent ones more often, as in networks; old ones too, as in skips. */
    int64_t back = rng_below(&f->random, rng_below(&f->random, 3) ? 6 : f->n);
    return f->pool[back < f->n ? f->n - 1 - back : 0];
}

static tensor *like(forest *f, const tensor *t)
{
    for (int i = 0; i < 30; i++) {
        tensor *o = any(f);
        if (op_same_shape(o, t))
            return o;
    }
    return f->pool[0];
}

static tensor *grow(forest *f)
{
    graph *g = f->g;
    tensor *x = any(f), *y = like(f, x);
    switch (rng_below(&f->random, 8)) {
    case 0:
        return op_relu(g, x);
    case 1:
        return op_same_shape(x, y) ? op_add(g, x, y) : op_scale(g, x, 2, 0);
    case 2:
        return op_same_shape(x, y) && x->dim[0] < 40 ? op_concat(g, (tensor *[]){x, y}, 2, 0) : op_softmax(g, x);
    case 3:
        return op_slice(g, x, 0, 0, (x->dim[0] + 1) / 2);
    case 4:
        return op_reshape(g, x, 2, DIMS(x->dim[1], x->dim[0]));
    case 5:
        return op_layer_norm(g, x, NULL, NULL, 1e-5f);
    case 6:
        return op_same_shape(x, y) ? op_mul(g, x, y) : op_transpose(g, x, (int[]){1, 0});
    default:
        return x->dim[1] == 8 ? op_matmul(g, x, graph_param(g, &f->params[rng_below(&f->random, PARAMS)]), false, false)
                              : op_reduce_sum(g, x, 1, true);
    }
}

static void plant(forest *f, uint64_t seed, bool train)
{
    *f = (forest){.g = graph_new(train), .random = rng_derive(seed, 3, 4)};
    assert_non_null(f->g);
    for (int i = 0; i < PARAMS; i++) {
        f->params[i] = test_param("w", 2, DIMS(8, 8));
        f->params[i].requires_grad = rng_below(&f->random, 2);
        f->pool[f->n++] = op_scale(f->g, graph_param(f->g, &f->params[i]), 2, 0);
    }
    f->pool[f->n++] = op_scale(f->g, graph_input(f->g, "x", DT_F32, 2, DIMS(16, 8)), 2, 0);
    int nodes = 10 + (int)rng_below(&f->random, 100);
    for (int i = 0; i < nodes; i++) {
        f->pool[f->n] = grow(f);
        assert_non_null(f->pool[f->n]);
        f->n++;
    }
    graph_add_output(f->g, "last", f->pool[f->n - 1]);
    graph_add_output(f->g, "early", f->pool[rng_below(&f->random, f->n)]);
}

static void fell(forest *f)
{
    graph_free(f->g);
    for (int i = 0; i < PARAMS; i++)
        test_param_free(&f->params[i]);
}

static void check_outputs(const forest *f, plan *p)
{
    for (size_t i = 0; i < f->g->outputs.n; i++) {
        const graph_output *o = &f->g->outputs.at[i];
        if (o->value->role == TENSOR_TEMP)
            assert_true(holds_marks(o->value, o->grad_of ? o->grad_of->grad : plan_output(p, o->name, NULL)));
    }
}

typedef struct span {
    size_t from, to;
} span;

static int by_start(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* The bytes of the arena that hold something alive at step i: no layout can do with less than the largest of these. */
static size_t alive_at(const plan *p, const int *made, const int *used, int i)
{
    const graph *g = p->graph;
    span *spans = calloc(g->tensors.n, sizeof *spans);
    assert_non_null(spans);
    size_t n = 0, sum = 0, end = 0;
    for (size_t t = 0; t < g->tensors.n; t++) {
        const place *at = &p->place[t];
        if (made[t] >= 0 && made[t] <= i && used[t] >= i && !at->fixed && !at->external)
            spans[n++] = (span){at->offset, at->offset + (tensor_bytes(g->tensors.at[t]) + 63) / 64 * 64};
    }
    qsort(spans, n, sizeof *spans, by_start);
    for (size_t k = 0; k < n; k++) {
        size_t from = spans[k].from > end ? spans[k].from : end;
        if (spans[k].to > from) {
            sum += spans[k].to - from;
            end = spans[k].to;
        }
    }
    free(spans);
    return sum;
}

static size_t least_bytes(const plan *p)
{
    const graph *g = p->graph;
    int *made = malloc(g->tensors.n * sizeof *made), *used = malloc(g->tensors.n * sizeof *used);
    size_t most = 0;
    assert_true(made && used);
    for (size_t t = 0; t < g->tensors.n; t++)
        made[t] = used[t] = -1;
    for (int i = 0; i < (int)p->n_steps; i++) {
        const node *n = p->steps[i].node;
        for (int k = 0; k < n->n_out; k++)
            made[n->out[k]->id] = used[n->out[k]->id] = i;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k])
                used[n->in[k]->id] = i;
    }
    for (size_t i = 0; i < g->outputs.n; i++)
        used[g->outputs.at[i].value->id] = (int)p->n_steps;
    for (int i = 0; i < (int)p->n_steps; i++) {
        size_t alive = alive_at(p, made, used, i);
        most = alive > most ? alive : most;
    }
    free(made);
    free(used);
    return most;
}

static void test_random_graphs(void **state)
{
    (void)state;
    double taken = 0, least = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        forest f;
        plant(&f, seed, seed % 3 != 0);
        cseg_error err;
        if (f.g->train)
            assert_int_equal(graph_backward(f.g, op_reduce_sum(f.g, f.pool[f.n - 1], 3, false), &err), CSEG_OK);
        marker m = new_marker(seed);
        plan *p = new_plan(f.g, &m);
        for (int round = 0; round < 4; round++) {
            run(p, &m);
            check_outputs(&f, p);
            if (round == 2)
                plan_weights_changed(p);
        }
        size_t bound = least_bytes(p);
        assert_true(p->bytes >= bound);
        assert_true((double)p->bytes <= 1.5 * (double)bound);
        taken += (double)p->bytes;
        least += (double)bound;
        plan_free(p);
        fell(&f);
    }
    print_message("layouts take %.3f times what lives at once\n", taken / least);
    assert_true(taken / least < 1.1);
}

/* ---- what a plan keeps, drops and repeats ---- */

static void test_dead_nodes_do_not_run(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *x = graph_input(g, "x", DT_F32, 2, DIMS(4, 8)), *y = op_relu(g, x);
    for (int i = 0; i < 5; i++)
        op_relu(g, y);
    param stats[4];
    for (int i = 0; i < 4; i++)
        stats[i] = test_param("s", 1, DIMS(8));
    /* Nobody reads the norm, but it moves its statistics. */
    op_batch_norm_train(g, x, graph_param(g, &stats[0]), graph_param(g, &stats[1]), graph_param(g, &stats[2]),
                        graph_param(g, &stats[3]), (norm_attr){.eps = 1e-5f, .update = true});
    graph_add_output(g, "y", y);
    marker m = new_marker(1);
    plan *p = new_plan(g, &m);
    run(p, &m);
    assert_int_equal(m.steps, 2);
    plan_free(p);
    graph_free(g);
    for (int i = 0; i < 4; i++)
        test_param_free(&stats[i]);
}

/* 0: inference; 1: training of a weight; 2: training beside a frozen weight, behind which there is a product; 3: none.
 */
static void test_fixed_steps_run_once(void **state)
{
    (void)state;
    static const struct {
        int again; /* steps that run each time */
        bool train, learns, product;
    } cases[] = {{1, false, true, false}, {3, true, true, false}, {1, true, false, true}, {3, true, false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graph *g = graph_new(cases[i].train);
        param w = test_param("w", 2, DIMS(8, 8));
        w.requires_grad = cases[i].learns;
        tensor *scaled = op_scale(g, graph_param(g, &w), 2, 0);
        scaled = cases[i].product ? op_matmul(g, scaled, scaled, false, false) : op_scale(g, scaled, 3, 0);
        tensor *flat = op_reshape(g, op_reshape(g, scaled, 1, DIMS(64)), 2, DIMS(8, 8));
        graph_add_output(g, "y", op_matmul(g, graph_input(g, "x", DT_F32, 2, DIMS(4, 8)), flat, false, false));
        graph_add_output(g, "w", flat);
        marker m = new_marker(2);
        plan *p = new_plan(g, &m);
        run(p, &m);
        assert_int_equal(m.steps, 3);
        run(p, &m);
        assert_int_equal(m.steps, 3 + cases[i].again);
        plan_weights_changed(p);
        run(p, &m);
        assert_int_equal(m.steps, 6 + cases[i].again);
        plan_free(p);
        graph_free(g);
        test_param_free(&w);
    }
}

/* Scaled weights that a kernel keeps in a layout of its own need no memory between the runs that scale them. */
static void test_fixed_results_that_kernels_keep(void **state)
{
    (void)state;
    graph *g = graph_new(false);
    param w = test_param("w", 2, DIMS(8, 8));
    tensor *scaled = op_scale(g, graph_param(g, &w), 2, 0), *x = graph_input(g, "x", DT_F32, 2, DIMS(4, 8));
    tensor *y = op_matmul(g, x, scaled, false, false);
    for (int i = 0; i < 4; i++)
        y = op_relu(g, op_relu(g, y));
    graph_add_output(g, "y", y);
    marker m = new_marker(11);
    plan *p = new_plan(g, &m);
    size_t inputs = 128;
    for (int keeps = 0; keeps < 2; keeps++) {
        cseg_error err;
        p->steps[1].kernel->read_when_stale = keeps ? 2 : 0;
        p->bytes = p->fixed_bytes = 0;
        assert_int_equal(plan_place(p, &err), CSEG_OK);
        assert_int_equal(p->fixed_bytes, inputs + (keeps ? 0 : 256));
    }
    plan_free(p);
    graph_free(g);
    test_param_free(&w);
}

static void test_a_chain_in_place_takes_one_buffer(void **state)
{
    (void)state;
    graph *g = graph_new(false);
    tensor *y = op_relu(g, graph_input(g, "x", DT_F32, 2, DIMS(16, 16)));
    for (int i = 0; i < 10; i++)
        y = op_reshape(g, op_relu(g, y), 2, DIMS(16, 16));
    graph_add_output(g, "y", y);
    marker m = new_marker(0);
    plan *p = NULL;
    /* All in place, or none: then two take turns. */
    for (int in_place = 0; in_place < 2; in_place++) {
        cseg_error err;
        plan_free(p);
        p = new_plan(g, &m);
        for (size_t i = 0; i < p->n_steps; i++)
            if (p->steps[i].kernel)
                p->steps[i].kernel->in_place = in_place ? 0 : -1;
        p->bytes = p->fixed_bytes = 0;
        assert_int_equal(plan_place(p, &err), CSEG_OK);
        assert_int_equal(p->bytes, in_place ? 1024 : 2048);
    }
    plan_free(p);
    graph_free(g);
}

static void test_inputs_can_be_bound(void **state)
{
    (void)state;
    graph *g = graph_new(false);
    tensor *x = graph_input(g, "x", DT_F32, 1, DIMS(4));
    graph_add_output(g, "y", op_relu(g, x));
    graph_add_output(g, "x itself", x);
    marker m = new_marker(3);
    plan *p = new_plan(g, &m);
    cseg_error err;
    const tensor *shape = NULL;
    float *own = plan_input(p, "x", &shape), mine[4] = {1, 2, 3, 4};
    assert_non_null(own);
    assert_ptr_equal(shape, x);
    assert_null(plan_input(p, "y", NULL));
    assert_null(plan_output(p, "z", NULL));
    assert_ptr_equal(plan_output(p, "x itself", NULL), own);
    plan_data d = {.data = mine, .type = DT_F32, .rank = 1, .dim = {4}};
    assert_int_equal(plan_bind_input(p, "x", &d, &err), CSEG_OK);
    run(p, &m);
    assert_ptr_equal(plan_output(p, "x itself", NULL), mine);
    assert_ptr_equal(p->steps[0].in[0], mine);
    assert_int_equal(plan_bind_input(p, "x", NULL, &err), CSEG_OK);
    run(p, &m);
    assert_ptr_equal(p->steps[0].in[0], own);
    assert_int_equal(plan_bind_input(p, "image", &d, &err), CSEG_NOT_FOUND);
    assert_non_null(strstr(err.text, "image"));
    plan_free(p);
    graph_free(g);
}

static void test_parameters_may_move(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    param w = test_param("w", 1, DIMS(4));
    graph_add_output(g, "y", op_relu(g, graph_param(g, &w)));
    marker m = new_marker(4);
    plan *p = new_plan(g, &m);
    run(p, &m);
    float other[4] = {0}, *before = w.data;
    w.data = other;
    plan_weights_changed(p);
    run(p, &m);
    assert_ptr_equal(p->steps[0].in[0], other);
    w.data = before;
    plan_free(p);
    graph_free(g);
    test_param_free(&w);
}

static void test_parameters_need_memory(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    param w = test_param("head.weight", 1, DIMS(4)), none = w;
    cseg_error err;
    plan *p = NULL;
    marker m = new_marker(5);
    tensor *y = op_relu(g, graph_param(g, &none));
    assert_int_equal(graph_backward(g, op_reduce_sum(g, y, 1, false), &err), CSEG_OK);
    none.grad = NULL;
    assert_int_equal(plan_build(g, &m.base, &p, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "head.weight has no memory for its gradient"));
    none.data = NULL;
    assert_int_equal(plan_build(g, &m.base, &p, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "head.weight has no memory yet"));
    assert_null(p);
    graph_free(g);
    test_param_free(&w);
}

static void test_a_failing_kernel_stops_the_run(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *y = op_relu(g, op_relu(g, op_relu(g, graph_input(g, "x", DT_F32, 1, DIMS(4)))));
    graph_add_output(g, "y", y);
    marker m = new_marker(6);
    m.failing = y->from->in[0]->from;
    plan *p = new_plan(g, &m);
    cseg_error err;
    assert_int_equal(plan_run(p, &err), CSEG_NUMERIC);
    assert_string_equal(err.text, "this one fails");
    assert_int_equal(m.steps, 2);
    plan_free(p);
    graph_free(g);
}

static void test_a_broken_graph_has_no_plan(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    cseg_error err;
    plan *p = NULL;
    marker m = new_marker(7);
    graph_fail(g, CSEG_CONFIG, "nonsense");
    assert_int_equal(plan_build(g, &m.base, &p, &err), CSEG_CONFIG);
    assert_string_equal(err.text, "nonsense");
    assert_null(p);
    graph_free(g);
}

/* A gradient that several parameters share, or that is a reshape, still arrives where it belongs. */
static void test_gradients_arrive(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    param a = test_param("a", 2, DIMS(4, 6)), b = test_param("b", 2, DIMS(4, 6)), c = test_param("c", 1, DIMS(24));
    tensor *sum = op_add(g, graph_param(g, &a), graph_param(g, &b));
    tensor *y = op_add(g, sum, op_reshape(g, graph_param(g, &c), 2, DIMS(4, 6)));
    cseg_error err;
    assert_int_equal(graph_backward(g, op_reduce_sum(g, op_relu(g, y), 3, false), &err), CSEG_OK);
    assert_int_equal(g->outputs.n, 3);
    marker m = new_marker(8);
    plan *p = new_plan(g, &m);
    run(p, &m);
    for (size_t i = 0; i < g->outputs.n; i++)
        assert_true(holds_marks(g->outputs.at[i].value, g->outputs.at[i].grad_of->grad));
    plan_free(p);
    graph_free(g);
    test_param_free(&a);
    test_param_free(&b);
    test_param_free(&c);
}

static void test_text_and_profile(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    graph_push_scope(g, "neck");
    graph_add_output(g, "y", op_relu(g, graph_input(g, "x", DT_F32, 2, DIMS(4, 6))));
    marker m = new_marker(9);
    plan *p = new_plan(g, &m);
    plan_profile(p, true);
    run(p, &m);
    run(p, &m);
    assert_int_equal(plan_step_count(p), 1);
    plan_step s = plan_step_at(p, 0);
    assert_ptr_equal(s.node, g->nodes.at[0]);
    assert_int_equal(s.runs, 2);
    assert_true(!s.fixed && s.fastest > 0 && s.fastest <= s.seconds - s.fastest);
    assert_int_equal(plan_bytes(p), p->bytes + p->fixed_bytes + p->scratch_bytes + p->kept_bytes);
    plan_free(p);
    graph_free(g);
}

/* The bound and where it lies, by their definition; and the tables. */
static void test_what_memory_holds(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    cseg_error err;
    plan_memory at;
    graph_push_scope(g, "neck");
    tensor *x = graph_input(g, "x", DT_F32, 2, DIMS(1, 512));
    tensor *a = op_reshape(g, x, 2, DIMS(2, 256));
    tensor *b = op_concat(g, (tensor *[]){a, op_slice(g, a, 0, 0, 1)}, 2, 0);
    graph_add_output(g, "y", op_add(g, op_slice(g, b, 0, 2, 1), op_slice(g, a, 0, 1, 1)));
    marker m = new_marker(9);
    plan *p = new_plan(g, &m);
    assert_int_equal(plan_measure(p, &at, &err), CSEG_OK);
    assert_int_equal(at.arena, p->bytes);
    assert_int_equal(at.fixed, 2048);
    assert_int_equal(at.steps, plan_step_count(p));
    assert_true(at.bound > 0 && at.bound <= at.arena);
    size_t most = 0;
    for (size_t i = 0; i < at.steps; i++) {
        size_t now = 0;
        for (size_t k = 0; k < p->n_buffers; k++)
            if (!p->buffers[k].fixed && p->buffers[k].first <= (int)i && p->buffers[k].last >= (int)i)
                now += p->buffers[k].bytes;
        most = now > most ? now : most;
        if (i == at.peak) {
            assert_int_equal(now, at.bound);
            assert_ptr_equal(at.at, plan_step_at(p, i).node);
        }
    }
    assert_int_equal(most, at.bound);
    char *all = plan_memory_text(p, &at, 10, g->mem), *one = plan_memory_text(p, &at, 1, g->mem);
    assert_non_null(strstr(all, " neck "));
    assert_null(strstr(all, "the other"));
    assert_non_null(strstr(one, "the other"));
    plan_free(p);
    graph_free(g);
}

/* Out of memory anywhere is an error, never a crash or a leak. */
static cseg_status all_steps(marker *m, param *w, cseg_error *err)
{
    graph *g = graph_new(true);
    plan *p = NULL;
    if (!g)
        return fail_memory(err);
    graph_push_scope(g, "a");
    tensor *x = graph_input(g, "x", DT_F32, 2, DIMS(4, 8));
    tensor *y = op_dropout(g, op_linear(g, x, graph_param(g, w), NULL), 0.5f);
    y = op_concat(g, (tensor *[]){y, op_softmax(g, y)}, 2, 1);
    cseg_status status = graph_backward(g, op_reduce_sum(g, y, 3, false), err);
    graph_add_output(g, "y", y);
    if (status == CSEG_OK)
        status = plan_build(g, &m->base, &p, err);
    if (status == CSEG_OK)
        status = plan_run(p, err);
    plan_free(p);
    graph_free(g);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    param w = test_param("w", 2, DIMS(8, 8));
    cseg_status status = CSEG_NO_MEMORY;
    long n = 1;
    for (; status != CSEG_OK; n++) {
        marker m = new_marker(10);
        cseg_error err = {.text = "nothing"};
        mem_fail_at(n);
        status = all_steps(&m, &w, &err);
        mem_fail_at(0);
        if (status != CSEG_OK) {
            assert_int_equal(status, CSEG_NO_MEMORY);
            assert_non_null(strstr(err.text, "out of memory"));
        }
    }
    assert_true(n > 8);
    test_param_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_dead_nodes_do_not_run),
        cmocka_unit_test(test_fixed_steps_run_once),
        cmocka_unit_test(test_fixed_results_that_kernels_keep),
        cmocka_unit_test(test_a_chain_in_place_takes_one_buffer),
        cmocka_unit_test(test_inputs_can_be_bound),
        cmocka_unit_test(test_parameters_may_move),
        cmocka_unit_test(test_parameters_need_memory),
        cmocka_unit_test(test_a_failing_kernel_stops_the_run),
        cmocka_unit_test(test_a_broken_graph_has_no_plan),
        cmocka_unit_test(test_gradients_arrive),
        cmocka_unit_test(test_text_and_profile),
        cmocka_unit_test(test_what_memory_holds),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
