/* Measures the peak rate of products with bfloat16 operands. */
#ifndef CPU_PEAK_BF16_H
#define CPU_PEAK_BF16_H

#include "base/error.h"

/* Operations a second with bfloat16 operands, a multiply-add counting two; 0 where this CPU has none in hardware. */
cseg_status peak_bf16(int threads, double *flops, cseg_error *err);

#endif
