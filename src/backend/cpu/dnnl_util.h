/* Wraps oneDNN's C API, so that a kernel reads as what it computes. */
#ifndef CPU_DNNL_UTIL_H
#define CPU_DNNL_UTIL_H

#include <dnnl.h>

#include "backend/cpu/cpu.h"

static inline dnnl_data_type_t dnnl_type_of(const tensor *t)
{
    return t->type == DT_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* Fills err with "conv2d in backbone.conv1: oneDNN: VERB failed (code)" and returns the status. */
cseg_status dnnl_failed(const node *n, const char *verb, dnnl_status_t code, cseg_error *err);

#define DNNL_TRY(call, verb)                                                                                           \
    do {                                                                                                               \
        dnnl_status_t dnnl_code_ = (call);                                                                             \
        if (dnnl_code_ != dnnl_success) {                                                                              \
            status = dnnl_failed(n, verb, dnnl_code_, err);                                                            \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* One primitive with its memory objects. Each run binds the slots to addresses first. */
enum { DNNL_SLOTS = 10 };
typedef struct dnnl_op {
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[DNNL_SLOTS];
    int arg[DNNL_SLOTS];
    int n;
    size_t scratch; /* bytes of the scratchpad, which is the last slot unless this is 0 */
    bool shared;    /* the primitive belongs to another dnnl_op */
} dnnl_op;

/* Returns the layout that a primitive descriptor wants for argument `arg`. */
const_dnnl_memory_desc_t dnnl_wanted(const_dnnl_primitive_desc_t pd, int arg);
/* Makes the primitive. Takes over and destroys the descriptor, also on failure. args: the execution arguments that the
 * caller binds, in order. */
cseg_status dnnl_op_init(dnnl_op *op, cpu_backend *b, const node *n, dnnl_primitive_desc_t pd, const int *args,
                         int n_args, cseg_error *err);
/* Runs the primitive. addresses: n_args of them; scratchpad: op->scratch bytes. */
cseg_status dnnl_op_run(dnnl_op *op, cpu_backend *b, const node *n, void *const *addresses, void *scratchpad,
                        cseg_error *err);
/* Makes an op with the same primitive and memory objects of its own, for another thread; `from` must outlive it. */
cseg_status dnnl_op_share(dnnl_op *op, const dnnl_op *from, cpu_backend *b, const node *n, cseg_error *err);
/* Returns the layout of an argument, which must be one that the caller binds. */
const_dnnl_memory_desc_t dnnl_op_desc(const dnnl_op *op, int arg);
void dnnl_op_release(dnnl_op *op);
/* Makes an attribute that lets the caller give the scratchpad. NULL on failure. */
dnnl_primitive_attr_t dnnl_attr_new(void);
/* Makes a reorder between two layouts of the same tensor. */
cseg_status dnnl_reorder_init(dnnl_op *op, cpu_backend *b, const node *n, const_dnnl_memory_desc_t from,
                              const_dnnl_memory_desc_t to, cseg_error *err);

#endif
