/* Modules and kinds: how a model is declared.
 *
 *     module *layer = module_new(parent, "fc");
 *     param *weight = module_param(layer, "weight", 2, (int64_t[]){10, 64}, INIT_NORMAL, 0, 0.01f);
 *     x = op_linear(g, x, graph_param(g, weight), NULL);
 *
 * A kind (FCNHead, ResNet, CrossEntropyLoss) is one file with a table of its fields, a constructor that declares
 * parameters and children in the reference's order under the reference's names, and a forward function that traces. One
 * line in kinds.h registers it. Errors of constructors are sticky, as those of traces: after a failure makers return
 * NULL and accept NULL, and the model keeps the first message. See docs/adding-kinds.md. */
#ifndef MODEL_MODULE_H
#define MODEL_MODULE_H

#include "config/fields.h"
#include "config/scope.h"
#include "model/features.h"
#include "model/param.h"

typedef struct model model;
typedef struct module module;
typedef struct kind kind;

typedef enum {
    FAMILY_SEGMENTOR,
    FAMILY_BACKBONE,
    FAMILY_NECK,
    FAMILY_HEAD,
    FAMILY_LOSS,
    FAMILY_SAMPLER,
    FAMILY_COUNT
} family;

/* The labels that a loss can name with logits of so many channels. */
typedef struct loss_labels {
    int64_t classes;       /* from 0; below 2 it teaches nothing */
    bool ignores_negative; /* as well as ignore_index */
} loss_labels;

/* What a head's build says of the head: all that segmentors, predictions and the label scan need to know of it.
 * head_begin fills it for decode heads. */
typedef struct head_info {
    int64_t num_classes;
    int64_t out_channels; /* of the logits: 1 with a threshold still means two classes */
    double threshold;     /* on the sigmoid, for out_channels == 1 */
    bool align_corners;   /* of the resize that brings logits to the image's size */
    int64_t ignore_index;
    const char *gt_key; /* the label map that it learns from: gt_semantic_seg */
    loss_labels labels; /* that all of its losses can name; classes 0: it learns nothing from its label map */
} head_info;

struct module {
    model *model;
    module *parent;         /* NULL for the root */
    const char *name;       /* full, as the state dict has it: decode_head.convs.0; "" for the root */
    const char *class_name; /* a layer's PyTorch class (Conv2d), which init_cfg's `layer` means; else the kind's name */
    const kind *kind;       /* NULL for plain layers */
    const value *cfg;       /* the dict it was built from, for places in messages; NULL for plain layers */
    void *config;           /* the kind's struct, filled by its field table */
    void *state;            /* the kind's or layer's own: what forward needs */
    head_info *head;        /* heads: what their build says of them; NULL for all others */
    VEC(module *) children;
    VEC(param *) params;                                /* own, trained ones, in order of declaration */
    VEC(param *) buffers;                               /* own */
    tensor *(*forward)(module *m, graph *g, tensor *x); /* plain layers: x -> y. Call layer_run */

    /* How the weights start; see init.h. */
    bool base;               /* the reference's init_weights() descends into it: a BaseModule there */
    const value *init_cfg;   /* dict or list of dicts; NULL: none */
    void (*init)(module *m); /* the reference's class has an init_weights() of its own: instead of init_cfg */
};

/* What a head is given. */
typedef struct head_io {
    features x;
    tensor *prev;   /* the logits [N,h,w,K] of the head before it in a cascade; NULL: there is none */
    int64_t h, w;   /* of the image */
    tensor *label;  /* i32 [N,H,W], of its gt_key; NULL: it answers and does not learn. More: model_label_input */
    tensor *weight; /* f32 [N,H,W] seg_weight_map, or NULL */
} head_io;

/* What a head gives. */
typedef struct head_out {
    tensor *logits; /* [N,h,w,K], before any resize */
    features more;  /* further outputs that its own loss wants: side maps, predictions of each layer */
} head_out;

/* What a loss is given. */
typedef struct loss_io {
    tensor *x;      /* [N,H,W,K] logits at the target's size, or what else the loss compares */
    tensor *x2;     /* a second input, or NULL */
    tensor *target; /* i32 [N,H,W] label map, or f32: a map, one-hot, the classes that are present [N,K] */
    tensor *weight; /* f32 [N,H,W], or NULL */
    int64_t ignore_index;
    bool per_pixel; /* [N,H,W] instead of a scalar (the reference's reduction_override='none'), loss_weight included */
} loss_io;

/* What a kind of loss can do beyond logits and a label map; the rest is refused where it is asked for. */
enum { LOSS_PER_PIXEL = 1 << 0, LOSS_FLOAT_TARGET = 1 << 1, LOSS_TWO_INPUTS = 1 << 2 };

