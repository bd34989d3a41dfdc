/* Bicubic resizing, a mode of the op `resize` with kernels of its own. */
#ifndef CPU_RESIZE_CUBIC_H
#define CPU_RESIZE_CUBIC_H

#include "backend/cpu/cpu.h"

/* For a resize or a resize_grad whose attr.resize.cubic is set. */
cpu_prepare resize_cubic_prepare;

#endif
