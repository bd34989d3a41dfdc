/* The interface of a backend. When a plan is made, the backend prepares a kernel for each node. A run decides nothing.
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
    bool weights_fixed; /* parameters change only before runs with `stale` set: the kernel may keep what it derives from
                           them */
} kernel_setting;

/* The type in which a node's float tensor may be stored. Float32 is the default; a backend that computes in bfloat16
 * says which tensors of a node its kernel takes as bfloat16. */
typedef enum { PORT_F32, PORT_EITHER, PORT_BF16 } port;

/* The memory that kernels and vector functions work on. Its addresses belong to the backend: the host may add offsets
 * and pass them back, and may read and write there only if `of_host` is set. A backend has one stream: these calls,
 * runs of kernels and vector functions are carried out in the order of the calls. They may still be running when a call
 * returns; only alloc, get and synchronise wait. The next get or synchronise reports an error of an earlier call. If
 * two backends of one kind use the same memory (training and validation in two precisions), synchronise one before the
 * other continues. */
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
    /* Called on a thread before it builds or runs a plan. Sets what belongs to a thread (the number of its helpers).
     * May be NULL. */
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
/* Returns a backend with host memory and plain vector functions but no kernels, for models that are only inspected. */
backend *backend_host(void);

#endif
