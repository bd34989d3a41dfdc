/* A built model, as the engine sees it.
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

/* What a loss may ask of the outside (files with class weights). */
typedef cseg_status model_read_numbers(void *arg, const char *path, arena *mem, floats *out, cseg_error *err);

typedef struct model_options {
    const value *train_cfg, *test_cfg; /* top-level ones of the 0.x dialect; NULL: those inside model */
    model_read_numbers *read_numbers;  /* NULL: files are refused */
    void *read_arg;
    backend *backend; /* in whose memory the weights are, and that must outlive them; NULL: the host's */
    bool no_grad;     /* inference only: no gradient memory */
    bool no_dropout;  /* parity with the oracle: dropout layers pass everything on in training too */
    /* Cross-entropy with class weights averages over pixels, as mmseg 0.x does. Off: over the sum of the labels'
     * weights, as 1.x does. */
    bool average_over_pixels;
} model_options;

/* Weights that a module asks for by init_cfg=dict(type='Pretrained') or pretrained=. */
typedef struct model_pretrained {
    const char *module;     /* full name of the module: backbone; "" for the whole model */
    const char *checkpoint; /* file, address, or open-mmlab:// name */
    const char *prefix;     /* of the keys in the file that are taken, or NULL */
    const value *at;
} model_pretrained;

/* A head whose map can be the answer. EncoderDecoder has one; EncoderDecoderMultiHead one a decode head;
 * ChangeExtraSegmentor the change map's, then for each extra head its map of the first and of the second date. */
typedef struct model_head {
    const char *name; /* decode_head, decode_head.1, extra_head.from */
    module *head;
    int64_t num_classes; /* these are head_info's */
    int64_t out_channels;
    double threshold;
    bool align_corners;
    int64_t ignore_index;
    const char *gt_key;     /* the label that this map is compared with */
    const uint8_t *palette; /* [num_classes][3], red first, of the segmentor's PALETTES; NULL: the dataset's */
} model_head;

enum { MODEL_WEIGHTED_MAX = 32 };

/* What the data has beside images and labels, when losses are traced. */
typedef struct trace_options {
    bool weight_map; /* seg_weight_map */
    /* ChangeExtraSegmentor with extra heads: the data lacks gt_semantic_seg_from and _to. The extra heads learn
     * nothing then. */
    bool no_date_labels;
    /* Bit i: weights for the label map of labels.at[i] alone ("weightmaps.KEY"); they count in place of
     * seg_weight_map. */
    uint32_t weighted;
} trace_options;

/* What a head, an auxiliary one too, can learn from. */
typedef struct model_labels {
    const module *head;
    const char *key; /* of the label map: gt_semantic_seg */
    int64_t classes, ignore_index;
    bool ignores_negative;
} model_labels;

struct model {
    arena *mem;
    cseg_error error; /* sticky, of construction */
    const value *config;
    model_options options;
    const value *train_cfg, *test_cfg; /* in effect, wherever they were written; NULL: none */
    module *root;
    VEC(param *) params; /* the state dict, in PyTorch's order */
    backend *backend;    /* in whose memory data, grad and buffers are; never NULL */
    VEC(model_pretrained) pretrained;
    float *data,
        *grad;         /* flat: all PARAM_TRAINED f32 in order of `params`, each aligned to 16 floats (zeros between) */
    size_t flat_count; /* elements, with gaps */
    float *buffers;    /* flat: running statistics */
    size_t buffer_count;
    int64_t *counters; /* flat: num_batches_tracked; on the host, for no kernel reads them */
    size_t counter_count;
    VEC(model_head) heads;
    VEC(model_labels) labels;
    int n_heads;     /* heads.n */
    int answer_head; /* test_cfg.head_index */
    int in_channels; /* of img; pairs: both dates */
    int dates;       /* 2: img holds a pair, the first date's channels first */

    struct { /* of the trace that is being made */
        int64_t n, h, w;
        trace_options options;
        tensor *loss;
    } trace;
};

/* Builds the model that a `model` dict describes. The weights are allocated and zero: call model_init_weights or load a
 * checkpoint. Owned by its own arena; cfg must outlive it. */
cseg_status model_build(const value *cfg, const model_options *options, model **out, cseg_error *err);
void model_free(model *m);
/* As the reference starts: init_cfg rules, PyTorch's defaults elsewhere. Not the pretrained files. The same seed gives
 * the same weights; a parameter's values depend on its name and shape alone, not on its neighbours. */
void model_init_weights(model *m, uint64_t seed);
/* heads.at[head], or the answering one for -1. */
const model_head *model_head_at(const model *m, int head);
/* Whose memory an entry of the state dict lies in: the model's backend's, or the host's (counters). */
backend *model_home(const model *m, const param *p);
/* Values that lie there as p's do (its own, its gradient, an optimizer's state), on the host: in place or in `mem`. */
cseg_status model_view(const model *m, const param *p, const void *at, arena *mem, const void **out, cseg_error *err);
param *model_find(const model *m, const char *name); /* NULL: none */

/* Traces into g (g->train decides the mode). Inputs made: "img" f32 [N,H,W,C]; for losses also what the heads ask for:
 * "gt_semantic_seg" i32 [N,H,W] (or a head's gt_key, gt_semantic_seg_from, gt_semantic_seg_to), and "seg_weight_map"
 * f32 [N,H,W] if options->weight_map (options NULL: none of them). Losses become outputs ("decode.loss_ce",
 * "decode.acc_seg"), the sum is output "loss". The logits are at img's size, before softmax, and no output yet. head:
 * an index of `heads`, or -1: the answering one.
 */
cseg_status model_trace_logits(model *m, graph *g, int64_t n, int64_t h, int64_t w, int head, tensor **logits,
                               cseg_error *err);
cseg_status model_trace_loss(model *m, graph *g, int64_t n, int64_t h, int64_t w, const trace_options *options,
                             tensor **loss, cseg_error *err);
/* After a training step: num_batches_tracked counts the forward passes of the last model_trace_loss in training mode,
 * as PyTorch's. */
void model_count_batch(model *m);

#endif
