/* What segmentors share: the parts that they build from the same keys. */
#ifndef MODEL_SEGMENTOR_H
#define MODEL_SEGMENTOR_H

#include "model/model.h"

typedef struct segmentor_config {
    const value *backbone, *neck, *decode_head, *auxiliary_head, *extra_head, *train_cfg, *test_cfg, *init_cfg;
    const value *gt_keys, *palettes;
    const char *pretrained, *fusion, *postprocess_pred_and_label;
    int64_t num_stages, backbone_inchannels;
} segmentor_config;

/* Entries of a field_table that all segmentors have, for segmentor_config. */
#define SEGMENTOR_FIELDS                                                                                               \
    FIELD(segmentor_config, F_VALUE, backbone, NULL, "dict of a backbone"),                                            \
        FIELD(segmentor_config, F_VALUE, neck, "None", "dict of a neck"),                                              \
        FIELD(segmentor_config, F_VALUE, auxiliary_head, "None",                                                       \
              "dict of a head, or a list of them, that helps training only"),                                          \
        FIELD(segmentor_config, F_VALUE, train_cfg, "None",                                                            \
              "settings of training; PointHead reads num_points, oversample_ratio and importance_sample_ratio"),       \
        FIELD(segmentor_config, F_VALUE, test_cfg, "None",                                                             \
              "mode ('whole', 'slide'), crop_size, stride, head_index; PointHead reads subdivision_steps, "            \
              "subdivision_num_points and scale_factor"),                                                              \
        FIELD_ELSEWHERE(data_preprocessor, "read where batches are made"),                                             \
        FIELD(segmentor_config, F_STR, pretrained, "None", "weights that the backbone starts from"),                   \
        FIELD(segmentor_config, F_VALUE, init_cfg, "None", "how the weights start")

/* And those of Open-CD's. */
#define CHANGE_DETECTOR_FIELDS                                                                                         \
    SEGMENTOR_FIELDS, FIELD_RANGE(segmentor_config, F_INT, backbone_inchannels, "3", 1, 4096, "channels of a date")

/* A head, or a list of heads, under one name: decode_head, or decode_head.0, decode_head.1 ... */
typedef struct head_list {
    bool listed;
    bool takes_names; /* heads get the names of classes; set it before segmentor_build_heads */
    bool takes_pair;  /* heads get a pair of images and their maps; the same */
    bool cascade;     /* each head gets the logits of the preceding one; set it before segmentor_build_heads */
    VEC(module *) heads;
} head_list;

typedef struct segmentor {
    module *backbone, *neck; /* neck NULL: none */
    head_list decode, auxiliary, extra;
} segmentor;

/* Makes m->state (a segmentor), the backbone, to which it passes `pretrained`, and the neck. Of a kind that splits
 * dates it makes a model of pairs. */
segmentor *segmentor_begin(module *m);
/* The dict of a part whose init_cfg takes the part's weights of the segmentor's `pretrained`, if there is such a file.
 */
const value *segmentor_part_cfg(module *m, const value *cfg);
void segmentor_build_heads(module *m, const char *name, const value *cfg, head_list *out);
/* Adds a head's map to the model's answers, under `name`. */
void segmentor_add_answer(module *m, const char *name, module *head, const char *gt_key);
/* Notes in the model that a head is trained on that label map; for a list, each head's gt_key. */
void segmentor_note_labels(module *head, const char *gt_key);
void segmentor_note_list(const head_list *l);

/* Returns the features of an image. For a pair: those that the neck fuses, or both dates' maps in one list. */
features segmentor_features(segmentor *s, graph *g, tensor *img);
/* Gives each date's features of a pair (after a neck that takes one date), and returns both fused: by the neck, or by a
 * `policy` of features_fused. */
features segmentor_pair(segmentor *s, graph *g, tensor *img, const char *policy, features date[2]);
/* segmentor_io makes a head's input without labels; the other one adds a label map of the data. */
head_io segmentor_io(features x, const tensor *img);
head_io segmentor_learning_io(module *head, graph *g, features x, const char *gt_key);
/* Resizes logits to the image's size. */
tensor *segmentor_resize(const module *head, graph *g, const head_io *io, tensor *logits);
/* Returns the logits of a head that is not in a cascade, resized to img. */
tensor *segmentor_logits(module *head, graph *g, features x, tensor *img);
/* Adds the losses of each head of a list under `prefix`, or prefix_0, prefix_1 ... */
void segmentor_losses(const head_list *l, graph *g, features x, const char *prefix);
/* Runs a head and adds its losses. */
head_out segmentor_learn(module *head, graph *g, const head_io *io, const char *prefix);

#endif
