/* Declares models as trees of modules, and the kinds that configs name.
 *
 *     module *layer = module_new(parent, "fc");
 *     param *weight = module_param(layer, "weight", 2, (int64_t[]){10, 64}, INIT_NORMAL, 0, 0.01f);
 *     x = op_linear(g, x, graph_param(g, weight), NULL);
 *
 * A kind (FCNHead, ResNet, CrossEntropyLoss) is one file with a table of its fields, a constructor that declares
 * parameters and children in the order and under the names of MMSegmentation, and a forward function that traces. One
 * line in kinds.h registers it. Errors of constructors are sticky, like those of traces: after a failure makers return
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
typedef struct pretrained_form pretrained_form; /* model/pretrained.h */
typedef struct backbone_stages backbone_stages; /* model/backbones/stages.h */

typedef enum {
    FAMILY_SEGMENTOR,
    FAMILY_BACKBONE,
    FAMILY_NECK,
    FAMILY_HEAD,
    FAMILY_LOSS,
    FAMILY_SAMPLER,
    FAMILY_PART, /* what one kind alone is made of; module_build_part */
    FAMILY_PIXEL_DECODER,
    FAMILY_INTERACTION, /* of two dates, behind a stage of a backbone */
    FAMILY_COUNT
} family;

/* The labels that a loss accepts for logits with a given number of channels. */
typedef struct loss_labels {
    int64_t classes;       /* classes from 0; below 2 nothing can be learnt */
    bool ignores_negative; /* in addition to ignore_index */
    bool has_ignored;      /* it has an ignored label of its own, `ignored`, which may be a class */
    int64_t ignored;
} loss_labels;

/* A map beside the label map that a head learns from too. The training pipeline must make it. */
typedef struct label_beside {
    const char *key;   /* gt_edge_map; model_label_input gives it */
    const char *maker; /* the transform that makes it: GenerateEdge */
} label_beside;

/* What segmentors, predictions and the label scan need to know of a head. The head's build fills it; for decode heads
 * head_begin does. */
typedef struct head_info {
    int64_t num_classes;
    int64_t out_channels; /* of the logits: 1 with a threshold still means two classes */
    double threshold;     /* of the sigmoid, if out_channels == 1 */
    bool align_corners;   /* for resizing logits to the image's size */
    int64_t ignore_index;
    const char *gt_key;         /* key of the label map that it is trained on: gt_semantic_seg */
    loss_labels labels;         /* accepted by all of its losses; classes 0: it is not trained on its label map */
    const label_beside *beside; /* n_beside of them; must outlive the model */
    int n_beside;
} head_info;

struct module {
    model *model;
    module *parent;         /* NULL for the root */
    const char *name;       /* the full name, as in the state dict: decode_head.convs.0; "" for the root */
    const char *class_name; /* a layer's PyTorch class (Conv2d), which init_cfg's `layer` names; else the kind's name */
    const kind *kind;       /* NULL for plain layers */
    const value *cfg;       /* the dict it was built from, for the place in messages; NULL for plain layers */
    void *config;           /* the kind's config struct, filled by its field table */
    void *state;            /* the kind's or layer's own data for forward */
    head_info *head;        /* of heads; NULL for others */
    VEC(module *) children;
    VEC(param *) params;                                /* its own trained parameters, in order of declaration */
    VEC(param *) buffers;                               /* its own */
    tensor *(*forward)(module *m, graph *g, tensor *x); /* plain layers: x -> y. Call it through layer_run */

    /* How the weights are initialised; see init.h. */
    bool base;               /* MMEngine's init_weights() descends into it: its class there is a BaseModule */
    const value *init_cfg;   /* dict or list of dicts; NULL: none */
    void (*init)(module *m); /* the class has an init_weights() of its own in MMSegmentation, which replaces init_cfg */
};

