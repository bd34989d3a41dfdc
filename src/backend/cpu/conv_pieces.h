/* Runs oneDNN's convolutions and their gradients with the same bits for any number of threads.
 *
 * oneDNN cuts sums by the number of threads, when a kernel is made or (its gemm-based kernels) when it runs. Here maps
 * are cut into pieces, of images or of rows of an image, by size alone. One thread runs each piece, through a kernel
 * that was made for one. Where several pieces add to one result, they are added up in their order. */
#ifndef CPU_CONV_PIECES_H
#define CPU_CONV_PIECES_H

#include "backend/cpu/conv_descs.h"

cseg_status conv_pieces_prepare(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out,
                                cseg_error *err);

#endif
