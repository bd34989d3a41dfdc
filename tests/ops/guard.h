/* Memory that tells what is read or written outside of it.
 *
 *     TRY(plan_build(g, b, &p, err));
 *     TRY(guard_plan(p, err));     kernels now run in guarded memory
 *     TRY(plan_run(p, err));       CSEG_CORRUPT: "case, op conv2d: byte 3 behind its scratch was written"
 *
 * Behind a block, at the next multiple of 64 bytes, begins a page that cannot be touched, and one lies in front of the
 * block's pages; a touch ends the program with a message. The bytes between are canaries: NaNs, so that one that is
 * read shows in the results, and one that is written is told. */
#ifndef OPS_GUARD_H
#define OPS_GUARD_H

#include "base/error.h"
#include "graph/plan.h"

typedef struct guard_block {
    char *map, *data; /* map: the page in front; data: aligned to 64 bytes */
    size_t map_bytes, bytes;
    const char *what;
} guard_block;

/* `what` is named in messages, and must stay. False: out of memory. */
bool guard_open(guard_block *b, size_t bytes, const char *what);
void guard_close(guard_block *b);
/* Fills the block with NaNs: for what a kernel has to write before it reads. */
void guard_fill(guard_block *b);
/* What may be done with the block: PROT_READ and the like. */
void guard_protect(guard_block *b, int protection);
/* Canaries in front of the block and behind it. CSEG_CORRUPT: which was written; `name` goes in front. */
cseg_status guard_check(const guard_block *b, const char *name, cseg_error *err);

/* Whether what mem_alloc gives from now on (what kernels keep) is guarded too; checked by mem_free, which ends the
 * program, as do blocks that nobody has freed in the end. */
void guard_allocations(bool on);

/* Gives every kernel of the plan inputs, outputs and scratch in blocks of their own. Inputs may be read only (but for
 * parameters of a node with an effect, as running statistics are); inputs that are read_when_stale may not be touched
 * by other runs. An output in place stays in place. Runs copy to and fro, and do not allocate.
 * Does nothing for a backend whose memory is not the host's. */
cseg_status guard_plan(plan *p, cseg_error *err);

#endif
