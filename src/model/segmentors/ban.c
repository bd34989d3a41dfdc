/* BAN of Open-CD: a large backbone, mostly frozen, sees two dates in its own resolution, and a head with a small one
 * takes over what it has seen (Li et al. 2023, arXiv:2312.01163). */
#include "model/layers/layers.h"
#include "model/segmentors/segmentor.h"

typedef struct ban_config {
    const value *image_encoder, *decode_head, *encoder_resolution, *train_cfg, *test_cfg, *init_cfg;
    const char *pretrained;
    bool asymetric_input;
} ban_config;

static const field fields[] = {
    FIELD(ban_config, F_VALUE, image_encoder, NULL, "dict of a backbone"),
    FIELD(ban_config, F_VALUE, decode_head, NULL, "dict of a BitemporalAdapterHead"),
    FIELD(ban_config, F_VALUE, train_cfg, "None", "settings of training"),
    FIELD(ban_config, F_VALUE, test_cfg, "None", "mode ('whole', 'slide'), crop_size, stride"),
    FIELD_ELSEWHERE(data_preprocessor, "read where batches are made"),
    FIELD(ban_config, F_STR, pretrained, "None",
          "a file with the image encoder's weights, which replaces its init_cfg"),
    FIELD(ban_config, F_BOOL, asymetric_input, "True", "the image encoder sees the images in another size"),
    FIELD(ban_config, F_VALUE, encoder_resolution, "None",
          "which is this: size or scale_factor, mode (default 'nearest'), align_corners; asymetric_input needs it"),
    FIELD(ban_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, ban_config);

typedef struct resolution_config {
    ints size;
    floats scale_factor;
    const char *mode;
    const value *align_corners;
} resolution_config;

static const field resolution_fields[] = {
    FIELD_RANGE(resolution_config, F_INTS, size, "None", 1, 1 << 16, "side, or [height, width]"),
    FIELD_RANGE(resolution_config, F_FLOATS, scale_factor, "None", 1e-3, 64, "or so many times the image's"),
    FIELD_CHOICE(resolution_config, mode, "'nearest'", RESIZE_MODES, "how values are interpolated"),
    FIELD(resolution_config, F_VALUE, align_corners, "None", "True, False or None"),
};
static const field_table resolution_table = FIELD_TABLE(resolution_fields, resolution_config);

typedef struct ban {
    module *image;
    head_list decode;
    resolution_config resolution;
} ban;

enum { CHANNELS = 3 }; /* of a date: the class cuts images so */

static void read_resolution(module *m, ban *s)
{
    const ban_config *c = m->config;
    model *mod = m->model;
    if (value_is_none(c->encoder_resolution)) {
        model_fail(mod, CSEG_CONFIG, m->cfg, "%s: asymetric_input needs an encoder_resolution", m->class_name);
        return;
    }
    if (fields_parse(&resolution_table, "encoder_resolution", c->encoder_resolution, NULL, mod->mem, &s->resolution,
                     &mod->error) != CSEG_OK)
        return;
    const resolution_config *r = &s->resolution;
    if (!r->size.n == !r->scale_factor.n || r->size.n > 2 || r->scale_factor.n > 2)
        model_fail(mod, CSEG_CONFIG, c->encoder_resolution,
                   "%s: encoder_resolution has either a size or a scale_factor: a number, or [height, width]",
                   m->class_name);
}

static void build(module *m)
{
    const ban_config *c = m->config;
    ban *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    model *mod = m->model;
    m->init_cfg = c->init_cfg;
    if (c->asymetric_input)
        read_resolution(m, s);
    s->image = module_build(m, "image_encoder", FAMILY_BACKBONE, segmentor_part_cfg(m, c->image_encoder), NULL);
    int seen = mod->in_channels;
    if (value_is_list(c->decode_head))
        model_fail(mod, CSEG_CONFIG, c->decode_head, "%s: decode_head is one head", m->class_name);
    s->decode.takes_pair = true;
    segmentor_build_heads(m, "decode_head", c->decode_head, &s->decode);
    if (model_failed(mod))
        return;
    if (!s->decode.heads.n)
        model_fail(mod, CSEG_CONFIG, module_at(m, "decode_head"), "%s: there is no decode_head", m->class_name);
    else if (!s->image->kind->as.backbone.forward)
        model_fail(mod, CSEG_CONFIG, s->image->cfg, "%s sees two images, but %s shows it one after the other",
                   s->image->class_name, m->class_name);
    else if (seen != CHANNELS || mod->in_channels != CHANNELS)
        model_fail(mod, CSEG_CONFIG, m->cfg,
                   "%s: dates have %d channels, but image_encoder takes %d and side_enc_cfg %d", m->class_name,
                   CHANNELS, seen, mod->in_channels);
    if (model_failed(mod))
        return;
    mod->in_channels = 2 * CHANNELS;
    mod->dates = 2;
    segmentor_add_answer(m, s->decode.heads.at[0]->name, s->decode.heads.at[0], s->decode.heads.at[0]->head->gt_key);
    segmentor_note_list(&s->decode);
}

static tensor *resized(const module *m, graph *g, tensor *x)
{
    const resolution_config *r = &((const ban *)m->state)->resolution;
    resize_attr how = resize_by(r->mode, value_true(r->align_corners));
    if (r->size.n) {
        how.h = r->size.at[0];
        how.w = r->size.at[r->size.n - 1];
    } else {
        how.scale_h = r->scale_factor.at[0];
        how.scale_w = r->scale_factor.at[r->scale_factor.n - 1];
        how.h = (int64_t)((double)x->dim[1] * how.scale_h);
        how.w = (int64_t)((double)x->dim[2] * how.scale_w);
    }
    return op_resize(g, x, how);
}

static bool takes_statistics(const module *m)
{
    param *counter;
    int *calls;
    bool any = norm_counter(m, &counter, &calls);
    for (size_t i = 0; i < m->children.n && !any; i++)
        any = takes_statistics(m->children.at[i]);
    return any;
}

/* What the large backbone sees: both dates as images of one batch, unless a norm takes statistics of that. */
static void see(const ban *s, graph *g, tensor *const x[2], features out[2])
{
    if (g->train && takes_statistics(s->image)) {
        for (int i = 0; i < 2; i++)
            out[i] = backbone_run(s->image, g, x[i]);
        return;
    }
    features all = backbone_run(s->image, g, op_concat(g, x, 2, 0));
    tensor *date[2];
    out[0] = out[1] = features_new(g, 0);
    for (int i = 0; i < all.n; i++) {
        op_split(g, all.at[i], 0, 2, NULL, date);
        for (int k = 0; k < 2; k++)
            features_add(g, &out[k], date[k]);
    }
    out[0].from = s->image;
}

/* Completes the head's input: the image, and the large backbone's maps of the first date, then those of the second. */
static void look(module *m, graph *g, tensor *img, head_io *io)
{
    tensor *date[2];
    features maps[2];
    op_split(g, img, 3, 2, NULL, date);
    for (int i = 0; i < 2 && ((const ban_config *)m->config)->asymetric_input; i++)
        date[i] = date[i] ? resized(m, g, date[i]) : NULL;
    see(m->state, g, date, maps);
    io->x = features_joined(g, maps[0], maps[1]);
    io->img = img;
}

static tensor *logits(module *m, graph *g, tensor *img, int head)
{
    const ban *s = m->state;
    head_io io = segmentor_io((features){0}, img);
    look(m, g, img, &io);
    return segmentor_resize(s->decode.heads.at[head], g, &io, head_run(s->decode.heads.at[head], g, &io).logits);
}

static void loss(module *m, graph *g, tensor *img)
{
    const ban *s = m->state;
    module *head = s->decode.heads.at[0];
    head_io io = segmentor_learning_io(head, g, (features){0}, head->head->gt_key);
    look(m, g, img, &io);
    segmentor_learn(head, g, &io, "decode");
}

const kind kind_ban = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_OPENCD,
    .name = "BAN",
    .about =
        "Change detection by a large backbone that is mostly frozen, and a head with a small one that looks at what "
        "it has seen (arXiv:2312.01163).",
    .fields = &table,
    .build = build,
    .as.segmentor = {.logits = logits, .loss = loss},
};
