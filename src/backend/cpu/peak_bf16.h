/* Measures the peak rate of products with bfloat16 operands. */
#ifndef CPU_PEAK_BF16_H
#define CPU_PEAK_BF16_H

#include "base/error.h"

/* Gives operations a second with bfloat16 operands (a multiply-add counts as two); 0 if the CPU has no such products in
 * hardware. */
cseg_status peak_bf16(int threads, double *flops, cseg_error *err);

#endif
