/* A run with all that BEiT's configs ask for: rates by depth, several iterations a step, clipped gradients, samples
 * that pass by layers, entries of the state dict that never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/train/runner.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "again.h"
#include "tiny.h"

#define BACKBONE                                                                                                       \
    "model['backbone'] = dict(type='BEiT', img_size=32, patch_size=8, embed_dims=8, num_layers=2, num_heads=2,\n"      \
    "    drop_path_rate=0.5, out_indices=[0, 1])\n"                                                                    \
    "model['decode_head'].update(in_channels=8, in_index=1)\n"                                                         \
    "model.update(test_cfg=dict(mode='slide', crop_size=(32, 32), stride=(8, 16)))\n"
#define PARAMWISE "paramwise_cfg=dict(num_layers=2, layer_decay_rate=0.5)"
#define NEW                                                                                                            \
    TINY_1X BACKBONE                                                                                                   \
        "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.05),\n"        \
        "    constructor='LayerDecayOptimizerConstructor', accumulative_counts=5, clip_grad=dict(max_norm=0.5),\n"     \
        "    " PARAMWISE ")\n"                                                                                         \
        "custom_hooks = [dict(type='EMAHook', momentum=0.2)]\n"
#define OLD                                                                                                            \
    TINY_0X BACKBONE                                                                                                   \
        "optimizer = dict(type='AdamW', lr=0.01, weight_decay=0.05, constructor='LayerDecayOptimizerConstructor',\n"   \
        "    " PARAMWISE ")\n"                                                                                         \
        "optimizer_config = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=5,\n"                        \
        "    grad_clip=dict(max_norm=0.5))\n"

static void stops_and_goes_on(const char *config, const char *whole, const char *parted, int64_t at)
{
    cseg_error err;
    char one[128], two[128];
    snprintf(one, sizeof one, "%s/iter_12.pth", whole);
    snprintf(two, sizeof two, "%s/iter_12.pth", parted);
    if (!file_exists(one))
        tiny_must_train(&(tiny_run){.config = config, .work_dir = whole});
    tiny_run r = {.config = config, .work_dir = parted, .stop_at = at};
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    r.stop_at = 0;
    r.resume = true;
    tiny_must_train(&r);
    assert_true(tiny_same(one, two));
}

static void stopped_runs_go_on_as_if_they_had_not(void **state)
{
    (void)state;
    stops_and_goes_on(NEW, "new", "new3", 3);
    stops_and_goes_on(NEW, "new", "new10", 10);
    stops_and_goes_on(OLD, "old", "old7", 7);
}

/* Groups are in the order in which parameters first need them, as torch stores them. */
static void groups_are_those_of_the_constructor(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double scale, decay;
    } wanted[] = {{"layer_0_decay", 0.125, 0.05}, {"layer_0_no_decay", 0.125, 0}, {"layer_1_no_decay", 0.25, 0},
                  {"layer_1_decay", 0.25, 0.05},  {"layer_2_no_decay", 0.5, 0},   {"layer_2_decay", 0.5, 0.05},
                  {"layer_3_decay", 1, 0.05},     {"layer_3_no_decay", 1, 0}};
    static const char *const files[] = {"new/iter_12.pth", "old/iter_12.pth"};
    for (int f = 0; f < 2; f++) {
        arena *mem = arena_new();
        pth *p = tiny_open(files[f], mem);
        const pickle_node *groups = pickle_get(pickle_get(pth_root(p), "optimizer"), "param_groups");
        assert_int_equal(groups->seq.n, sizeof wanted / sizeof *wanted);
        for (size_t i = 0; i < groups->seq.n; i++) {
            const pickle_node *g = groups->seq.at[i];
            double scale = 0, decay = 0;
            assert_string_equal(pickle_str(pickle_get(g, "group_name")), wanted[i].name);
            assert_true(pickle_number(pickle_get(g, "lr_scale"), &scale) && scale == wanted[i].scale);
            assert_true(pickle_number(pickle_get(g, "weight_decay"), &decay) && decay == wanted[i].decay);
        }
        arena_free(mem);
    }
}

/* The index of positions is in the file, as whole numbers; one that says otherwise is refused. */
static void the_index_is_stored_and_compared(void **state)
{
    (void)state;
    static const char name[] = "backbone.layers.1.attn.relative_position_index";
    cseg_error err;
    arena *mem = arena_new();
    pth *p = tiny_open("new/iter_12.pth", mem);
    const pickle_node *root = pth_root(p), *state_dict = pickle_get(root, "state_dict");
    pth_tensor t;
    int64_t index[17 * 17];
    tiny_check(pth_as_tensor(p, pickle_get(state_dict, name), &t, &err), &err);
    assert_true(t.ndim == 2 && t.shape[0] == 17 && t.shape[1] == 17);
    tiny_check(pth_tensor_i64(p, &t, index, &err), &err);
    assert_true(index[0] == 51 && index[1] == 49 && index[17] == 50 && index[18] == 24 && index[17 * 17 - 1] == 24 &&
                index[19] == 23 && index[17 + 5] == 17);
    index[18]++;
    pth_builder b = {.mem = mem};
    pth_value *d = pth_dict(&b), *weights = pth_ordered_dict(&b);
    for (size_t i = 0; i < state_dict->seq.n; i += 2) {
        bool here = strcmp(pickle_str(state_dict->seq.at[i]), name) == 0;
        pth_set_key(&b, weights, again(&b, p, state_dict->seq.at[i]),
                    here ? pth_tensor_value(&b, PTH_I64, 2, t.shape, index) : again(&b, p, state_dict->seq.at[i + 1]));
    }
    pth_set(&b, d, "state_dict", weights);
    tiny_check(pth_write("other.pth", &b, d, &err), &err);
    tiny_run r = {.config = NEW, .work_dir = "other", .overrides = {"load_from='other.pth'"}};
    assert_int_equal(tiny_train(&r, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, name));
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_runs_go_on_as_if_they_had_not),
        cmocka_unit_test(groups_are_those_of_the_constructor),
        cmocka_unit_test(the_index_is_stored_and_compared),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
