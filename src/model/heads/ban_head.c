/* BitemporalAdapterHead: a small backbone on each of two dates, which takes over what a large frozen one has seen (Li
 * et al. 2023, arXiv:2312.01163). */
#include "model/backbones/stages.h"
#include "model/heads/ban_decoder.h"
#include "model/heads/decode_head.h"
#include "model/init.h"

typedef struct ban_config {
    head_config head;
    const value *ban_cfg, *ban_dec_cfg;
} ban_config;

static const field fields[] = {
    HEAD_MORE_FIELDS(ban_config, "None", "None", "dict(type='ReLU')", "None"),
    FIELD(ban_config, F_VALUE, ban_cfg, NULL,
          "side_enc_cfg, a dict of a MixVisionTransformer or ResNet; fusion_index (default [0, 1, 2]), behind which of "
          "its "
          "stages it looks at the maps of the large one, one after the other; and clip_channels (768) of these"),
    FIELD(ban_config, F_VALUE, ban_dec_cfg, NULL, "dict of a BAN_MLPDecoder or BAN_BITHead, which has num_classes"),
};
static const field_table table = FIELD_TABLE(fields, ban_config);

typedef struct side_config {
    ints clip_channels, fusion_index;
    const value *side_enc_cfg;
} side_config;

static const field side_fields[] = {
    FIELD_RANGE(side_config, F_INTS, clip_channels, "768", 1, 1 << 20,
                "channels of the large backbone's maps, or a list with those for each stage of the small one"),
    FIELD_RANGE(side_config, F_INTS, fusion_index, "[0, 1, 2]", 0, BACKBONE_STAGES_MAX - 1,
                "stages behind which its maps are looked at"),
    FIELD(side_config, F_VALUE, side_enc_cfg, NULL, "dict of the small backbone"),
};
static const field_table side_table = FIELD_TABLE(side_fields, side_config);

/* How the small backbone takes over a map: its pixels look at those of the large one's, which are added besides. */
typedef struct bridge {
    module *norm1, *attn, *norm2, *ffn; /* of the small backbone's maps */
    module *clip;                       /* a norm and a convolution of the large one's */
} bridge;

typedef struct ban_head {
    decode_head base;
    side_config side;
    module *encoder, *decoder;
    backbone_stages stages;
    bridge *bridges; /* side.fusion_index.n */
} ban_head;

static bool check_side(module *m, ban_head *h)
{
    const side_config *c = &h->side;
    const ints *at = &c->fusion_index;
    model *mod = m->model;
    int64_t all = (int64_t)c->clip_channels.n, last = at->n ? at->at[at->n - 1] : 0;
    bool rising = true;
    for (size_t i = 1; i < at->n; i++)
        rising = rising && at->at[i] > at->at[i - 1];
    if (!rising || last >= h->stages.n)
        model_fail(mod, CSEG_CONFIG, module_at(m, "ban_cfg"),
                   "%s: fusion_index names stages of side_enc_cfg in their order, of which there are %lld", m->name,
                   (long long)h->stages.n);
    else if (all != 1 && (all <= last || h->stages.only >= 0))
        model_fail(mod, CSEG_CONFIG, module_at(m, "ban_cfg"),
                   "%s: clip_channels is one number, or of a MixVisionTransformer a list with one for each stage",
                   m->name);
    return !model_failed(mod);
}

static void bridge_new(module *m, bridge *b, module *attns, module *convs, int64_t i, int64_t clip, int64_t channels,
                       int64_t heads)
{
    const value *norm = module_literal(m, "dict(type='LN2d')"), *gelu = module_literal(m, "dict(type='GELU')");
    module *layer = module_list_new(attns, module_index(m, i)), *list = sequential_new(convs, module_index(m, i));
    b->norm1 = norm_new(layer, "norm1", norm, channels);
    b->attn = attention_new(layer, "attn", (attention_spec){.channels = channels, .heads = heads, .bias = true});
    b->norm2 = norm_new(layer, "norm2", norm, channels);
    b->ffn = mix_ffn_new(layer, "ffn", (mix_ffn_spec){.channels = channels, .hidden = 4, .act_cfg = gelu});
    b->clip = list;
    norm_new(list, "0", module_literal(m, "dict(type='LN2d', eps=1e-6)"), clip); /* mmseg's class */
    module *conv = conv_module_new(list, "1", (conv_module_spec){.conv = conv_square(clip, channels, 1, 1, 0, 1)});
    if (conv)
        init_layer(module_child(conv, "conv"), INIT_KAIMING_UNIFORM, 1, 0, false);
}

