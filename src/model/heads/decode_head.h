/* What all decode heads share, as MMSegmentation's BaseDecodeHead has it: fields, input selection, the classifying
 * convolution and the losses.
 *
 *     typedef struct { head_config head; int64_t num_convs; } conf;
 *     static const field fields[] = {HEAD_FIELDS(conf), FIELD(conf, F_INT, num_convs, "2", "convolutions")};
 *     if (!head_begin(parent, sizeof(decode_head)))
 *         return CSEG_CONFIG;
 *
 * A head's config struct begins with a head_config, its field table with HEAD_FIELDS, its state with a decode_head. So
 * a head's own file has only what other heads do not have. See docs/adding-kinds.md. */
#ifndef MODEL_DECODE_HEAD_H
#define MODEL_DECODE_HEAD_H

#include "model/layers/layers.h"

typedef struct head_config {
    ints in_channels, in_index;
    int64_t channels, num_classes, ignore_index;
    double dropout_ratio;
    bool align_corners, takes_maps; /* takes_maps: of the class, no field */
    const char *input_transform, *gt_key;
    const value *out_channels, *threshold, *conv_cfg, *norm_cfg, *act_cfg, *loss_decode, *sampler, *init_cfg;
} head_config;

/* Entries of a field_table for a struct S whose first member is `head_config head`. */
#define HEAD_FIELD(S, ...) FIELD_IN(S, head, __VA_ARGS__)
#define HEAD_FIELD_RANGE(S, ...) FIELD_IN_RANGE(S, head, __VA_ARGS__)
#define HEAD_FIELD_CHOICE(S, ...) FIELD_IN_CHOICE(S, head, __VA_ARGS__)
#define HEAD_FIELDS(S) HEAD_FIELDS_INIT(S, "dict(type='Normal', std=0.01, override=dict(name='conv_seg'))")
/* The same for heads whose class has another default init_cfg. */
#define HEAD_FIELDS_INIT(S, init_cfg_) HEAD_FIELDS_DEFAULTS(S, "None", "None", init_cfg_)
/* And for those with another default conv_cfg or norm_cfg. */
#define HEAD_FIELDS_DEFAULTS(S, conv_cfg_, norm_cfg_, init_cfg_)                                                       \
    HEAD_FIELDS_CFGS(S, conv_cfg_, norm_cfg_, "dict(type='ReLU')", init_cfg_)
/* And for those with another default act_cfg. */
#define HEAD_FIELDS_CFGS(S, conv_cfg_, norm_cfg_, act_cfg_, init_cfg_)                                                 \
    HEAD_SIZE_FIELDS(S, NULL, NULL), HEAD_CLASSES_FIELD(S),                                                            \
        HEAD_MORE_FIELDS(S, conv_cfg_, norm_cfg_, act_cfg_, init_cfg_)
/* Those apart, for heads whose class has default sizes, or sets channels or num_classes itself. */
#define HEAD_IN_CHANNELS_FIELD(S, in_channels_)                                                                        \
    HEAD_FIELD_RANGE(S, F_INTS, in_channels, in_channels_, 1, 1 << 20,                                                 \
                     "channels of the map, or of each map, that it takes")
#define HEAD_SIZE_FIELDS(S, in_channels_, channels_)                                                                   \
    HEAD_IN_CHANNELS_FIELD(S, in_channels_),                                                                           \
        HEAD_FIELD_RANGE(S, F_INT, channels, channels_, 1, 1 << 20, "channels before the classifying convolution")
#define HEAD_CLASSES_FIELD(S) HEAD_FIELD_RANGE(S, F_INT, num_classes, NULL, 1, 1 << 16, "classes")
#define HEAD_MORE_FIELDS(S, conv_cfg_, norm_cfg_, act_cfg_, init_cfg_)                                                 \
    HEAD_FIELD(S, F_VALUE, out_channels, "None",                                                                       \
               "channels of the logits: num_classes, or 1 for two classes and a threshold"),                           \
        HEAD_FIELD(S, F_VALUE, threshold, "None", "on the sigmoid where out_channels is 1; 0.3 if it is not given"),   \
        HEAD_FIELD_RANGE(S, F_FLOAT, dropout_ratio, "0.1", -1, 1, "of channels, before classifying; <= 0: none"),      \
        HEAD_FIELD(S, F_VALUE, conv_cfg, conv_cfg_, "kind of convolution"),                                            \
        HEAD_FIELD(S, F_VALUE, norm_cfg, norm_cfg_, "kind of normalisation"),                                          \
        HEAD_FIELD(S, F_VALUE, act_cfg, act_cfg_, "kind of activation"),                                               \
        HEAD_FIELD(S, F_INTS, in_index, "-1", "which of the maps it takes; negative ones count from the end"),         \
        HEAD_FIELD_CHOICE(S, input_transform, "None", "resize_concat|multiple_select",                                 \
                          "how several maps become its input"),                                                        \
        HEAD_FIELD(S, F_VALUE, loss_decode, "dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)",       \
                   "a loss or a list of losses"),                                                                      \
        HEAD_FIELD(S, F_INT, ignore_index, "255", "label that teaches nothing"),                                       \
        HEAD_FIELD(S, F_VALUE, sampler, "None", "which pixels learn; None: all"),                                      \
        HEAD_FIELD(S, F_BOOL, align_corners, "False", "of all resizing"),                                              \
        HEAD_FIELD(S, F_VALUE, init_cfg, init_cfg_, "how the weights start"),                                          \
        HEAD_FIELD(S, F_STR, gt_key, "'gt_semantic_seg'", "field of the data that holds its labels (not in mmseg)")

