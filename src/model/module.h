/* Modules and kinds: how a model is declared.
 *
 * A kind (FCNHead, ResNet, CrossEntropyLoss) is one file with a table of its fields, a constructor that declares
 * parameters and children in the reference's order under the reference's names, and a forward function that traces.
 * One line in kinds.h registers it. Errors of constructors are sticky, as those of traces: after a failure makers
 * return NULL and accept NULL, and the first message stays in the model. See docs/adding-a-head.md. */
#ifndef MODEL_MODULE_H
#define MODEL_MODULE_H

#include "config/fields.h"
#include "config/scope.h"
#include "graph/graph.h"
#include "model/param.h"

typedef struct model model;
typedef struct module module;
typedef struct kind kind;

typedef enum { FAMILY_SEGMENTOR, FAMILY_BACKBONE, FAMILY_NECK, FAMILY_HEAD, FAMILY_LOSS, FAMILY_COUNT } family;

/* The maps that backbones and necks hand on, in order of stages. Pairs (ChangeExtraResNet): the first date's maps, then
 * the second's; dates == 2 and n counts both. */
enum { FEATURES_MAX = 32 };
typedef struct features {
    int n;
    int dates;          /* 1 or 2 */
    const module *from; /* who made them, for messages */
    tensor *at[FEATURES_MAX];
} features;

struct module {
    model *model;
    module *parent;         /* NULL for the root */
    const char *name;       /* full, as the state dict has it: decode_head.convs.0; "" for the root */
    const char *class_name; /* a layer's PyTorch class (Conv2d), which init_cfg's `layer` means; else the kind's name */
    const kind *kind;       /* NULL for plain layers */
    const value *cfg;       /* the dict it was built from, for places in messages; NULL for plain layers */
    void *config;           /* the kind's struct, filled by its field table */
    void *state;            /* the kind's or layer's own: what forward needs */
    VEC(module *) children;
    VEC(param *) params;                                /* own, trained ones, in order of declaration */
    VEC(param *) buffers;                               /* own */
    tensor *(*forward)(module *m, graph *g, tensor *x); /* plain layers: x -> y. Call layer_run */

    /* How the weights start; see init.h. */
    bool base;               /* the reference's init_weights() descends into it: a BaseModule there */
    const value *init_cfg;   /* dict or list of dicts; NULL: none */
    void (*init)(module *m); /* the reference's class has an init_weights() of its own: instead of init_cfg */
};

/* Tells a head or loss what there is to learn from. */
typedef struct loss_inputs {
    tensor *label;  /* i32 [N,H,W] */
    tensor *weight; /* f32 [N,H,W] seg_weight_map, or NULL */
} loss_inputs;

/* The labels that a loss can name with logits of so many channels. */
typedef struct loss_labels {
    int64_t classes;       /* from 0; below 2 it teaches nothing */
    bool ignores_negative; /* as well as ignore_index */
} loss_labels;

struct kind {
    family family;
    unsigned scopes; /* in which it is known; 0: SCOPE_MMSEG alone */
    const char *name;
    const char *about; /* one line for docs */
    const field_table *fields;
    void (*build)(module *m); /* m->config is filled, m->name and m->cfg are set */
    union {
        struct {
            /* x [N,H,W,C]. Frozen parts need nothing here: requires_grad and the norm layers' mode are set by build. */
            features (*forward)(module *m, graph *g, tensor *x);
        } backbone;
        struct {
            features (*forward)(module *m, graph *g, features x); /* of one date */
        } neck;
        struct {
            tensor *(*forward)(module *m, graph *g, features x); /* logits [N,h,w,K], before any resize */
            /* Adds the head's losses through model_add_loss, under `prefix` (decode, aux, decode_0). NULL: those of
             * `loss_decode` on the forward's logits and acc_seg, as every plain head has them. */
            void (*loss)(module *m, graph *g, features x, loss_inputs in, const char *prefix);
        } head;
        struct {
            /* logits [N,H,W,K] at the label's size -> scalar, loss_weight included. */
            tensor *(*forward)(module *m, graph *g, tensor *logits, loss_inputs in, int64_t ignore_index);
            const char *(*loss_name)(const module *m); /* loss_ce */
            loss_labels (*labels)(const module *m, int64_t channels);
        } loss;
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
/* Whether mmseg has a kind of that name which is missing here. */
bool kind_is_absent(family f, const char *type);
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
features neck_run(module *m, graph *g, features x); /* pairs: each date on its own, with shared weights */
tensor *head_run(module *m, graph *g, features x);
void head_run_loss(module *m, graph *g, features x, loss_inputs in, const char *prefix);
tensor *loss_run(module *m, graph *g, tensor *logits, loss_inputs in, int64_t ignore_index);
/* One date's maps of a pair: date 0 or 1. */
features features_of_date(features x, int date);

/* What the data gives, as inputs of the graph of the size that is being traced; made at the first call. */
tensor *model_label_input(model *m, graph *g, const char *key); /* i32 [N,H,W] */
/* f32 [N,H,W], NULL where there is none: weights of that label map's own (weightmaps.KEY), or seg_weight_map. */
tensor *model_weight_input(model *m, graph *g, const char *key);
/* An output called "PREFIX.NAME"; those with "loss" in that name are summed to the training loss. */
void model_add_loss(model *m, graph *g, const char *prefix, const char *name, tensor *loss);

#endif
