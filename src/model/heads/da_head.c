/* DAHead: each pixel gathers from all others, each channel from all others, and both are summed (Fu et al. 2019,
 * arXiv:1809.02983). */
#include "model/heads/decode_head.h"

typedef struct da_config {
    head_config head;
    int64_t pam_channels;
} da_config;

static const field fields[] = {
    HEAD_FIELDS(da_config),
    FIELD_RANGE(da_config, F_INT, pam_channels, NULL, 1, 1 << 20, "channels by which pixels are compared"),
};
static const field_table table = FIELD_TABLE(fields, da_config);

/* One of the two ways. */
typedef struct da_branch {
    module *in_conv, *attention, *gamma, *out_conv, *conv_seg;
} da_branch;

typedef struct da_head {
    decode_head base;
    da_branch pixels, channels; /* attention NULL for channels, which has no weights of its own */
} da_head;

static module *pixel_attention(module *m, int64_t channels)
{
    return self_attention_new(m, "pam",
                              (self_attention_spec){.key_in = channels,
                                                    .query_in = channels,
                                                    .channels = ((const da_config *)m->config)->pam_channels,
                                                    .out = channels,
                                                    .key_query_convs = 1,
                                                    .value_out_convs = 1});
}

static void build_branch(module *m, da_branch *b, const char *name, bool pixels)
{
    const head_config *c = m->config;
    int64_t in = ((decode_head *)m->state)->in_channels;
    b->in_conv = head_conv(m, m, module_text(m, "%s_in_conv", name), in, c->channels, 3);
    b->attention = pixels ? pixel_attention(m, c->channels) : NULL;
    b->gamma = scale_new(pixels ? b->attention : module_new(m, name), "gamma", 0);
    b->out_conv = head_conv(m, m, module_text(m, "%s_out_conv", name), c->channels, c->channels, 3);
    b->conv_seg = pointwise_conv_new(m, module_text(m, "%s_conv_seg", name), c->channels, c->num_classes);
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(da_head)))
        return;
    da_head *h = m->state;
    build_branch(m, &h->pixels, "pam", true);
    build_branch(m, &h->channels, "cam", false);
}

static tensor *run_branch(const da_branch *b, graph *g, tensor *x)
{
    x = layer_run(b->in_conv, g, x);
    tensor *y = b->attention ? self_attention_run(b->attention, g, x, x) : channels_gathered(g, x);
    return layer_run(b->out_conv, g, op_add(g, layer_run(b->gamma, g, y), x));
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    da_head *h = m->state;
    head_out out = {.more = features_new(g, 0)};
    tensor *x = head_input(m, g, io);
    tensor *pixels = run_branch(&h->pixels, g, x), *channels = run_branch(&h->channels, g, x);
    out.logits = head_classify(m, g, op_add(g, pixels, channels));
    if (!io->label)
        return out;
    features_add(g, &out.more, layer_run(h->pixels.conv_seg, g, layer_run(h->base.dropout, g, pixels)));
    features_add(g, &out.more, layer_run(h->channels.conv_seg, g, layer_run(h->base.dropout, g, channels)));
    return out;
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    static const char *const names[] = {"pam", "cam"};
    char name[256];
    snprintf(name, sizeof name, "%s.pam_cam", prefix);
    head_add_losses(m, g, io, out->logits, name);
    for (int i = 0; i < out->more.n; i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, names[i]);
        head_add_losses(m, g, io, out->more.at[i], name);
    }
}

const kind kind_da_head = {
    .family = FAMILY_HEAD,
    .name = "DAHead",
    .about = "Each pixel gathers from all others, each channel from all others; both also learn on their own "
             "(arXiv:1809.02983).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
