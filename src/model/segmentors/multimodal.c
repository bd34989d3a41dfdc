/* MultimodalEncoderDecoder: the classes are names, which a text encoder reads; the head compares them with what it
 * finds in the image and in an image encoder's maps (SAN, Xu et al. 2023, arXiv:2302.12242). */
#include "model/segmentors/segmentor.h"
#include "model/text/clip_text_encoder.h"

typedef struct multimodal_config {
    const value *image_encoder, *text_encoder, *decode_head, *train_cfg, *test_cfg, *init_cfg;
    const char *pretrained;
    bool asymetric_input;
    floats encoder_resolution;
} multimodal_config;

static const field fields[] = {
    FIELD(multimodal_config, F_VALUE, image_encoder, NULL, "dict of a backbone"),
    FIELD(multimodal_config, F_VALUE, text_encoder, NULL, "dict of a CLIPTextEncoder"),
    FIELD(multimodal_config, F_VALUE, decode_head, NULL, "dict of a head: SideAdapterCLIPHead"),
    FIELD(multimodal_config, F_VALUE, train_cfg, "None", "settings of training"),
    FIELD(multimodal_config, F_VALUE, test_cfg, "None", "mode ('whole', 'slide'), crop_size, stride"),
    FIELD_ELSEWHERE(data_preprocessor, "read where batches are made"),
    FIELD(multimodal_config, F_STR, pretrained, "None",
          "a file of all parts' weights; each part starts from its own, and from no other init_cfg"),
    FIELD(multimodal_config, F_BOOL, asymetric_input, "True", "the image encoder sees the image in another size"),
    FIELD_RANGE(multimodal_config, F_FLOATS, encoder_resolution, "None", 0, 64,
                "which is this times the image's, or (of heights, of widths); asymetric_input needs it"),
    FIELD(multimodal_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, multimodal_config);

typedef struct multimodal {
    module *image, *text;
    head_list decode;
} multimodal;

static void build(module *m)
{
    const multimodal_config *c = m->config;
    multimodal *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    m->init_cfg = c->init_cfg;
    floats scale = c->encoder_resolution;
    if (c->asymetric_input && (scale.n < 1 || scale.n > 2 || scale.at[0] <= 0 || scale.at[scale.n - 1] <= 0))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "encoder_resolution"),
                   "%s: asymetric_input needs an encoder_resolution above 0, or two of them", m->class_name);
    s->image = module_build(m, "image_encoder", FAMILY_BACKBONE, segmentor_part_cfg(m, c->image_encoder), NULL);
    s->text = module_build_part(m, "text_encoder", &kind_clip_text_encoder, segmentor_part_cfg(m, c->text_encoder));
    if (value_is_list(c->decode_head))
        model_fail(m->model, CSEG_CONFIG, c->decode_head, "%s: decode_head is one head", m->class_name);
    s->decode.takes_names = true;
    segmentor_build_heads(m, "decode_head", segmentor_part_cfg(m, c->decode_head), &s->decode);
    if (model_failed(m->model))
        return;
    if (!s->decode.heads.n) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "decode_head"), "%s: there is no decode_head", m->class_name);
        return;
    }
    if (!s->image->kind->as.backbone.forward)
        model_fail(m->model, CSEG_CONFIG, s->image->cfg, "%s sees two images, %s one", s->image->class_name,
                   m->class_name);
    module *head = s->decode.heads.at[0];
    int64_t rows = clip_text_encoder_rows(s->text);
    if (rows != head->head->num_classes + 1)
        model_fail(m->model, CSEG_CONFIG, module_at(head, "num_classes"),
                   "%s: num_classes=%lld, but the text encoder names %lld classes%s", head->name,
                   (long long)head->head->num_classes, (long long)(rows - 1),
                   " (the last of its embeddings is for what is none of them)");
    segmentor_add_answer(m, head->name, head, head->head->gt_key);
    segmentor_note_list(&s->decode);
}

/* Completes the head's input. */
static void look(module *m, graph *g, tensor *img, head_io *io)
{
    const multimodal_config *c = m->config;
    const multimodal *s = m->state;
    tensor *seen = img;
    if (c->asymetric_input && img) {
        floats scale = c->encoder_resolution;
        double scale_h = scale.at[0], scale_w = scale.at[scale.n - 1];
        seen = op_resize(g, img,
                         (resize_attr){.h = (int64_t)((double)img->dim[1] * scale_h),
                                       .w = (int64_t)((double)img->dim[2] * scale_w),
                                       .scale_h = scale_h,
                                       .scale_w = scale_w});
    }
    io->names = clip_text_encoder_run(s->text, g);
    io->x = backbone_run(s->image, g, seen);
    io->img = img;
}

static tensor *logits(module *m, graph *g, tensor *img, int head)
{
    multimodal *s = m->state;
    head_io io = segmentor_io((features){0}, img);
    look(m, g, img, &io);
    return segmentor_resize(s->decode.heads.at[head], g, &io, head_run(s->decode.heads.at[head], g, &io).logits);
}

static void loss(module *m, graph *g, tensor *img)
{
    multimodal *s = m->state;
    module *head = s->decode.heads.at[0];
    head_io io = segmentor_learning_io(head, g, (features){0}, head->head->gt_key);
    look(m, g, img, &io);
    segmentor_learn(head, g, &io, "decode");
}

const kind kind_multimodal_encoder_decoder = {
    .family = FAMILY_SEGMENTOR,
    .name = "MultimodalEncoderDecoder",
    .about = "An image encoder, a text encoder that reads the classes' names, and a head that compares both "
             "(open vocabulary).",
    .fields = &table,
    .build = build,
    .as.segmentor = {.logits = logits, .loss = loss},
};
