/* Follows LearningRateDecayOptimizerConstructor and LayerDecayOptimizerConstructor of both releases. Two of their
 * habits are kept: `pos_embed` and `cls_token` keep their weight decay, since they are compared with whole names, and
 * the norms behind ConvNeXt's stages belong to the heads. */
#include "engine/train/optim/constructor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/fields.h"

/* ---- names ----------------------------------------------------------------------------------------------------- */

static const group_rules decay_mmcv = {.depth = DEPTH_DECAY};
static const group_rules layer_decay_mmcv = {.depth = DEPTH_LAYER_DECAY};
static const group_rules decay_mmengine = {.depth = DEPTH_DECAY, .tells_base = true};
static const group_rules layer_decay_mmengine = {.depth = DEPTH_LAYER_DECAY, .tells_base = true};

static const char decay_name[] = "LearningRateDecayOptimizerConstructor";
static const char layer_decay_name[] = "LayerDecayOptimizerConstructor";

const group_constructor group_constructors_mmcv[] = {{"DefaultOptimizerConstructor", &group_rules_mmcv},
                                                     {decay_name, &decay_mmcv},
                                                     {layer_decay_name, &layer_decay_mmcv},
                                                     {NULL, NULL}};
const group_constructor group_constructors_mmengine[] = {{"DefaultOptimWrapperConstructor", &group_rules_mmengine},
                                                         {decay_name, &decay_mmengine},
                                                         {layer_decay_name, &layer_decay_mmengine},
                                                         {NULL, NULL}};

const group_rules *group_constructor_find(const group_constructor *list, const char *name)
{
    if (!name)
        return list->rules;
    for (; list->name; list++)
        if (strcmp(list->name, name) == 0)
            return list->rules;
    return NULL;
}

/* ---- depths ---------------------------------------------------------------------------------------------------- */

/* The number behind "backbone.stages." is part 2 of a name. */
static int64_t number_at(const char *name, int part)
{
    for (int i = 0; i < part && name; i++) {
        name = strchr(name, '.');
        name = name ? name + 1 : NULL;
    }
    return name ? strtoll(name, NULL, 10) : -1;
}

static int64_t layer_of_convnext(const char *name, int64_t num_layers)
{
    bool down = str_starts(name, "backbone.downsample_layers");
    if (!down && !str_starts(name, "backbone.stages"))
        return num_layers + 1;
    switch (number_at(name, 2)) {
    case 0:
        return down ? 0 : 1;
    case 1:
        return 2;
    case 2:
        return down ? 3 : 3 + number_at(name, 3) / 3;
    case 3:
        return num_layers;
    default:
        return -1;
    }
}

int64_t depth_of_param(depth_count how, const char *name, int64_t num_layers)
{
    static const char *const tokens[] = {"backbone.cls_token", "backbone.mask_token", "backbone.pos_embed"};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        if (strcmp(name, tokens[i]) == 0)
            return 0;
    if (how == DEPTH_OF_LAYERS)
        return layer_of_convnext(name, num_layers);
    bool stages = how == DEPTH_OF_STAGES;
    if (str_starts(name, stages ? "backbone.downsample_layers" : "backbone.patch_embed"))
        return 0;
    return str_starts(name, stages ? "backbone.stages" : "backbone.layers") ? number_at(name, 2) + 1 : num_layers + 1;
}

/* ---- groups ---------------------------------------------------------------------------------------------------- */

typedef struct depth_config {
    int64_t num_layers;
    double decay_rate;
    const char *decay_type;
} depth_config;

#define NUM_LAYERS                                                                                                     \
    FIELD_RANGE(depth_config, F_INT, num_layers, NULL, 0, 1 << 16, "depth of the backbone; the heads are one deeper")
static const field decay_fields[] = {
    NUM_LAYERS, FIELD_RANGE(depth_config, F_FLOAT, decay_rate, NULL, 0, 1e3, "factor of the rate from depth to depth"),
    FIELD(depth_config, F_STR, decay_type, "'layer_wise'", "layer_wise, layer_wise_vit or stage_wise")};
static const field layer_decay_fields[] = {NUM_LAYERS,
                                           FIELD_AT_RANGE("layer_decay_rate", F_FLOAT, depth_config, decay_rate, NULL,
                                                          0, 1e3, "factor of the rate from depth to depth")};
/* The reference reads these and accepts any other key. */
#define TABLE(fields_)                                                                                                 \
    {                                                                                                                  \
        fields_, sizeof(fields_) / sizeof(field), sizeof(depth_config), true                                           \
    }
