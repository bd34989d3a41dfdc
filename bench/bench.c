/* Times a model as bench/peers of other programs are timed: image in, label map out; or one training step.
 *
 *     bench infer|train CONFIG SIZE [BATCH] [REPEATS] [THREADS] [profile]
 *
 * Prints one line of JSON: seconds a call (minimum and median, after one warm-up) and the process's peak memory.
 * Inference takes a normalised float image [N, SIZE, SIZE, 3] and gives labels [N, SIZE, SIZE]; a step is forward,
 * losses, backward and SGD with momentum. Building the model and the plan are not timed. `profile` adds a table of the
 * plan's steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "engine/build.h"
#include "engine/optim/optimizer.h"
#include "graph/passes/passes.h"
#include "graph/plan.h"

enum { MAX_REPEATS = 1000, CLASSES = 19 };

typedef struct bench {
    const char *mode, *config;
    int64_t size, batch, repeats, threads;
    bool train, profile;
    arena *mem;
    experiment *e;
    model *m;
    backend *b;
    graph *g;
    plan *p;
    optimizer *o;
} bench;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static cseg_status trace(bench *x, unsigned passes, cseg_error *err)
{
    tensor *t;
    x->g = graph_new(x->train);
    if (!x->g)
        return fail_memory(err);
    if (x->train) {
        TRY(model_trace_loss(x->m, x->g, x->batch, x->size, x->size, false, &t, err));
    } else {
        TRY(model_trace_logits(x->m, x->g, x->batch, x->size, x->size, -1, &t, err));
        graph_add_output(x->g, "labels", op_argmax(x->g, t));
    }
    TRY(graph_optimize(x->g, passes, err));
    for (size_t i = 0; x->train && i < x->g->outputs.n; i++)
        if (strcmp(x->g->outputs.at[i].name, "loss") == 0)
            return graph_backward(x->g, x->g->outputs.at[i].value, err);
    return CSEG_OK;
}

static cseg_status prepare(bench *x, cseg_error *err)
{
    static const char *const overrides[] = {"model.pretrained=None"};
    unsigned passes;
    value *sgd;
    TRY(experiment_load(x->config, overrides, 1, x->mem, &x->e, err));
    TRY(build_model(x->e, !x->train, &x->m, err));
    model_init_weights(x->m, 0);
    TRY(build_backend(NULL, (int)x->threads, false, &x->b, err));
    TRY(passes_from_text(getenv("CSEG_PASSES"), &passes, err));
    TRY(trace(x, passes, err));
    if (x->train) {
        TRY(config_parse_literal("dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)", "bench", x->mem, &sgd,
                                 err));
        TRY(optimizer_build(sgd, NULL, x->m, x->mem, &x->o, err));
    }
    return plan_build(x->g, x->b, &x->p, err);
}

static void fill_inputs(bench *x)
{
    float *img = plan_input(x->p, "img", NULL);
    for (int64_t i = 0; i < x->batch * x->size * x->size * x->m->in_channels; i++)
        img[i] = (float)(4.0 * rng_named(1, (uint64_t)i) - 2.0);
    int32_t *label = plan_input(x->p, "gt_semantic_seg", NULL);
    for (int64_t i = 0; label && i < x->batch * x->size * x->size; i++)
        label[i] = (int32_t)(CLASSES * rng_named(2, (uint64_t)i)) % x->m->num_classes;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static cseg_status measure(bench *x, cseg_error *err)
{
    static double took[MAX_REPEATS];
    for (int64_t r = -1; r < x->repeats; r++) {
        if (r == 0)
            plan_profile(x->p, x->profile);
        double begin = seconds();
        TRY(plan_run(x->p, err));
        if (x->o)
            optimizer_step(x->o, 1);
        if (r >= 0)
            took[r] = seconds() - begin;
    }
    qsort(took, (size_t)x->repeats, sizeof *took, by_size);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("{\"mode\": \"%s\", \"config\": \"%s\", \"size\": %lld, \"batch\": %lld, \"threads\": %lld, \"engine\": "
           "\"cseg\", "
           "\"precision\": \"fp32\", \"min_s\": %.5f, \"median_s\": %.5f, \"peak_rss_mib\": %ld, \"plan_mib\": %zu}\n",
           x->mode, x->config, (long long)x->size, (long long)x->batch, (long long)x->threads, took[0],
           took[x->repeats / 2], use.ru_maxrss / 1024, plan_bytes(x->p) >> 20);
    if (x->profile)
        puts(plan_text(x->p, x->mem));
    return CSEG_OK;
}

static int64_t argument(int argc, char **argv, int i, int64_t usual)
{
    return argc > i ? strtoll(argv[i], NULL, 10) : usual;
}

int main(int argc, char **argv)
{
    bench x = {.mode = argc > 1 ? argv[1] : "", .config = argc > 2 ? argv[2] : "", .mem = arena_new()};
    x.train = strcmp(x.mode, "train") == 0;
    x.size = argument(argc, argv, 3, 0);
    x.batch = argument(argc, argv, 4, 1);
    x.repeats = argument(argc, argv, 5, 5);
    x.threads = argument(argc, argv, 6, sysconf(_SC_NPROCESSORS_ONLN));
    x.profile = argc > 7 && strcmp(argv[7], "profile") == 0;
    if (!x.mem || (!x.train && strcmp(x.mode, "infer") != 0) || x.size < 1 || x.batch < 1 || x.repeats < 1 ||
        x.repeats > MAX_REPEATS || x.threads < 1) {
        fprintf(stderr, "usage: bench infer|train CONFIG SIZE [BATCH] [REPEATS] [THREADS] [profile]\n");
        return 2;
    }
    cseg_error err;
    cseg_status status = prepare(&x, &err);
    if (status == CSEG_OK) {
        fill_inputs(&x);
        status = measure(&x, &err);
    }
    if (status != CSEG_OK)
        fprintf(stderr, "bench: %s\n", err.text);
    plan_free(x.p);
    graph_free(x.g);
    backend_free(x.b);
    model_free(x.m);
    arena_free(x.mem);
    return status == CSEG_OK ? 0 : 1;
}
