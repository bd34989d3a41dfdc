/* The inside of the CPU backend: oneDNN for convolutions and matrix products, own kernels for everything that is bound
 * by memory traffic. Own kernels are compiled for several instruction sets, one of which is chosen at run time
 * (simd/). */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <omp.h>
#include <string.h>

#include "backend/backends.h"
#include "backend/cpu/simd/simd.h"
#include "base/error.h"
#include "base/least.h"

struct dnnl_engine;
struct dnnl_stream;

typedef struct cpu_backend {
    backend base;
    backend *ref; /* runs the ops that have no kernel here */
    struct dnnl_engine *engine;
    struct dnnl_stream *stream;
    cpu_options options;
    const simd_table *simd;
} cpu_backend;

/* A kernel of this backend. Special kernels are structs that begin with it. */
typedef struct cpu_kernel {
    kernel base;
    cpu_backend *b;
    const node *n;
} cpu_kernel;

typedef cseg_status cpu_run(kernel *k, void *const *in, void *const *out, void *scratch, cseg_error *err);
/* Allocates a kernel of `size` bytes (that of the special struct) and sets run (NULL: that of the op's row) and node.
 * NULL: out of memory. */
void *cpu_kernel_new(cpu_backend *b, const node *n, arena *mem, size_t size, cpu_run *run);

/* Cuts work into parts by size alone, never by the number of threads. So sums are the same for any number of
 * threads. */
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

/* Everything that this backend knows of an op: one row, in the file of its kernels, with one line in ops.h. */
typedef struct cpu_op {
    cpu_prepare *prepare; /* NULL: there is no kernel; the row only says which types may be bfloat16 */
    cpu_run *run;         /* of kernels whose `prepare` serves several ops; else prepare names it */
    /* Used instead of `prepare` by kernels that depend on what the plan promises. */
    cseg_status (*prepare_for)(cpu_backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                               cseg_error *err);
    /* Returns whether the kernel can do the node; other nodes fall back to the naive backend. NULL: any node. */
    bool (*takes)(const cpu_backend *b, const node *n);
    bool onednn; /* runs oneDNN: under --deterministic its kernels are made for one thread and run by one */
    /* Which tensors the kernel takes as bfloat16; bit k stands for input or output k. bf16_in, bf16_out: as bfloat16
     * only; either_in, either_out: in either type. All others are float32: parameters, statistics, losses. */
    unsigned bf16_in, either_in, bf16_out, either_out;
    bool (*takes_bf16)(const cpu_backend *b, const node *n); /* NULL: for any node that it takes */
    unsigned (*either_out_of)(const node *n);                /* instead of either_out, where that depends on the node */
} cpu_op;
#define PORTS_ALL (~0u)
#define CPU_OP(name) extern const cpu_op cpu_op_##name;
#include "backend/cpu/ops.h"
#undef CPU_OP
/* Returns the op's row, or NULL if no kernel of this backend can do the node. */
const cpu_op *cpu_op_of(const cpu_backend *b, const node *n);

extern const vector_calls cpu_vectors;
extern const prediction_calls cpu_predictions;

/* backend.port_of of a backend that computes in bfloat16. */
port cpu_port(const backend *b, const node *n, bool is_output, int k);

#endif
