/* The inside of the CPU backend: oneDNN for convolutions and matrix products, own kernels for all that is bound by
 * memory traffic. Own kernels are compiled for several instruction sets, one of which is chosen at run time (simd/). */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <omp.h>
#include <string.h>

#include "backend/backends.h"
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

/* All that this backend knows of an op: one row, in the file of its kernels, and one line in ops.h. */
typedef struct cpu_op {
    cpu_prepare *prepare; /* NULL: there is no kernel, only a word on types */
    /* In its place, for a kernel that asks what the plan promises. */
    cseg_status (*prepare_for)(cpu_backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                               cseg_error *err);
    /* Whether the kernel takes the node; others fall back to the naive backend. NULL: it takes any. */
    bool (*takes)(const cpu_backend *b, const node *n);
    bool onednn; /* made and run by one thread where bits must not depend on their number */
    /* Which tensors it takes as bfloat16, bit k for input or output k: only so, or in either type. The others are
     * float32: parameters, statistics, losses. */
    unsigned bf16_in, either_in, bf16_out, either_out;
    bool (*takes_bf16)(const cpu_backend *b, const node *n); /* NULL: any node that it takes */
} cpu_op;
#define PORTS_ALL (~0u)
#define CPU_OP(name) extern const cpu_op cpu_op_##name;
#include "backend/cpu/ops.h"
#undef CPU_OP
/* The row, or NULL where this backend has none that takes the node. */
const cpu_op *cpu_op_of(const cpu_backend *b, const node *n);

extern const vector_calls cpu_vectors;
extern const prediction_calls cpu_predictions;

/* backend.port_of when computing in bf16. */
port cpu_port(const backend *b, const node *n, bool is_output, int k);

#endif
