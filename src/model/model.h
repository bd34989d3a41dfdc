/* Builds a model from its config and traces it: the engine's view of a model.
 *
 *     model *net;
 *     TRY(model_build(cfg, &(model_options){0}, &net, err));
 *     model_init_weights(net, 42);
 *     TRY(model_trace_logits(net, g, 1, 512, 512, -1, &x, err));
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/module.h"

typedef struct backend backend; /* graph/backend.h */

/* Reads a file of numbers that a loss names (class weights). */
typedef cseg_status model_read_numbers(void *arg, const char *path, arena *mem, floats *out, cseg_error *err);

/* Returns the names of the classes of a dataset that a text encoder names (coco-stuff164k), `n` of them. NULL: there is
 * no such dataset. */
typedef const char *const *model_class_names(const char *dataset, size_t *n);

typedef struct model_options {
    const value *train_cfg, *test_cfg; /* from the top level of 0.x configs; NULL: use those inside model */
    model_read_numbers *read_numbers;  /* NULL: such files are refused */
    void *read_arg;
    model_class_names *class_names; /* NULL: no dataset is known */
    type_scope default_scope;       /* of types that do not say theirs, where several have the name; 0: mmseg's */
    backend *backend;               /* holds the weights and must outlive them; NULL: the host's memory */
    bool no_grad;                   /* inference only: no gradient memory */
    bool no_dropout;                /* for parity tests: dropout layers do nothing in training too */
    bool draws_given;               /* for parity tests: random numbers are inputs of the graph (graph.draws_given) */
    /* Cross-entropy with class weights is averaged over pixels, as in mmseg 0.x. false: over the sum of the labels'
     * weights, as in 1.x. */
    bool average_over_pixels;
    /* DiceLoss is the mean of a ratio for each class, as in mmseg 0.x. false: one ratio for each image, as in 1.x. */
    bool dice_by_class;
    /* The convolution of VisionTransformer's patches has a bias, as in mmseg 0.x. false: if patch_bias says so, as in
     * 1.x. */
    bool patches_have_bias;
    const char *adapt_in_channels; /* how weights for another number of bands are taken at the start of a training,
                                      where init_cfg does not say; NULL: not */
} model_options;

/* Weights that a module asks for by init_cfg=dict(type='Pretrained') or pretrained=. */
typedef struct model_pretrained {
    const char *module;     /* the module's full name: backbone; "" for the whole model */
    const char *checkpoint; /* a file, an address, or an open-mmlab:// name */
    const char *prefix;     /* prefix of the keys to take from the file, or NULL */
    const char *adapt;      /* adapt_in_channels, or NULL */
    const value *at;
} model_pretrained;

/* A head whose map can be the answer. EncoderDecoder has one; EncoderDecoderMultiHead one for each decode head;
 * ChangeExtraSegmentor the change map's and, for each extra head, its map of the first and of the second date;
 * SiamEncoderMultiDecoder the change map's and those of both dates. */
typedef struct model_head {
    const char *name; /* decode_head, decode_head.1, extra_head.from */
    module *head;
    int64_t num_classes; /* from head_info */
    int64_t out_channels;
    double threshold;
    bool align_corners;
    int64_t ignore_index;
    const char *gt_key;     /* key of the label map that this map is compared with */
    const uint8_t *palette; /* [num_classes][3], red first, from the segmentor's PALETTES; NULL: use the dataset's */
} model_head;

enum { MODEL_WEIGHTED_MAX = 32 };

/* What the data has besides images and labels, for tracing losses. */
typedef struct trace_options {
    bool weight_map; /* seg_weight_map */
    /* ChangeExtraSegmentor with extra heads: the data lacks gt_semantic_seg_from and _to. The extra heads are then not
     * trained. */
    bool no_date_labels;
    /* Bit i: labels.at[i] has weights of its own ("weightmaps.KEY"), which replace seg_weight_map. */
    uint32_t weighted;
} trace_options;

/* What a head, also an auxiliary one, can be trained on. */
typedef struct model_labels {
    const module *head;
    const char *key; /* key of the label map: gt_semantic_seg */
    int64_t classes, ignore_index;
    bool ignores_negative;
    bool has_ignored; /* all of its losses leave out one more label, `ignored` */
    int64_t ignored;
} model_labels;

