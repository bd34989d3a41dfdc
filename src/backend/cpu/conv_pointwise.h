/* 1x1 convolutions of large maps by an own kernel: a product of pixels by weights, whose bias, residual and ReLU follow
 * while its rows are in a cache, and which fetches the residual before it is needed. */
#ifndef CPU_CONV_POINTWISE_H
#define CPU_CONV_POINTWISE_H

#include "backend/cpu/cpu.h"

/* Returns whether the kernel can do the node and is faster than oneDNN's. */
bool conv_pointwise_fits(const cpu_backend *b, const node *n, bool weights_fixed);
/* For a conv2d with fixed weights for which conv_pointwise_fits. */
cseg_status conv_pointwise_prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err);

#endif