typedef struct decode_head {
    const head_config *config;
    int64_t in_channels; /* of the transformed input: the sum for resize_concat */
    module *conv_seg;    /* NULL: the head has none */
    module *dropout;     /* with dropout_ratio */
    VEC(module *) losses;
    module *sampler; /* selects the pixels that the loss counts; NULL: all */
} decode_head;

/* Allocates m->state (state_size bytes, beginning with a decode_head), checks the fields against each other, fills
 * m->head, and makes loss_decode and conv_seg, which come before a head's own layers in MMSegmentation. false: an error
 * was recorded. */
bool head_begin(module *m, size_t state_size);
/* The same without conv_seg, for heads whose class deletes it or has its classifier in another place. */
bool head_begin_unclassified(module *m, size_t state_size);

/* For heads whose class sets input_transform='multiple_select' itself. Call it before head_begin. false: an error was
 * recorded. */
bool head_selects_maps(module *m);
/* Checks a head's feature_strides: one for each of in_channels, the finest first. false: an error was recorded. */
bool head_check_strides(module *m, ints strides);
/* Notes that the head is trained on the labels that all losses of loss_decode accept but `but` (may be NULL), which
 * compares with another map. head_begin does so for all of them. */
void head_meet_labels(module *m, const module *but);
/* For heads to whose configs it belongs. Call it before head_begin, which refuses it for all others. */
void head_takes_maps(module *m);
/* Makes a further loss of the head's own. needs: what it must be able to do (LOSS_...). */
module *head_loss(module *m, const char *name, const value *cfg, unsigned needs);

/* Takes the classifying convolution off a head, for classes that use another head's features and put an Identity there.
 */
void head_unclassify(module *head);

/* Makes a square ConvModule with the head's conv_cfg, norm_cfg and act_cfg, padding kernel / 2 and stride 1. */
module *head_conv(module *head, module *parent, const char *name, int64_t in, int64_t out, int64_t kernel);
/* The same for any convolution: dilated, strided, grouped. spec.bias is ignored: there is a bias if there is no
 * norm. */
module *head_conv_spec(module *head, module *parent, const char *name, conv_spec spec);
/* Makes mmseg's PPM with the head's channels, conv_cfg, norm_cfg, act_cfg and align_corners, for a map with `in`
 * channels. */
module *head_pyramid_pool(module *head, const char *name, int64_t in, ints scales);

/* Returns the maps of in_index as one: the selected one, or all of them resized to the first's size and concatenated.
 * Records an error if their channels are not in_channels. */
tensor *head_input(module *m, graph *g, const head_io *io);
/* For multiple_select: returns the maps of in_index, checked, in that order, and their class tokens. */
features head_inputs(module *m, graph *g, const head_io *io);
/* The same for heads of Open-CD that tell two dates apart: each map has the channels of both, twice its in_channels
 * (if `checked`). Gives the maps of each date. */
void head_inputs_of_dates(module *m, graph *g, const head_io *io, bool checked, features date[2]);
/* Returns map `index` of x, from the end if negative. Records an error if there is none or if it has not `channels`
 * (negative: any), what the field `key` says. */
tensor *head_map(module *m, graph *g, features x, int64_t index, const char *key, int64_t channels);
/* Applies dropout and the classifying convolution: [N,h,w,channels] -> [N,h,w,out_channels]. */
tensor *head_classify(module *m, graph *g, tensor *x);
/* Warns that `part` of the head has no effect where the head is another one's kernel_generate_head. */
void head_leaves_out(module *m, const module *part);
/* Adds the losses of loss_decode, and acc_seg, for logits of any size; losses of the same name are summed. */
void head_add_losses(module *m, graph *g, const head_io *io, tensor *logits, const char *prefix);

#endif
