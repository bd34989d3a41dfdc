/* The CPU backend's own: oneDNN for convolutions and matrix products, kernels of ours for everything that is bound by
 * memory traffic. What one of ours is compiled for is chosen at run time (simd/). */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <omp.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cpu/simd/simd.h"
#include "base/error.h"

struct dnnl_engine;
struct dnnl_stream;

typedef struct cpu_backend {
    backend base;
    backend *ref; /* for ops that need no speed */
    struct dnnl_engine *engine;
    struct dnnl_stream *stream;
    cpu_options options;
    const simd_table *simd;
} cpu_backend;

/* A kernel of this backend; special ones begin with it. */
typedef struct cpu_kernel {
    kernel base;
    cpu_backend *b;
    const node *n;
} cpu_kernel;

/* Sets run and node; size is that of the special struct. NULL: out of memory. */
void *cpu_kernel_new(cpu_backend *b, const node *n, arena *mem, size_t size,
                     cseg_status (*run)(kernel *, void *const *, void *const *, void *, cseg_error *));

/* Work is cut into parts by size alone, never by the number of threads, so that sums come out the same for any of it.
 */
typedef struct parts {
    int64_t count, each, total;
} parts;
static inline parts parts_of(int64_t total, int64_t each)
{
    return (parts){.count = (total + each - 1) / each, .each = each, .total = total};
}
static inline int64_t parts_size(const parts *p, int64_t i)
{
    int64_t left = p->total - i * p->each;
    return left < p->each ? left : p->each;
}

typedef cseg_status cpu_prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err);
cpu_prepare cpu_prepare_conv, cpu_prepare_conv_grad_data, cpu_prepare_conv_grad_weight, cpu_prepare_matmul,
    cpu_prepare_batch_norm, cpu_prepare_batch_norm_train, cpu_prepare_batch_norm_apply,
    cpu_prepare_batch_norm_train_grad, cpu_prepare_unary, cpu_prepare_unary_grad, cpu_prepare_binary,
    cpu_prepare_resize, cpu_prepare_resize_grad, cpu_prepare_concat, cpu_prepare_slice, cpu_prepare_slice_grad,
    cpu_prepare_max_pool, cpu_prepare_max_pool_grad, cpu_prepare_cross_entropy, cpu_prepare_cross_entropy_grad,
    cpu_prepare_accuracy, cpu_prepare_argmax, cpu_prepare_resize_argmax, cpu_prepare_sum, cpu_prepare_cast,
    cpu_prepare_dropout, cpu_prepare_batch_norm_grad;

/* backend.port_of when computing in bf16: what the kernels take as bfloat16. */
port cpu_port(const backend *b, const node *n, bool is_output, int k);
/* Whether this element-wise node has a kernel of this backend, which then takes either type. */
bool cpu_takes_half(const cpu_backend *b, const node *n);

#endif
