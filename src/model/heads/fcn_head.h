/* FCNHead, and what the classes made from it share: two convolutions with a block of the class's own between them,
 * optionally beside the input, then the classifier.
 *
 *     fcn_fields c = {.kernel_size = 3, .dilation = 1, .concat_input = true};
 *     if (fcn_begin(parent, &c, 2))
 *         ((fcn_head *)parent->state)->block = relu_new(parent, "block");
 *
 * Its config struct has a member `fcn_fields fcn`, its table FCN_FIELDS.
 */
#ifndef MODEL_FCN_HEAD_H
#define MODEL_FCN_HEAD_H

#include "model/heads/decode_head.h"

typedef struct fcn_fields {
    int64_t kernel_size, dilation;
    bool concat_input;
} fcn_fields;

/* For a struct S that has a member `fcn_fields fcn`. */
#define FCN_FIELDS(S)                                                                                                  \
    FIELD_IN_RANGE(S, fcn, F_INT, kernel_size, "3", 1, 63, "their kernel's side"),                                     \
        FIELD_IN(S, fcn, F_BOOL, concat_input, "True", "a further convolution sees input and output together"),        \
        FIELD_IN_RANGE(S, fcn, F_INT, dilation, "1", 1, 1024, "their dilation")

typedef struct fcn_head {
    decode_head base;
    module *convs, *conv_cat; /* NULL: none */
    module *block;            /* behind the first convolution: map to map of one shape; NULL: none */
    int64_t rounds;           /* times that it runs */
} fcn_head;

/* head_begin, `convs` and `conv_cat`; m->state is an fcn_head without a block. false: an error was recorded. */
bool fcn_begin(module *m, const fcn_fields *c, int64_t num_convs);
head_out fcn_forward(module *m, graph *g, const head_io *io);
/* The map before the classifier, without the block: classes that derive from the reference's FCNHead inherit this
 * method and overwrite only what calls it. */
tensor *fcn_features(module *m, graph *g, const head_io *io);

#endif
