/* Modules and kinds: how a model is declared.
 *
 * A kind (FCNHead, ResNet, CrossEntropyLoss) is one file with a table of its fields, a constructor that declares
 * parameters and children in the reference's order under the reference's names, and a forward function that traces.
 * One line in kinds.h registers it. Errors of constructors are sticky, as those of traces: after a failure makers
 * return NULL and accept NULL, and the first message stays in the model. */
#ifndef MODEL_MODULE_H
#define MODEL_MODULE_H

#include "config/fields.h"
#include "graph/graph.h"

typedef struct model model;
typedef struct module module;
typedef struct kind kind;

typedef enum { FAMILY_SEGMENTOR, FAMILY_BACKBONE, FAMILY_NECK, FAMILY_HEAD, FAMILY_LOSS, FAMILY_COUNT } family;

/* The maps that backbones and necks hand on, in order of stages. Pairs (ChangeExtraResNet): the first date's maps, then
 * the second's; dates == 2. */
enum { FEATURES_MAX = 32 };
typedef struct features {
    int n;
    int dates; /* 1 or 2 */
    tensor *at[FEATURES_MAX];
} features;

struct module {
    model *model;
    module *parent;
    const char *name; /* full, as the state dict has it: decode_head.convs.0; "" for the root */
    const kind *kind; /* NULL for plain layers */
    void *config;     /* the kind's struct, filled by its field table */
    void *state;      /* the kind's own: what forward needs */
    VEC(module *) children;
    VEC(param *) params;  /* own, trained ones first declared first */
    VEC(param *) buffers; /* own */
};

/* Tells a head or loss what there is to learn from. */
typedef struct loss_inputs {
    tensor *label;  /* i32 [N,H,W] */
    tensor *weight; /* f32 [N,H,W] seg_weight_map, or NULL */
} loss_inputs;

struct kind {
    family family;
    const char *name;
    const char *about; /* one line for docs */
    const field_table *fields;
    void (*build)(module *m); /* m->config is filled */
    union {
        struct {
            features (*forward)(module *m, graph *g, tensor *x);
            /* Optional: called after build; for train-mode freezing nothing else is needed: requires_grad of params
             * is set by build, norm layers consult their own `eval` flag. */
        } backbone;
        struct {
            features (*forward)(module *m, graph *g, features x);
        } neck;
        struct {
            tensor *(*forward)(module *m, graph *g, features x); /* logits [N,h,w,K], before any resize */
            /* Adds the head's losses as outputs through model_add_loss, under `prefix` (decode, aux, decode_0). */
            void (*loss)(module *m, graph *g, features x, loss_inputs in, const char *prefix);
        } head;
        struct {
            /* logits [N,H,W,K] at the label's size -> scalar, loss_weight included. */
            tensor *(*forward)(module *m, graph *g, tensor *logits, loss_inputs in, int64_t ignore_index);
        } loss;
        struct {
            tensor *(*logits)(module *m, graph *g, tensor *img, int head); /* encode_decode: [N,H,W,K] at img's size;
                                                      head -1: the one that test_cfg chooses, else by number */
            void (*loss)(module *m, graph *g, tensor *img);
        } segmentor;
    } as;
};

/* The registry: NULL with the nearest known name in *nearest (may be NULL) when there is none. A scope prefix
 * (mmseg.FCNHead) and dotted paths (mmseg.models.FCNHead) are accepted. */
const kind *kind_find(family f, const char *type, const char **nearest);
const kind *kind_at(size_t i); /* all kinds, NULL at the end */
const char *family_name(family f);

/* build_from_cfg: a child module of `parent` called `name` from a dict with `type`; `inherited` (may be NULL) gives
 * default arguments. NULL after an error. */
module *module_build(module *parent, const char *name, family f, const value *cfg, const value *inherited);
/* A plain container or layer. */
module *module_new(module *parent, const char *name);
param *module_param(module *m, const char *name, const char *owner, int rank, const int64_t *dim, init_rule init, float a,
                    float b);
param *module_buffer(module *m, const char *name, const char *owner, dtype type, int rank, const int64_t *dim, float v);
/* Records the first error: what, and where in the config (at may be NULL). */
void model_fail(model *m, cseg_status code, const value *at, const char *fmt, ...) CSEG_PRINTF(4, 5);
bool model_failed(const model *m);
/* An output called "PREFIX.NAME"; those with "loss" in their name are summed to the training loss. */
void model_add_loss(module *m, graph *g, const char *prefix, const char *name, tensor *value);

#endif