static void build_side(module *m, ban_head *h)
{
    const ban_config *c = m->config;
    model *mod = m->model;
    if (fields_parse(&side_table, "ban_cfg", c->ban_cfg, NULL, mod->mem, &h->side, &mod->error) != CSEG_OK)
        return;
    module *side = module_list_new(m, "side_adapter_network");
    h->encoder = module_build(side, "side_encoder", FAMILY_BACKBONE, h->side.side_enc_cfg, NULL);
    if (!h->encoder)
        return;
    if (!h->encoder->kind->as.backbone.stages) {
        model_fail(mod, CSEG_UNSUPPORTED, h->encoder->cfg,
                   "%s: %s cannot be run stage by stage here: there are ResNets and "
                   "MixVisionTransformer",
                   h->encoder->name, h->encoder->class_name);
        return;
    }
    h->encoder->kind->as.backbone.stages(h->encoder, &h->stages);
    size_t n = h->side.fusion_index.n;
    h->bridges = module_state(m, (n + 1) * sizeof *h->bridges);
    if (!check_side(m, h) || !h->bridges)
        return;
    module *attns = module_list_new(side, "clip_attns"), *convs = module_new(side, "conv_clips");
    for (size_t i = 0; i < n; i++) {
        int64_t at = h->side.fusion_index.at[i];
        const ints *clip = &h->side.clip_channels;
        bridge_new(m, &h->bridges[i], attns, convs, (int64_t)i, clip->at[clip->n == 1 ? 0 : at], h->stages.channels[at],
                   h->stages.heads[at]);
    }
}

static void build(module *m)
{
    static int64_t one = 1;
    ban_config *c = m->config;
    c->head.in_channels = (ints){1, &one};
    c->head.channels = 1;
    if (!value_integer(value_get(c->ban_dec_cfg, "num_classes"), &c->head.num_classes)) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "ban_dec_cfg"), "%s: ban_dec_cfg needs num_classes", m->name);
        return;
    }
    if (!head_begin_unclassified(m, sizeof(ban_head)))
        return;
    ban_head *h = m->state;
    m->init_cfg = NULL; /* the class passes over it */
    build_side(m, h);
    h->decoder = module_build(m, "mask_decoder", FAMILY_PART, c->ban_dec_cfg, NULL);
    if (!h->decoder)
        return;
    h->decoder->base = false; /* nor does it walk into it */
    if (h->decoder->kind != &kind_ban_mlp_decoder && h->decoder->kind != &kind_ban_bit_head)
        model_fail(m->model, CSEG_CONFIG, h->decoder->cfg,
                   "%s: %s does not decode the maps of two dates: there are "
                   "BAN_MLPDecoder and BAN_BITHead",
                   h->decoder->name, h->decoder->class_name);
}

static tensor *cross(const bridge *b, graph *g, tensor *x, tensor *clip)
{
    clip = layer_run(b->clip, g, clip);
    if (!x || !clip)
        return NULL;
    attention_inputs in = {
        .query = map_tokens(g, layer_run(b->norm1, g, x)), .key = map_tokens(g, clip), .identity = map_tokens(g, x)};
    tensor *y = op_reshape(g, attention_run(b->attn, g, in), 4, x->dim);
    y = mix_ffn_run(b->ffn, g, layer_run(b->norm2, g, y), y);
    return op_add(g, y, resize_like(g, clip, x, false));
}

/* One date: the image and the large backbone's maps of it. */
static features side_maps(module *m, graph *g, tensor *x, features clip)
{
    const ban_head *h = m->state;
    const backbone_stages *s = &h->stages;
    const ints *at = &h->side.fusion_index;
    features out = features_new(g, 0);
    size_t next = 0;
    for (int64_t i = 0; i < s->n; i++) {
        x = s->run(h->encoder, g, i, x);
        if (next < at->n && at->at[next] == i) {
            if ((int)next >= clip.n) {
                graph_fail(g, CSEG_SHAPE, "%s looks at %zu maps of the large backbone, but it gives %d", m->name, at->n,
                           clip.n);
                return out;
            }
            x = cross(&h->bridges[next], g, x, clip.at[next]);
            next++;
        }
        if (s->only < 0 || s->only == i)
            features_add(g, &out, x);
        if (s->only == i)
            break;
    }
    return out;
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const ban_head *h = m->state;
    features maps[2];
    tensor *date[2];
    int n = io->x.n / 2;
    op_split(g, io->img, 3, 2, NULL, date);
    for (int i = 0; i < 2; i++)
        maps[i] = side_maps(m, g, date[i], (features){.n = n, .at = io->x.at ? io->x.at + i * n : NULL});
    return (head_out){.logits = h->decoder->kind->as.ban_decoder.forward(h->decoder, g, maps)};
}

const kind kind_bitemporal_adapter_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "BitemporalAdapterHead",
    .about = "A small backbone on each of two dates that looks at the maps of a large one, and a decoder of both (BAN, "
             "arXiv:2312.01163).",
    .fields = &table,
    .build = build,
    .as.head = {.takes_pair = true, .forward = forward},
};
