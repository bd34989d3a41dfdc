/* Segmentors of Open-CD that are compared with three teachers, models like themselves for images of which much, some or
 * little changed (MTKD, Liu et al. 2025, arXiv:2502.13407). The teachers are children of the student. As in the
 * reference, what compares them is called "distill": it is logged, but no loss. */
#ifndef MODEL_DISTILL_H
#define MODEL_DISTILL_H

#include "model/segmentors/segmentor.h"

/* Entries of a field_table for a struct S with a `distill_config distill`. */
#define DISTILL_FIELDS(S)                                                                                              \
    FIELD_IN(S, distill, F_VALUE, distill_loss, NULL,                                                                  \
             "dict of a loss of two inputs that compares student and teacher; it is logged as `distill`, which the "   \
             "reference does not train on"),                                                                           \
        FIELD_IN(S, distill, F_VALUE, init_cfg_t_l, "None",                                                            \
                 "how the weights start of the teacher for images of which a fifth or more changed"),                  \
        FIELD_IN(S, distill, F_VALUE, init_cfg_t_m, "None", "of the one for those of which a twentieth or more did"),  \
        FIELD_IN(S, distill, F_VALUE, init_cfg_t_s, "None", "of the one for the others")

typedef enum {
    TEACHERS_TEST, /* as in testing */
    TEACHERS_TRAIN /* as in training, an image at a time: batch norms take the statistics of one. Their running ones
                      stay, which in the reference move with every image that a teacher sees; nothing reads them */
} teachers_mode;

/* Builds m by the kind that it is made from, and its teachers. */
void distill_build(module *m, const distill_config *c, const kind *from, teachers_mode mode);
/* The head's output for images, before it is resized. `label`: not NULL. */
typedef head_out distill_run(module *segmentor, graph *g, tensor *img, tensor *label);
/* Compares the output of the student's head with that of each image's teacher; both_orders: ChangeStarHead's two. */
void distill_compare(module *m, graph *g, tensor *img, const head_out *student, bool both_orders, teachers_mode mode,
                     distill_run *run);

#endif
