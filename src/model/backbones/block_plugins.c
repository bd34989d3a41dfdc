#include "model/backbones/block_plugins.h"

#include <string.h>

enum { CONVS = 3 };
static const char *const positions[CONVS] = {"after_conv1", "after_conv2", "after_conv3"};

struct block_plugins {
    VEC(module *) after[CONVS];
};

/* -1: no position. */
static int position_of(const value *plugin)
{
    const char *text = value_text(value_get(plugin, "position"));
    for (int i = 0; text && i < CONVS; i++)
        if (strcmp(text, positions[i]) == 0)
            return i;
    return -1;
}

static void check_plugin(module *m, const value *p, int64_t stages)
{
    if (p->kind != V_DICT) {
        model_fail(m->model, CSEG_CONFIG, p, "%s: a plugin is a dict, not %s", m->class_name, value_kind_name(p));
        return;
    }
    const value *cfg = value_get(p, "cfg"), *in = value_get(p, "stages");
    if (!cfg || cfg->kind != V_DICT)
        model_fail(m->model, CSEG_CONFIG, cfg ? cfg : p, "%s: a plugin needs a `cfg`, a dict with a `type`",
                   m->class_name);
    if (position_of(p) < 0)
        model_fail(m->model, CSEG_CONFIG, value_blame(p, "position"),
                   "%s: a plugin's position is after_conv1, after_conv2 or after_conv3", m->class_name);
    if (!value_is_none(in) && (!value_is_list(in) || (int64_t)value_count(in) != stages))
        model_fail(m->model, CSEG_CONFIG, in, "%s: a plugin's stages is a list with an entry for each of %lld stages",
                   m->class_name, (long long)stages);
}

void block_plugins_check(module *m, const value *plugins, int64_t stages, bool bottleneck)
{
    if (value_is_none(plugins))
        return;
    if (!value_is_list(plugins))
        model_fail(m->model, CSEG_CONFIG, plugins, "%s: plugins is a list of dicts, not %s", m->class_name,
                   value_kind_name(plugins));
    else if (!bottleneck)
        model_fail(m->model, CSEG_CONFIG, plugins, "%s: plugins need bottlenecks: depth 50 or more", m->class_name);
    else
        for (size_t i = 0; i < value_count(plugins); i++)
            check_plugin(m, value_item(plugins, i), stages);
}

static bool is_of_stage(const value *plugin, int64_t stage)
{
    const value *in = value_get(plugin, "stages");
    return value_is_none(in) || value_true(value_item(in, (size_t)stage));
}

static void add(module *block, block_plugins *p, const value *plugin, int conv, int64_t channels, int64_t made_for)
{
    if (channels != made_for)
        model_fail(block->model, CSEG_CONFIG, value_blame(plugin, "position"),
                   "%s: a plugin there is made for the stage's %lld planes, but the map has %lld channels", block->name,
                   (long long)made_for, (long long)channels);
    module *m = plugin_new(block, value_get(plugin, "cfg"), channels);
    if (m && !vec_push(block->model->mem, &p->after[conv], m))
        model_fail(block->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

block_plugins *block_plugins_new(module *block, const value *plugins, int64_t stage, const int64_t channels[3],
                                 int64_t planes)
{
    block_plugins *p = value_is_none(plugins) ? NULL : module_state(block, sizeof *p);
    for (int conv = 0; p && conv < CONVS; conv++)
        for (size_t i = 0; i < value_count(plugins); i++) {
            const value *v = value_item(plugins, i);
            if (position_of(v) == conv && is_of_stage(v, stage))
                add(block, p, v, conv, channels[conv], conv < 2 ? planes : channels[conv]);
        }
    return p;
}

/* As in MMSegmentation, each takes the convolution's map, and the last one's result is taken. The others run for the
 * statistics of their norms. */
tensor *block_plugins_run(const block_plugins *p, graph *g, int conv, tensor *x)
{
    tensor *y = x;
    for (size_t i = 0; p && i < p->after[conv].n; i++)
        y = layer_run(p->after[conv].at[i], g, x);
    return y;
}
