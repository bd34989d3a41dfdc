/* What a backend is. It turns each node into a kernel once, when a plan is made; a run decides nothing.
 *
 *     kernel *k;
 *     kernel_setting s = {.weights_fixed = true};
 *     TRY(b->prepare(b, g->nodes.at[0], &s, mem, &k, err));
 *     if (k->naive)
 *         printf("%s has no kernel of its own for this node\n", b->name);
 */
#ifndef GRAPH_BACKEND_H
#define GRAPH_BACKEND_H

#include "graph/graph.h"
#include "graph/predictions.h"
#include "graph/vectors.h"

typedef struct kernel kernel;
struct kernel {
    /* in and out are the node's tensors in memory (NULL where the node has NULL); scratch has `scratch` bytes. */
    cseg_status (*run)(kernel *k, void *const *in, void *const *out, void *scratch, cseg_error *err);
    void (*release)(kernel *k); /* what the arena does not own; may be NULL */
    size_t scratch;
    size_t kept;              /* bytes that the kernel holds itself, for plan_bytes */
    uint32_t read_when_stale; /* bit i: in[i] is read only by runs that find `stale` set, so its memory may be used for
                                 something else in the runs between */
    int in_place;             /* out[0] may share memory with in[in_place], if nobody else reads that later; -1: no */
    bool naive;               /* the backend has no kernel of its own for the node: right, and slow */
    bool stale;               /* set by the plan when parameters may have changed (before the first run, and at each
                                 plan_weights_changed): what the kernel derived from them must be made anew. The kernel clears it */
};

/* What a plan promises to its kernels. */
typedef struct kernel_setting {
    bool weights_fixed; /* parameters change only where `stale` says so: what is derived from them may be kept */
} kernel_setting;

/* How a node's float tensor may lie in memory. Float32 is the rule; a backend that computes in bf16 says for which
 * tensors of a node its kernel takes bfloat16. */
typedef enum { PORT_F32, PORT_EITHER, PORT_BF16 } port;

/* The memory that kernels and vector functions work on. Its addresses are the backend's: the host adds to them and
 * hands them back; it reads and writes there only if `of_host`. A backend has one stream: all that is asked of it
 * (these calls, kernels' runs, vector functions, predictions) is done in the order in which it was asked for, and may
 * go on after the call has returned, but for alloc, get and synchronise, which wait. What fails meanwhile is told by
 * the next of the latter two. Where two backends of one kind work on the same memory (training and validation in two
 * precisions), one is synchronised before the other goes on. */
typedef struct memory_calls {
    bool of_host;
    void *(*alloc)(backend *b, size_t bytes, bool zeroed); /* aligned to 64 bytes, never empty. NULL: out of memory */
    void (*free)(backend *b, void *at);                    /* NULL is fine */
    void (*set)(backend *b, void *to, const void *from, size_t bytes); /* from the host; the call is done with `from` */
    cseg_status (*get)(backend *b, void *to, const void *from, size_t bytes, cseg_error *err); /* to the host */
    void (*copy)(backend *b, void *to, const void *from, size_t bytes);                        /* within it; apart */
    void (*fill)(backend *b, void *at, uint8_t byte, size_t bytes);
    cseg_status (*synchronise)(backend *b, cseg_error *err);
} memory_calls;

struct backend {
    const char *name;
    const memory_calls *memory;
    const vector_calls *vectors;
    const prediction_calls *predictions;
    /* Called on the thread that builds or runs a plan, before it does: what belongs to a thread (the number of its
     * helpers) is set here. May be NULL. */
    void (*enter)(backend *b);
    /* A kernel for the node, in `mem` (the plan's arena), usually a struct that starts with `kernel`. */
    cseg_status (*prepare)(backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                           cseg_error *err);
    /* Input k of the node, or (is_output) its output k: which type its kernel takes. NULL: the backend computes in
     * float32 alone, else graphs come through graph_bf16 (passes.h). A reshape's two must be the same. */
    port (*port_of)(const backend *b, const node *n, bool is_output, int k);
    void (*release)(backend *b);
};

/* The host's memory, for backends that work there. */
extern const memory_calls host_memory;
/* A backend of memory and plain functions alone, for what needs no kernels: models that are only looked at. */
backend *backend_host(void);

#endif
