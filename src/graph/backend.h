/* The interface of a backend. When a plan is made, the backend prepares a kernel for each node. A run decides nothing.
 *
 *     kernel *k;
 *     kernel_setting s = {.fixed = 1u << 1};
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
    /* Runs the node. in and out are its tensors in memory (NULL where the node has NULL); scratch has `scratch`
     * bytes. */
    cseg_status (*run)(kernel *k, void *const *in, void *const *out, void *scratch, cseg_error *err);
    void (*release)(kernel *k); /* frees what the arena does not own; may be NULL */
    size_t scratch;
    size_t kept;              /* bytes that the kernel keeps itself, counted by plan_bytes */
    uint32_t read_when_stale; /* bit i: only runs with `stale` set read in[i], so its memory may be used for something
                                 else in other runs */
    int in_place;             /* out[0] may use the memory of in[in_place] if nothing else reads that later; -1: no */
    bool naive; /* the naive backend's kernel, because this backend has none for the node: correct, but slow */
    bool stale; /* The plan sets it when parameters may have changed (before the first run and after
                   plan_weights_changed). The kernel then derives anew what it keeps of them, and clears it */
};

/* What a plan promises its kernels. */
typedef struct kernel_setting {
    uint32_t fixed; /* bit i: in[i] follows from parameters alone, and changes only before runs with `stale` set: the
                       kernel may keep what it derives from it */
} kernel_setting;

/* The type in which a node's float tensor may be stored. Float32 is the default; a backend that computes in bfloat16
 * says which tensors of a node its kernel takes as bfloat16. */
typedef enum { PORT_F32, PORT_EITHER, PORT_BF16 } port;

/* The memory that kernels and vector functions work on. Its addresses are the backend's: the host adds to them and
 * hands them back; it reads and writes there only if `of_host`. A backend has one stream: all that is asked of it
 * (these calls, kernels' runs, vector functions, predictions) is done in the order in which it was asked for, and may
 * go on after the call has returned, but for alloc, get and synchronise, which wait. What fails meanwhile is told by
 * the next of the latter two. Where two backends of one kind work on the same memory (training and validation in two
 * precisions), one is synchronised before the other goes on. */
typedef struct memory_calls {
    bool of_host;
    void *(*alloc)(backend *b, size_t bytes, bool zeroed); /* aligned to 64 bytes, at least one. NULL: out of memory */
    void (*free)(backend *b, void *at);                    /* `at` may be NULL */
    void (*set)(backend *b, void *to, const void *from, size_t bytes); /* from the host; done with `from` at return */
    cseg_status (*get)(backend *b, void *to, const void *from, size_t bytes, cseg_error *err); /* copies to the host */
    void (*copy)(backend *b, void *to, const void *from, size_t bytes); /* within it, without overlap */
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
    /* Makes a kernel for the node in `mem` (the plan's arena), usually a struct that begins with `kernel`. */
    cseg_status (*prepare)(backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                           cseg_error *err);
    /* Returns the type that the kernel takes for input k of the node or, if is_output, for output k. NULL: the backend
     * computes in float32 only; if not NULL, graph_bf16 (passes.h) assigns the types. The input and output of a reshape
     * must have the same type. */
    port (*port_of)(const backend *b, const node *n, bool is_output, int k);
    void (*release)(backend *b);
};

/* Host memory, for backends that compute there. */
extern const memory_calls host_memory;
/* A backend of memory and plain functions alone, for what needs no kernels: models that are only looked at. */
backend *backend_host(void);

#endif