/* The input of a head. */
typedef struct head_io {
    features x;
    tensor *prev;   /* logits [N,h,w,K] of the preceding head in a cascade; NULL: none */
    tensor *img;    /* for heads that take classes by their names, or a pair: the image [N,H,W,C]; else NULL */
    tensor *names;  /* and the embeddings of the classes' names [K,C], as a text encoder makes them */
    int64_t h, w;   /* size of the image */
    tensor *label;  /* i32 [N,H,W], for its gt_key; NULL in inference. model_label_input gives other label maps */
    tensor *weight; /* f32 [N,H,W] seg_weight_map, or NULL */
} head_io;

/* The output of a head. */
typedef struct head_out {
    tensor *logits; /* [N,h,w,K], before any resize */
    features more;  /* further outputs for its own loss: side maps, predictions of each layer */
} head_out;

/* Masks of queries in place of loss_io's x and target: smaller than their label map, to whose size a loss enlarges
 * them. */
typedef struct mask_rows {
    tensor *masks;    /* [N,R,h*w], before sigmoid */
    tensor *class_of; /* i32 [N,R]: the class that a mask is to cover; `classes` for rows that count for nothing */
    tensor *label;    /* i32 [N,H,W] */
    int64_t h, w, classes;
} mask_rows;

/* The input of a loss. */
typedef struct loss_io {
    tensor *x;             /* logits [N,H,W,K] at the target's size, or what else the loss compares */
    tensor *x2;            /* a second input, or NULL */
    const mask_rows *rows; /* masks instead, or NULL */
    tensor *target;        /* label map i32 [N,H,W], or f32: a map, one-hot, or the classes present [N,K] */
    tensor *weight;        /* f32 [N,H,W], or the leading axes of what is compared; or NULL */
    tensor *avg_factor;    /* a scalar: the mean is the sum divided by it; NULL: by the number of what is compared */
    int64_t ignore_index;
    bool per_pixel; /* return [N,H,W] instead of a scalar (MMSegmentation's reduction_override='none'), multiplied by
                       loss_weight */
} loss_io;

/* What a kind of loss can do besides logits and a label map. Anything else is refused where it is asked for. */
enum {
    LOSS_PER_PIXEL = 1 << 0,
    LOSS_FLOAT_TARGET = 1 << 1,
    LOSS_TWO_INPUTS = 1 << 2,
    LOSS_AVG_FACTOR = 1 << 3,
    LOSS_MASKS = 1 << 4
};

