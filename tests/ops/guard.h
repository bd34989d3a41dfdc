/* Memory that detects reads and writes outside of it.
 *
 *     TRY(plan_build(g, b, &p, err));
 *     TRY(guard_plan(p, err));     kernels now run in guarded memory
 *     TRY(plan_run(p, err));       CSEG_CORRUPT: "case, op conv2d: byte 3 behind its scratch was written"
 *
 * After a block, at the next multiple of 64 bytes, begins a protected page, and there is one before the block's pages;
 * an access to them ends the program with a message. The bytes between are canaries. They are NaNs, so a read shows in
 * the results, and a write is reported. */
#ifndef OPS_GUARD_H
#define OPS_GUARD_H

#include "base/error.h"
#include "graph/plan.h"

typedef struct guard_block {
    char *map, *data; /* map: the page before the block; data: aligned to 64 bytes */
    size_t map_bytes, bytes;
    const char *what;
} guard_block;

/* Allocates a block. `what` is named in messages, and must outlive the block. false: out of memory. */
bool guard_open(guard_block *b, size_t bytes, const char *what);
void guard_close(guard_block *b);
/* Fills the block with NaNs, for memory that a kernel must write before it reads. */
void guard_fill(guard_block *b);
/* Sets how the block may be accessed: PROT_READ and the like. */
void guard_protect(guard_block *b, int protection);
/* Checks the canaries before and after the block. CSEG_CORRUPT: one was written; the message begins with `name`. */
cseg_status guard_check(const guard_block *b, const char *name, cseg_error *err);

/* Switches guards on for memory that mem_alloc returns from now on (which kernels keep). mem_free checks them and ends
 * the program if they were written; blocks that are never freed end it too. */
void guard_allocations(bool on);

/* Gives every kernel of the plan inputs, outputs and scratch in blocks of their own. Inputs may be read only (but for
 * parameters of a node with an effect, as running statistics are); inputs that are read_when_stale may not be touched
 * by other runs. An output in place stays in place. Runs copy to and fro, and do not allocate.
 * Does nothing for a backend whose memory is not the host's. */
cseg_status guard_plan(plan *p, cseg_error *err);

#endif