/* A map that a head learns from beside its label map. */
typedef struct model_beside {
    const module *head;
    label_beside map;
} model_beside;

struct model {
    arena *mem;
    cseg_error error; /* first error of the construction */
    const value *config;
    model_options options;
    const value *train_cfg, *test_cfg; /* as they apply, wherever the config has them; NULL: none */
    module *root;
    VEC(param *) params; /* the state dict, in PyTorch's order */
    backend *backend;    /* owns the memory of data, grad and buffers; never NULL */
    VEC(model_pretrained) pretrained;
    float *data, *grad; /* flat: all PARAM_TRAINED f32 in the order of `params`, each aligned to 16 floats (with zeros
                           in between) */
    size_t flat_count;  /* elements, gaps included */
    float *buffers;     /* flat: running statistics */
    size_t buffer_count;
    int64_t *counters; /* flat: num_batches_tracked; on the host, since no kernel reads them. Constants are elsewhere */
    size_t counter_count;
    VEC(model_head) heads;
    VEC(model_labels) labels;
    VEC(model_beside) beside;
    int n_heads;     /* heads.n */
    int answer_head; /* test_cfg.head_index */
    int in_channels; /* channels of img; for pairs, those of both dates */
    int dates;       /* 2: img holds a pair, the first date's channels first */
    /* SiamEncoderMultiDecoder with 'cover_semantic': heads.at[0] says what changed; maps of other heads are 0 where
     * nothing did, and one more than the class elsewhere. */
    bool covers_unchanged;

    struct { /* State of the current trace. */
        int64_t n, h, w;
        trace_options options;
        tensor *loss;
        const char *loss_suffix; /* of the names of losses: ".s0"; NULL: none */
    } trace;
};

/* Builds the model that a `model` dict describes. The weights are allocated and zero: call model_init_weights or load a
 * checkpoint. The model has an arena of its own; cfg must outlive it. */
cseg_status model_build(const value *cfg, const model_options *options, model **out, cseg_error *err);
void model_free(model *m);
/* Initialises the weights as MMSegmentation does: by init_cfg, elsewhere by PyTorch's defaults. Does not load
 * pretrained files. The same seed gives the same weights; a parameter's values depend only on its name and shape. */
void model_init_weights(model *m, uint64_t seed);
/* Normalises the values of p as its rule ends (INIT_NORMAL_UNIT, INIT_UNIFORM_UNIT); other rules end without it. */
void model_normalize(const model *m, const param *p);
/* Returns heads.at[head]; the answering head for -1. */
const model_head *model_head_at(const model *m, int head);
/* Returns the backend whose memory holds an entry of the state dict: the model's, or the host's (counters). */
backend *model_home(const model *m, const param *p);
/* Gives values that are laid out as p's (its data, gradient, or optimizer state) on the host: in place, or as a copy in
 * `mem`. */
cseg_status model_view(const model *m, const param *p, const void *at, arena *mem, const void **out, cseg_error *err);
param *model_find(const model *m, const char *name); /* NULL: no such entry */

/* Trace the model into g; g->train decides the mode. They make the inputs "img" f32 [N,H,W,C]; for losses also what the
 * heads are trained on: "gt_semantic_seg" i32 [N,H,W] (or a head's gt_key, gt_semantic_seg_from, gt_semantic_seg_to;
 * also the maps of `beside`), and "seg_weight_map" f32 [N,H,W] if options->weight_map (options NULL: nothing besides
 * images and labels). Losses become outputs ("decode.loss_ce", "decode.acc_seg"), the sum is output "loss". The logits
 * have img's size, are before softmax, and are not added as an output. head: an index of `heads`, or -1 for the
 * answering head. */
cseg_status model_trace_logits(model *m, graph *g, int64_t n, int64_t h, int64_t w, int head, tensor **logits,
                               cseg_error *err);
cseg_status model_trace_loss(model *m, graph *g, int64_t n, int64_t h, int64_t w, const trace_options *options,
                             tensor **loss, cseg_error *err);
/* Call it after a training step: adds the forward passes of the last model_trace_loss in training mode to
 * num_batches_tracked, as PyTorch does. */
void model_count_batch(model *m);

#endif
