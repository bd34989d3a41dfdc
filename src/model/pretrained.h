/* How the weights that a config names for a kind (pretrained, init_cfg) are fitted to it, where its class does so as it
 * loads them. Checkpoints of whole models (load_from, resume) are taken as they are.
 *
 *     static const pretrained_form form = {.strips = "backbone.", .drops = "relative_position_index"};
 */
#ifndef MODEL_PRETRAINED_H
#define MODEL_PRETRAINED_H

#include "model/module.h"

/* x [h,w,c] -> to [a.h,a.w,c], as op_resize. */
typedef cseg_status fit_resize(const float *x, int64_t h, int64_t w, int64_t c, const resize_attr *a, float *to,
                               cseg_error *err);

/* A tensor of the file whose shape is not that of the parameter of its name. */
typedef struct fitting {
    const module *m; /* whose weights the file holds */
    const param *p;
    int rank;
    int64_t dim[TENSOR_MAX_RANK];
    const float *v;
    float *to; /* p's values, to be written in the host's memory */
    fit_resize *resize;
    arena *mem; /* for what is needed on the way */
} fitting;

struct pretrained_form {
    const char *strips; /* cut off the front of names that begin so; NULL: nothing */
    const char *drops;  /* names with this in them are not taken; NULL: all are */
    /* The file is another model's: it fills these children alone, NULL at the end. A tensor goes to the first that has
     * one of its name, others are not taken. NULL: it is for the whole module. */
    const char *const *fills;
    /* Writes f->to. *fits false: there is no way, and the tensor is left out as any other of another shape. */
    cseg_status (*fit)(const fitting *f, bool *fits, cseg_error *err);
};

/* What remains of a parameter's name below f->m: "pos_embed". */
const char *fit_name(const fitting *f);
/* A table of relative positions [S * S, heads] for another window: bicubic (SwinTransformer). */
cseg_status fit_table(const fitting *f, bool *fits, cseg_error *err);
/* The same [S * S + extra, heads], in steps that grow from the centre, so that near pixels keep their biases best
 * (BEiT). The last `extra` rows stay. */
cseg_status fit_table_geometric(const fitting *f, int64_t extra, bool *fits, cseg_error *err);
/* Codes of positions [1, 1 + S * S, C] for a grid of h x w: the first, the class token's, stays; of others the last S *
 * S are taken (VisionTransformer). */
cseg_status fit_codes(const fitting *f, int64_t h, int64_t w, resize_attr how, bool *fits, cseg_error *err);

#endif