static const field_table decay_table = TABLE(decay_fields), layer_decay_table = TABLE(layer_decay_fields);

static cseg_status find_count(const depth_config *c, const value *cfg, const char *backbone, depth_count *out,
                              cseg_error *err)
{
    char place[512];
    bool layers = strstr(c->decay_type, "layer_wise") != NULL, stages = strcmp(c->decay_type, "stage_wise") == 0;
    if (!layers && !stages)
        return fail(err, CSEG_CONFIG, "%sthere is no decay_type '%s'; there are layer_wise, layer_wise_vit, stage_wise",
                    value_place(value_blame(cfg, "decay_type"), place), c->decay_type);
    if (strstr(backbone, "ConvNeXt"))
        *out = stages ? DEPTH_OF_STAGES : DEPTH_OF_LAYERS;
    else if (layers && (strstr(backbone, "BEiT") || strstr(backbone, "MAE")))
        *out = DEPTH_OF_TRANSFORMER;
    else
        return fail(err, CSEG_UNSUPPORTED,
                    "%sdecay by %s is for ConvNeXt%s, as in the reference; the backbone is %s. Groups of a "
                    "parameter's own follow from custom_keys, without this constructor",
                    value_place(cfg, place), stages ? "stages" : "layers", stages ? "" : ", BEiT and MAE", backbone);
    return CSEG_OK;
}

static int group_of(optimizer *o, int64_t depth, bool decays, const depth_config *c, const optim_group *base,
                    arena *mem)
{
    for (int i = 0; i < o->n_groups; i++)
        if (o->groups[i].depth == depth && o->groups[i].decays == decays)
            return i;
    double scale = pow(c->decay_rate, (double)(c->num_layers + 1 - depth));
    optim_group *g = &o->groups[o->n_groups];
    *g = *base;
    g->depth = depth;
    g->decays = decays;
    g->lr_scale = scale;
    g->name = arena_printf(mem, "layer_%lld_%s", (long long)depth, decays ? "decay" : "no_decay");
    g->lr = g->initial_lr = scale * base->lr;
    g->initial_momentum = g->momentum;
    if (!decays)
        g->weight_decay = 0;
    return g->name ? o->n_groups++ : -1;
}

/* Puts the entries, which are in the model's order, into the order of groups. */
static cseg_status order_entries(optimizer *o, arena *mem, cseg_error *err)
{
    optim_entry *old = ARENA_ARRAY(mem, (size_t)o->n_entries + 1, optim_entry);
    int64_t n = 0;
    if (!old)
        return fail_memory(err);
    memcpy(old, o->entries, (size_t)o->n_entries * sizeof *old);
    for (int g = 0; g < o->n_groups; g++) {
        o->groups[g].first = n;
        for (int64_t i = 0; i < o->n_entries; i++)
            if (old[i].group == g)
                o->entries[n++] = old[i];
        o->groups[g].n = n - o->groups[g].first;
    }
    return CSEG_OK;
}

cseg_status depth_groups_make(optimizer *o, const value *cfg, depth_rule rule, optim_group base, arena *mem,
                              cseg_error *err)
{
    const model *m = o->model;
    const module *backbone = m->root ? module_child(m->root, "backbone") : NULL;
    bool by_layer = rule == DEPTH_LAYER_DECAY;
    depth_config c = {.decay_type = "layer_wise_vit"};
    depth_count how;
    char place[512];
    const char *type;
    TRY(fields_parse(by_layer ? &layer_decay_table : &decay_table, "paramwise_cfg", cfg, NULL, mem, &c, err));
    if (by_layer)
        c.decay_type = "layer_wise_vit";
    type = backbone ? backbone->class_name : "";
    TRY(find_count(&c, cfg, type, &how, err));
    for (size_t i = 0; i < m->params.n; i++) {
        param *p = m->params.at[i];
        if (p->role != PARAM_TRAINED || !p->requires_grad)
            continue;
        int64_t depth = depth_of_param(how, p->name, c.num_layers);
        if (depth < 0)
            return fail(err, CSEG_UNSUPPORTED, "%s%s has no depth: layer_wise knows four stages, as in the reference",
                        value_place(cfg, place), p->name);
        int group = group_of(o, depth, p->rank != 1 && !str_ends(p->name, ".bias"), &c, &base, mem);
        if (group < 0)
            return fail_memory(err);
        o->entries[o->n_entries++] = (optim_entry){.p = p, .used = true, .group = group};
    }
    return order_entries(o, mem, err);
}
