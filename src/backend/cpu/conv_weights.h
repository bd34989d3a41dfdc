/* Computes the gradient of a convolution's weights as products over pixels. */
#ifndef CPU_CONV_WEIGHTS_H
#define CPU_CONV_WEIGHTS_H

#include "backend/cpu/cpu.h"

/* Returns whether these products are faster than oneDNN for the node, an OP_conv2d_grad_weight that Winograd cannot
 * do. */
bool conv_weights_fits(const cpu_backend *b, const node *n);
cpu_prepare conv_weights_prepare;

#endif