struct kind {
    family family;
    unsigned scopes; /* in which it is known; 0: SCOPE_MMSEG alone */
    const char *name;
    const char *about; /* one line for docs */
    const field_table *fields;
    void (*build)(module *m); /* m->config is filled, m->name and m->cfg are set */
    union {
        struct {
            /* One of the two. x [N,H,W,C]. Frozen parts need nothing here: requires_grad and the norm layers' mode are
             * set by build. */
            features (*forward)(module *m, graph *g, tensor *x);
            /* A backbone that sees pairs: x [N,H,W,2C], the first date's channels first. Its build sets
             * model->dates. */
            void (*forward_pair)(module *m, graph *g, tensor *x, features date[2]);
        } backbone;
        struct {
            /* One of the two. Of one date; a pair's dates go through it one after the other, with the same weights. */
            features (*forward)(module *m, graph *g, features x);
            features (*fuse)(module *m, graph *g, features first, features second); /* of both */
        } neck;
        struct {
            bool takes_prev; /* io->prev is needed: it stands in a cascade, behind another head */
            head_out (*forward)(module *m, graph *g, const head_io *io);
            /* Adds the head's losses on what its forward gave through model_add_loss, under `prefix` (decode, aux,
             * decode_0). NULL: those of `loss_decode` on the logits and acc_seg, as every plain head has them. */
            void (*loss)(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix);
        } head;
        struct {
            unsigned can;                                               /* LOSS_PER_PIXEL | ... */
            tensor *(*forward)(module *m, graph *g, const loss_io *io); /* a scalar, loss_weight included */
            const char *(*loss_name)(const module *m);                  /* loss_ce */
            loss_labels (*labels)(const module *m, int64_t channels);   /* that it can name with so many channels */
        } loss;
        struct {
            /* How much each pixel counts [N,H,W], from the logits and labels that its head's losses are given (io->x,
             * io->target). m->parent is the head; its losses are built before. */
            tensor *(*weight)(module *m, graph *g, const loss_io *io);
        } sampler;
        struct {
            tensor *(*logits)(module *m, graph *g, tensor *img,
                              int head); /* [N,H,W,K] at img's size, of model->heads */
            void (*loss)(module *m, graph *g, tensor *img);
        } segmentor;
    } as;
};

/* The registry: NULL with the nearest known name of that type_scope in *nearest (may be NULL) when there is none.
 * `type` may be a name, or a dotted path that ends in one (mmseg.models.FCNHead); `in` is scope_of the dict that has
 * it. */
const kind *kind_find(family f, type_scope in, const char *type, const char **nearest);
/* Whether mmseg or Open-CD has a kind of that name. */
bool kind_in_reference(family f, const char *type);
const kind *kind_at(size_t i); /* all kinds, NULL at the end */
const char *family_name(family f);
/* Markdown: all kinds by family, each with its table of fields. */
void kinds_document(FILE *out);

/* build_from_cfg: a child module of `parent` called `name` from a dict with `type`; `inherited` (may be NULL) gives
 * default arguments. NULL after an error. */
module *module_build(module *parent, const char *name, family f, const value *cfg, const value *inherited);
/* A plain container or layer. */
module *module_new(module *parent, const char *name);
param *module_param(module *m, const char *name, int rank, const int64_t *dim, init_rule init, float a, float b);
param *module_buffer(module *m, const char *name, dtype type, int rank, const int64_t *dim, float v);
/* A module that is two attributes of its class: `of` under a second name. The state dict has all below it twice, in the
 * same memory: whoever reads or writes one reads or writes the other. It learns under the first name alone. Run `of`.
 */
void module_twin(module *parent, const char *name, module *of);
/* Zeroed memory that lives as long as the model; NULL after an error was recorded. */
void *module_state(module *m, size_t size);
const char *module_text(module *m, const char *fmt, ...) CSEG_PRINTF(2, 3);
const char *module_index(module *m, int64_t i); /* "3": a name in a list */
const char *module_local_name(const module *m); /* without its parents: conv_seg */
module *module_child(const module *m, const char *local_name);
param *module_own(const module *m, const char *local_name); /* of its params */
/* Visits m and all below it, parents first. */
void module_each(module *m, void (*fn)(module *m));

/* Records the first error: what, and where in the config (at may be NULL). */
void model_fail(model *m, cseg_status code, const value *at, const char *fmt, ...) CSEG_PRINTF(4, 5);
bool model_failed(const model *m);
/* Keys of a module's config for messages: the value under `key` of the dict it was built from, or that dict. */
const value *module_at(const module *m, const char *key);

/* Tracing, with the module's name as the graph's scope. NULL tensors go through; so do failed features. */
tensor *layer_run(module *m, graph *g, tensor *x);
features backbone_run(module *m, graph *g, tensor *x);
void backbone_run_pair(module *m, graph *g, tensor *x, features date[2]);
features neck_run(module *m, graph *g, features x);
features neck_fuse(module *m, graph *g, features first, features second);
head_out head_run(module *m, graph *g, const head_io *io);
/* Adds the losses on what head_run gave for the same io, which has a label. */
void head_run_loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix);
tensor *loss_run(module *m, graph *g, const loss_io *io);
tensor *sampler_run(module *m, graph *g, const loss_io *io);

/* What the data gives, as inputs of the graph of the size that is being traced; made at the first call. */
tensor *model_label_input(model *m, graph *g, const char *key); /* i32 [N,H,W] */
/* f32 [N,H,W], NULL where there is none: weights of that label map's own (weightmaps.KEY), or seg_weight_map. */
tensor *model_weight_input(model *m, graph *g, const char *key);
/* An output called "PREFIX.NAME"; those with "loss" in that name are summed to the training loss. */
void model_add_loss(model *m, graph *g, const char *prefix, const char *name, tensor *loss);

#endif