struct kind {
    family family;
    unsigned scopes; /* scopes that know it; 0: only SCOPE_MMSEG */
    const char *name;
    const char *about; /* one line for docs */
    const field_table *fields;
    void (*build)(module *m);          /* called when m->config, m->name and m->cfg are set */
    const pretrained_form *pretrained; /* how weights that a config names for it are fitted to it; NULL: as they are */
    union {
        struct {
            /* One of the three. x [N,H,W,C]. Frozen parts need nothing here: build has set requires_grad and the norms'
             * mode. */
            features (*forward)(module *m, graph *g, tensor *x);
            /* For a backbone of pairs: x [N,H,W,2C], the first date's channels first. Its build sets model->dates. */
            void (*forward_pair)(module *m, graph *g, tensor *x, features date[2]);
            /* For a backbone of Open-CD's DIEncoderDecoder: sees both dates [N,H,W,C] and makes one list of maps of
             * them. Its build sets model->in_channels to C, and leaves model->dates alone. */
            features (*forward_both)(module *m, graph *g, tensor *first, tensor *second);
            /* Of a backbone whose stages others may run one by one; NULL: of none. */
            void (*stages)(const module *m, backbone_stages *out);
        } backbone;
        struct {
            /* One of the two. Takes one date; a pair's dates go through it one after the other, with the same
             * weights. */
            features (*forward)(module *m, graph *g, features x);
            features (*fuse)(module *m, graph *g, features first, features second); /* takes both dates */
        } neck;
        struct {
            bool takes_prev;         /* needs io->prev: the head must stand after another one in a cascade */
            bool takes_class_tokens; /* uses io->x.cls; other heads are refused behind a backbone that gives them */
            bool takes_names;        /* needs io->img and io->names: its place is in a segmentor with a text encoder */
            bool takes_pair;         /* needs io->img and both dates' maps in one list: its place is in a BAN */
            head_out (*forward)(module *m, graph *g, const head_io *io);
            /* The map [N,h,w,channels] that head_classify turns into the logits, for heads that go on from there. NULL:
             * the reference's class hands none out. m->state is a decode_head. */
            tensor *(*features)(module *m, graph *g, const head_io *io);
            /* Adds the head's losses for the output of forward, with model_add_loss under `prefix` (decode, aux,
             * decode_0). NULL: adds those of `loss_decode` on the logits, and acc_seg. */
            void (*loss)(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix);
        } head;
        struct {
            unsigned can;                                               /* LOSS_PER_PIXEL | ... */
            tensor *(*forward)(module *m, graph *g, const loss_io *io); /* a scalar, multiplied by loss_weight */
            /* Accepted for so many channels. NULL: it takes no label map, so it is no loss of loss_decode. */
            loss_labels (*labels)(const module *m, int64_t channels);
            /* Returns whether it is one number for the whole batch, whatever the reduction: samplers that compare the
             * losses of pixels pass over it. NULL: it is not. */
            bool (*of_batch)(const module *m);
        } loss;
        struct {
            /* Returns the weight of each pixel [N,H,W], from the logits and labels of its head's losses (io->x,
             * io->target). m->parent is the head, whose losses are built before. */
            tensor *(*weight)(module *m, graph *g, const loss_io *io);
        } sampler;
        struct {
            /* Of a head that classifies masks: from the backbone's maps to [0] the map that masks are made of,
             * [N,h,w,out_channels], and behind it the maps that its queries look at. */
            features (*forward)(module *m, graph *g, features x);
            bool multi_scale; /* there are several of these, the smallest first; false: there is one */
            bool keeps_last;  /* which is the last of the backbone's maps as it is */
        } pixel_decoder;
        struct {
            void (*forward)(module *m, graph *g, tensor *x[2]); /* changes the maps [N,H,W,C] of both dates */
        } interaction;
        struct {
            /* Of a part that decodes for BitemporalAdapterHead: the maps of each date -> logits [N,h,w,K]. */
            tensor *(*forward)(module *m, graph *g, const features date[2]);
        } ban_decoder;
        struct {
            bool splits_dates; /* as Open-CD: img is cut into two dates of `backbone_inchannels` channels each */
            bool siamese;      /* and the backbone, one of single images, sees one after the other */
            tensor *(*logits)(module *m, graph *g, tensor *img,
                              int head); /* [N,H,W,K] at img's size; head: index of model->heads */
            void (*loss)(module *m, graph *g, tensor *img);
        } segmentor;
    } as;
};

/* Finds a kind in the registry. If there is none, returns NULL and sets *nearest (may be NULL) to the nearest known
 * name of the scope. `type` may be a name or a dotted path that ends in one (mmseg.models.FCNHead); `in` is scope_of
 * the dict that has it. */
const kind *kind_find(family f, type_scope in, const char *type, const char **nearest);
/* What stands in front of a kind's name in a config: "mmpretrain.", or "" for kinds of mmseg and Open-CD; "opencd."
 * where both have one of the name. */
const char *kind_prefix(const kind *k);
/* The first kind of that name in any scope, for messages; NULL: none. */
const kind *kind_elsewhere(family f, const char *type);
/* Returns whether mmseg or Open-CD has a kind of that name. */
bool kind_in_reference(family f, const char *type);
const kind *kind_at(size_t i); /* all kinds; NULL at the end */
const char *family_name(family f);
/* Writes Markdown: all kinds by family, each with its table of fields. */
void kinds_document(FILE *out);

/* Builds a child of `parent` called `name` from a dict with `type`, as build_from_cfg. `inherited` (may be NULL) gives
 * default arguments. NULL after an error. */
