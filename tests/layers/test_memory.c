/* Makers and traces when memory runs out at any point: an error, and no other harm. */
#include "golden_layer.h"

enum { BLOCK = 1 << 16, STEP = 128 };

/* Leaves so many bytes in the arena's block; more is to be had by a new block alone. */
static void leave(arena *mem, size_t left)
{
    assert_non_null(arena_alloc(mem, BLOCK)); /* fills a block of its own; the next has twice the size */
    assert_non_null(arena_alloc(mem, 2 * BLOCK - left));
}

static const char norm_and_act[] = "[dict(type='BN'), dict(type='ReLU'), dict(type='DropPath')]";

static const value *cfg(const value *list, size_t i)
{
    return value_item(list, i);
}

static tensor *run_self_attention(module *m, graph *g, tensor *x)
{
    return self_attention_run(m, g, x, x);
}

static tensor *as_tokens(graph *g, tensor *x)
{
    return x ? op_reshape(g, x, 3, (int64_t[]){x->dim[0], -1, x->dim[3]}) : NULL;
}

static tensor *run_attention(module *m, graph *g, tensor *x)
{
    tensor *t = as_tokens(g, x);
    return attention_run(m, g, (attention_inputs){.query = t, .query_pos = t});
}

static tensor *run_ffn(module *m, graph *g, tensor *x)
{
    return ffn_run(m, g, as_tokens(g, x), NULL);
}

static module *make_self_attention(module *root, const value *list)
{
    return self_attention_new(root, "layer",
                              (self_attention_spec){.key_in = 4,
                                                    .query_in = 4,
                                                    .channels = 4,
                                                    .out = 4,
                                                    .key_query_convs = 2,
                                                    .value_out_convs = 1,
                                                    .key_query_norm = true,
                                                    .with_out = true,
                                                    .norm_cfg = cfg(list, 0),
                                                    .act_cfg = cfg(list, 1)});
}

static module *make_separable(module *root, const value *list)
{
    return separable_conv_new(root, "layer",
                              separable_conv(conv_square(4, 4, 3, 1, 1, 1), NULL, cfg(list, 0), cfg(list, 1)));
}

static module *make_pyramid(module *root, const value *list)
{
    int64_t *scales = ARENA_ARRAY(root->model->mem, 2, int64_t);
    if (scales) {
        scales[0] = 1;
        scales[1] = 2;
    }
    return pyramid_pool_new(root, "layer",
                            (pyramid_pool_spec){.scales = {.n = scales ? 2 : 0, .at = scales},
                                                .in = 4,
                                                .channels = 4,
                                                .norm_cfg = cfg(list, 0),
                                                .act_cfg = cfg(list, 1)});
}

static module *make_attention(module *root, const value *list)
{
    return attention_new(root, "layer",
                         (attention_spec){.channels = 4,
                                          .heads = 2,
                                          .bias = true,
                                          .attn_drop = 0.1,
                                          .proj_drop = 0.1,
                                          .dropout_layer = cfg(list, 2)});
}

static module *make_ffn(module *root, const value *list)
{
    return ffn_new(root, "layer",
                   (ffn_spec){.channels = 4,
                              .hidden = 4,
                              .num_fcs = 2,
                              .drop = 0.1,
                              .add_identity = true,
                              .layer_scale = 1,
                              .act_cfg = cfg(list, 1),
                              .dropout_layer = cfg(list, 2)});
}

static const struct {
    module *(*make)(module *root, const value *list);
    tensor *(*run)(module *m, graph *g, tensor *x);
} layers[] = {{make_self_attention, run_self_attention},
              {make_separable, layer_run},
              {make_pyramid, pyramid_pool_run},
              {make_attention, run_attention},
              {make_ffn, run_ffn}};
enum { LAYERS = sizeof layers / sizeof *layers };

static value *configs(arena *mem)
{
    cseg_error err;
    value *list = NULL;
    if (config_parse_literal(norm_and_act, "test.py", mem, &list, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return list;
}

static bool make_with(int i, const value *list, size_t left, long n)
{
    model *m = layer_model();
    leave(m->mem, left);
    mem_fail_at(n);
    module *layer = layers[i].make(m->root, list);
    mem_fail_at(0);
    assert_int_equal(m->error.code, layer ? CSEG_OK : CSEG_NO_MEMORY);
    arena_free(m->mem);
    return layer != NULL;
}

static bool trace_with(int i, module *layer, size_t left, long n)
{
    graph *g = graph_new(true);
    assert_non_null(g);
    tensor *x = graph_input(g, "x", DT_F32, 4, (int64_t[]){2, 4, 4, 4});
    leave(g->mem, left);
    mem_fail_at(n);
    tensor *y = layers[i].run(layer, g, x);
    mem_fail_at(0);
    bool ok = g->error.code == CSEG_OK;
    assert_true(ok ? y != NULL : g->error.code == CSEG_NO_MEMORY);
    graph_free(g);
    return ok;
}

/* The n-th allocation fails; when an arena asks for one depends on what is left of its last block. */
static void memory_may_run_out(void **state)
{
    (void)state;
    arena *mem = arena_new();
    const value *list = configs(mem);
    for (int i = 0; i < LAYERS; i++) {
        int failures = 0;
        model *m = layer_model();
        module *layer = layers[i].make(m->root, list);
        assert_non_null(layer);
        layer_allocate(m);
        for (size_t left = 0; left < BLOCK; left += STEP) {
            for (long n = 1; !make_with(i, list, left, n); n++)
                failures++;
            for (long n = 1; !trace_with(i, layer, left, n); n++)
                failures++;
        }
        assert_true(failures > 100);
        arena_free(m->mem);
    }
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
