/* Measures the rate of bfloat16 products by one of oneDNN's matrix products in the caches of each core, because AMX's
 * tiles can be reached through oneDNN alone. */
#include "backend/cpu/peak_bf16.h"

#include <dnnl.h>
#include <omp.h>
#include <time.h>

#include "backend/backends.h"
#include "base/arena.h"

enum { ROWS = 1024, INNER = 512, COLUMNS = 256, CALLS = 20, TRIALS = 8 };
enum { SRC, WEIGHTS, DST, SCRATCHPAD, ARGUMENTS };

typedef struct product {
    dnnl_engine_t engine;
    dnnl_memory_desc_t asked[SCRATCHPAD];     /* of source, weights and destination; the weights' layout is free */
    const_dnnl_memory_desc_t used[ARGUMENTS]; /* owned by pd */
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
} product;

#define FAILS(call) ((call) != dnnl_success)

/* The caller gives the scratchpad: oneDNN's own belongs to the thread that made the primitive. */
static bool make(product *p)
{
    static const dnnl_query_t queries[ARGUMENTS] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
                                                    dnnl_query_scratchpad_md};
    dnnl_memory_desc_t *d = p->asked;
    if (FAILS(dnnl_engine_create(&p->engine, dnnl_cpu, 0)) || FAILS(dnnl_primitive_attr_create(&p->attr)) ||
        FAILS(dnnl_primitive_attr_set_scratchpad_mode(p->attr, dnnl_scratchpad_mode_user)) ||
        FAILS(dnnl_memory_desc_create_with_tag(&d[SRC], 2, (dnnl_dims_t){ROWS, INNER}, dnnl_bf16, dnnl_ab)) ||
        FAILS(dnnl_memory_desc_create_with_tag(&d[WEIGHTS], 2, (dnnl_dims_t){INNER, COLUMNS}, dnnl_bf16,
                                               dnnl_format_tag_any)) ||
        FAILS(dnnl_memory_desc_create_with_tag(&d[DST], 2, (dnnl_dims_t){ROWS, COLUMNS}, dnnl_f32, dnnl_ab)) ||
        FAILS(dnnl_matmul_primitive_desc_create(&p->pd, p->engine, d[SRC], d[WEIGHTS], NULL, d[DST], p->attr)) ||
        FAILS(dnnl_primitive_create(&p->primitive, p->pd)))
        return false;
    for (int i = 0; i < ARGUMENTS; i++) {
        p->used[i] = dnnl_primitive_desc_query_md(p->pd, queries[i], 0);
        if (!p->used[i])
            return false;
    }
    return true;
}

static void release(product *p)
{
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    if (p->pd)
        dnnl_primitive_desc_destroy(p->pd);
    for (int i = 0; i < SCRATCHPAD; i++)
        if (p->asked[i])
            dnnl_memory_desc_destroy(p->asked[i]);
    if (p->attr)
        dnnl_primitive_attr_destroy(p->attr);
    if (p->engine)
        dnnl_engine_destroy(p->engine);
}

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Operations a second of processor time of the calling thread, the best of the trials; 0: oneDNN failed. */
static double rate_of_thread(const product *p)
{
    static const int names[ARGUMENTS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    dnnl_stream_t stream = NULL;
    dnnl_exec_arg_t args[ARGUMENTS] = {{0}};
    double best = 0.0;
    bool good = !FAILS(dnnl_stream_create(&stream, p->engine, dnnl_stream_default_flags));
    for (int i = 0; i < ARGUMENTS && good; i++) {
        args[i].arg = names[i];
        good = !FAILS(dnnl_memory_create(&args[i].memory, p->used[i], p->engine, DNNL_MEMORY_ALLOCATE));
    }
    for (int trial = -1; trial < TRIALS && good; trial++) { /* the first one warms up */
        double begin = processor_seconds();
        for (int i = 0; i < CALLS && good; i++)
            good = !FAILS(dnnl_primitive_execute(p->primitive, stream, ARGUMENTS, args));
        good = good && !FAILS(dnnl_stream_wait(stream));
        double rate = 2.0 * ROWS * INNER * COLUMNS * CALLS / (processor_seconds() - begin);
        best = trial >= 0 && rate > best ? rate : best;
    }
    for (int i = 0; i < ARGUMENTS; i++)
        if (args[i].memory)
            dnnl_memory_destroy(args[i].memory);
    if (stream)
        dnnl_stream_destroy(stream);
    return good ? best : 0.0;
}

cseg_status peak_bf16(int threads, double *flops, cseg_error *err)
{
    product p = {0};
    double sum = 0.0;
    int failures = 0, usual = omp_get_max_threads();
    *flops = 0.0;
    if (!backend_cpu_has_bf16())
        return CSEG_OK;
    omp_set_num_threads(1); /* oneDNN cuts the product for this many threads */
    bool made = make(&p);
    omp_set_num_threads(usual);
#pragma omp parallel num_threads(threads) reduction(+ : sum, failures) if (made)
    {
        double rate = made ? rate_of_thread(&p) : 0.0;
        sum += rate;
        failures += rate <= 0.0;
    }
    release(&p);
    if (failures)
        return fail(err, CSEG_UNSUPPORTED, "oneDNN cannot do the matrix product that bf16's peak is measured by");
    *flops = sum;
    return CSEG_OK;
}