module *module_build(module *parent, const char *name, family f, const value *cfg, const value *inherited);
/* The same for a part, which must be of this kind. */
module *module_build_part(module *parent, const char *name, const kind *k, const value *cfg);
/* Makes a plain container or layer. */
module *module_new(module *parent, const char *name);
/* Makes a container into which init_weights() descends, as mmengine's ModuleList; torch's own is module_new's. */
module *module_list_new(module *parent, const char *name);
param *module_param(module *m, const char *name, int rank, const int64_t *dim, init_rule init, float a, float b);
param *module_buffer(module *m, const char *name, dtype type, int rank, const int64_t *dim, float v);
/* A buffer of whole numbers (int64) that never change, since ops compute what it says: it is in the state dict, and a
 * file that says otherwise is refused. The values must outlive the model; entries may share them. */
param *module_constant(module *m, const char *name, int rank, const int64_t *dim, const int64_t *values);
/* A module that is two attributes of its class: `of` under a second name. The state dict has all below it twice, in the
 * same memory: whoever reads or writes one reads or writes the other. It learns under the first name alone. Run `of`.
 */
void module_twin(module *parent, const char *name, module *of);
/* Zeroed memory that lives as long as the model; NULL after an error was recorded. */
void *module_state(module *m, size_t size);
const char *module_text(module *m, const char *fmt, ...) CSEG_PRINTF(2, 3);
const char *module_index(module *m, int64_t i); /* "3": the name of an item of a list */
/* A value from config text, for what a class sets itself: "dict(type='ReLU')". NULL after an error. */
const value *module_literal(module *m, const char *text);
const char *module_local_name(const module *m); /* the name without that of its parents: conv_seg */
module *module_child(const module *m, const char *local_name);
param *module_own(const module *m, const char *local_name); /* one of its own parameters */
/* Calls fn for m and all modules below it, parents first. */
void module_each(module *m, void (*fn)(module *m));

/* Records the first error, with its place in the config (`at` may be NULL). */
void model_fail(model *m, cseg_status code, const value *at, const char *fmt, ...) CSEG_PRINTF(4, 5);
bool model_failed(const model *m);
/* Refuses those of `keys` (ending with NULL) that the dict has: arguments of the class in the other release alone.
 * `release`: "1.x". */
void module_refuse(module *m, const char *const *keys, const char *release);
/* Returns the value under `key` of the dict that the module was built from, or the dict itself; for places in
 * messages. */
const value *module_at(const module *m, const char *key);

/* Trace a module with its name as the graph's scope. NULL tensors, and features after an error, are passed on. */
tensor *layer_run(module *m, graph *g, tensor *x);
features backbone_run(module *m, graph *g, tensor *x);
/* A backbone of single images sees the dates one after the other, so that batch norms take the statistics of one. */
void backbone_run_pair(module *m, graph *g, tensor *x, features date[2]);
features backbone_run_both(module *m, graph *g, tensor *first, tensor *second);
features neck_run(module *m, graph *g, features x);
features neck_fuse(module *m, graph *g, features first, features second);
head_out head_run(module *m, graph *g, const head_io *io);
tensor *head_run_features(module *m, graph *g, const head_io *io); /* for heads whose kind has `features` */
/* Adds the losses for the output of head_run with the same io, which must have a label. */
void head_run_loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix);
tensor *loss_run(module *m, graph *g, const loss_io *io);
tensor *sampler_run(module *m, graph *g, const loss_io *io);
features pixel_decoder_run(module *m, graph *g, features x);

/* Return inputs of the graph for the data of the trace's size; the first call makes them. */
tensor *model_label_input(model *m, graph *g, const char *key); /* i32 [N,H,W] */
/* f32 [N,H,W]: the label map's own weights (weightmaps.KEY), else seg_weight_map; NULL: neither */
tensor *model_weight_input(model *m, graph *g, const char *key);
/* Adds an output "PREFIX.NAME", with the trace's loss_suffix behind; those with "loss" in NAME are summed into the
 * training loss. */
void model_add_loss(model *m, graph *g, const char *prefix, const char *name, tensor *loss);

#endif
