/* 3x3 convolutions of stride 2 with fixed weights, in float32, by Winograd's algorithm (winograd_strided_table). */
#ifndef CPU_WINOGRAD_STRIDED_H
#define CPU_WINOGRAD_STRIDED_H

#include "backend/cpu/cpu.h"

/* Returns whether the kernel can do the node and is faster than a direct convolution. */
bool wino_strided_fits(const cpu_backend *b, const node *n, bool weights_fixed);
cseg_status wino_strided_prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err);

#endif
