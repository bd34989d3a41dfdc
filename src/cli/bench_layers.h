/* The table of `cseg bench --layers`: where a call's time goes, and how near each layer comes to the machine's peak.
 *
 *     layers table;
 *     TRY(layers_collect(timing, result, peak, LAYERS_BY_KIND, mem, &table, err));
 *     layers_print(&table, 80, stdout);
 */
#ifndef CLI_BENCH_LAYERS_H
#define CLI_BENCH_LAYERS_H

#include <stdio.h>

#include "backend/peak.h"
#include "engine/verify/bench.h"

typedef enum {
    LAYERS_BY_STEP,  /* each step of the plan */
    LAYERS_BY_KIND,  /* steps of the same op and shapes together */
    LAYERS_BY_MODULE /* steps of the same module of the model together, forward and backward */
} layers_by;

typedef struct layer {
    const char *name;
    int count;             /* steps */
    double seconds, share; /* share of the sum of all rows, 0 to 1 */
    double flops, bytes;   /* node_multiply_adds twice, node_bytes */
    double ideal;          /* seconds at the machine's peak: by flops or by bandwidth, whichever is longer */
    bool by_bandwidth;     /* that it was bandwidth */
} layer;
typedef struct layers {
    VEC(layer) rows; /* sorted by time; the optimizer is a row too */
    double seconds;  /* the sum of the rows. On a busy machine it is below the fastest call, because each step was
                        fastest in another call */
} layers;

/* Collects the fastest run of each step from the profiled runs. All in `mem`. */
cseg_status layers_collect(const bench *b, const bench_result *r, const cpu_peak *peak, layers_by by, arena *mem,
                           layers *out, cseg_error *err);
/* Prints at most `width` columns, 80 at least. If there are many rows, prints the first ones and the sum of the others.
 */
void layers_print(const layers *l, int width, FILE *out);
/* [{"layer": ..., "steps": ..., "ms": ..., "share": ..., "gflop": ..., "mib": ..., "of_peak": ...}, ...], all rows */
void layers_print_json(const layers *l, FILE *out);

#endif
