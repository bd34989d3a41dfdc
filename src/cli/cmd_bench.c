/* cseg bench: seconds a call, memory, and where the time goes. */
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/bench_layers.h"
#include "cli/common.h"
#include "cli/load_rate.h"
#include "cli/terminal.h"
#include "engine/verify/parity_values.h"
#include "graph/work.h"

typedef struct bench_args {
    str_list cfg_options;
    int64_t size, batch, repeat, threads, classes, images;
    const char *precision, *layers;
    bool json;
} bench_args;

/* One run of the command. */
typedef struct bencher {
    const bench_args *o;
    const char *mode, *config;
    arena *mem;
    bench_options how;
    bench *b;
    bench_result result;
    cpu_peak peak; /* --layers; so below */
    layers rows;
} bencher;

static int64_t given(int64_t v, int64_t usual)
{
    return v ? v : usual;
}

static cseg_status load(bencher *x, experiment **out, cseg_error *err)
{
    value *cfg;
    TRY(common_config(x->config, &x->o->cfg_options, x->mem, &cfg, err));
    if (x->o->classes)
        TRY(bench_set_classes(cfg, x->o->classes, x->mem, err));
    return experiment_read(cfg, x->config, x->mem, out, err);
}

static cseg_status measure(bencher *x, cseg_error *err)
{
    TRY(bench_run(x->b, &x->result, err));
    if (!x->o->layers)
        return CSEG_OK;
    layers_by by = strcmp(x->o->layers, "modules") == 0 ? LAYERS_BY_MODULE
                   : strcmp(x->o->layers, "kinds") == 0 ? LAYERS_BY_KIND
                                                        : LAYERS_BY_STEP;
    TRY(cpu_peak_measure(bench_threads(x->b), &x->peak, err));
    return layers_collect(x->b, &x->result, &x->peak, by, x->mem, &x->rows, err);
}

/* The fields of the lines that bench/compare.py's peers print, and more. */
static void print_json(const bencher *x)
{
    const bench_result *r = &x->result;
    printf("{\"mode\": \"%s\", \"config\": ", x->mode);
    parity_print_string(stdout, x->config);
    printf(", \"size\": %lld, \"batch\": %lld, \"threads\": %d, \"engine\": \"cseg\", \"precision\": \"%s\", "
           "\"min_s\": %.5f, \"median_s\": %.5f, \"peak_rss_mib\": %lld, \"plan_mib\": %zu, \"build_s\": %.3f",
           (long long)x->how.size, (long long)x->how.batch, bench_threads(x->b), x->how.bf16 ? "bf16" : "fp32",
           r->fastest, r->median, (long long)(r->peak_rss >> 20), plan_bytes(bench_plan(x->b)) >> 20, r->build);
    if (x->o->layers) {
        printf(", \"isa\": \"%s\", \"peak_gflops\": %.1f, \"peak_bf16_gflops\": %.1f, \"peak_gbs\": %.2f, \"layers\": ",
               x->peak.isa, x->peak.flops / 1e9, x->peak.bf16 / 1e9, x->peak.bytes / 1e9);
        layers_print_json(&x->rows, stdout);
    }
    puts("}");
}

static double flops_of(const plan *p)
{
    double flops = 0.0;
    for (size_t i = 0; i < plan_step_count(p); i++) {
        plan_step s = plan_step_at(p, i);
        if (!s.fixed)
            flops += 2.0 * node_multiply_adds(s.node);
    }
    return flops;
}

static void print_text(const bencher *x)
{
    const bench_result *r = &x->result;
    const plan *p = bench_plan(x->b);
    double flops = flops_of(p);
    text_fprintf(stdout, "%s %s: %lld x %lld x %lld, %s, threads: %d\n", x->mode, path_base(x->config),
                 (long long)x->how.batch, (long long)x->how.size, (long long)x->how.size, x->how.bf16 ? "bf16" : "fp32",
                 bench_threads(x->b));
    printf("time:    %.4f s at least, %.4f s in the median of %lld; %.2f images/s\n", r->fastest, r->median,
           (long long)x->how.repeat, (double)x->how.batch / r->fastest);
    printf("work:    %.1f GFLOP, %.1f GFLOP/s\n", flops / 1e9, flops / 1e9 / r->fastest);
    printf("memory:  %lld MiB of the process at most, %zu MiB planned\n", (long long)(r->peak_rss >> 20),
           plan_bytes(p) >> 20);
    printf("start:   model and plan in %.3f s, first call %.3f s\n", r->build, r->warm_up);
    if (!x->o->layers)
        return;
    printf("layers:  %.4f s, each at its fastest\n", x->rows.seconds);
    printf("machine: %.1f GFLOP/s (%s), ", x->peak.flops / 1e9, x->peak.isa);
    if (x->how.bf16)
        printf("%.1f in bf16, ", x->peak.bf16 / 1e9);
    printf("%.1f GB/s, measured\n\n", x->peak.bytes / 1e9);
    layers_print(&x->rows, terminal_width(), stdout);
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const bench_args *o = options;
    bencher x = {.o = o, .mode = args->at[0], .config = args->at[1], .mem = mem};
    x.how = (bench_options){.train = strcmp(x.mode, "train") == 0,
                            .bf16 = common_is_bf16(o->precision),
                            .profile = o->layers != NULL,
                            .size = given(o->size, 512),
                            .batch = given(o->batch, 1),
                            .repeat = given(o->repeat, 5),
                            .threads = (int)o->threads};
    bool loads = strcmp(x.mode, "load") == 0;
    if (!x.how.train && !loads && strcmp(x.mode, "infer") != 0)
        return fail(err, CSEG_USAGE, "cseg bench measures infer, train or load, not '%s'", x.mode);
    if (loads && (o->size || o->batch || o->classes || o->precision || o->layers))
        return fail(err, CSEG_USAGE, "cseg bench load takes the config's sizes; give --images, --repeat and --threads");
    if (!loads && o->images)
        return fail(err, CSEG_USAGE, "--images is for load");
    experiment *e;
    TRY(load(&x, &e, err));
    if (loads)
        return load_rate_run(e, &(bench_load_options){o->images, o->repeat, o->threads}, o->json, err);
    TRY(bench_open(e, &x.how, &x.b, err));
    cseg_status status = measure(&x, err);
    if (status == CSEG_OK && o->json)
        print_json(&x);
    else if (status == CSEG_OK)
        print_text(&x);
    bench_close(x.b);
    return status;
}

static const cli_option options[] = {
    {.names = "--size",
     .type = O_INT,
     .offset = offsetof(bench_args, size),
     .value = "S",
     .min = 1,
     .max = 65536,
     .about = "height and width of the images (default 512)"},
    {.names = "--batch",
     .type = O_INT,
     .offset = offsetof(bench_args, batch),
     .min = 1,
     .max = 4096,
     .about = "images a call (default 1)"},
    {.names = "--repeat",
     .type = O_INT,
     .offset = offsetof(bench_args, repeat),
     .min = 1,
     .max = 1e6,
     .about = "calls that are timed, after one that is not (default 5)"},
    {.names = "--precision",
     .type = O_STR,
     .offset = offsetof(bench_args, precision),
     .choices = "fp32|bf16",
     .about = "what convolutions and matrix products compute in (default fp32)"},
    OPTION_THREADS(bench_args),
    {.names = "--images",
     .type = O_INT,
     .offset = offsetof(bench_args, images),
     .min = 1,
     .max = 1e9,
     .about = "load: images that are loaded each time (default: the dataset's)"},
    {.names = "--classes",
     .type = O_INT,
     .offset = offsetof(bench_args, classes),
     .value = "K",
     .min = 1,
     .max = 65535,
     .about = "num_classes of the heads, instead of the config's"},
    {.names = "--json",
     .type = O_FLAG,
     .offset = offsetof(bench_args, json),
     .about = "print one line of JSON; with --layers it holds all of them"},
    {.names = "--layers",
     .type = O_MAYBE,
     .offset = offsetof(bench_args, layers),
     .value = "BY",
     .choices = "steps|kinds|modules",
     .about = "tell where the time goes, by steps (default), by steps of the same shapes, or by the model's modules"},
    OPTION_CFG(bench_args),
    OPTIONS_END,
};
const cli_command command_bench = {
    .name = "bench",
    .arguments = "infer|train|load CONFIG",
    .about = "time a model: label maps from images, or training steps; or the loading of its images",
    .details =
        "infer: a normalised image in, its label map out. train: forward, losses, backward and a step of SGD. Weights "
        "and images are made up, nothing is loaded.\n"
        "load: the training images, decoded, augmented and packed into batches by --threads threads (default 1); the "
        "fastest of --repeat rounds (default 3) counts. bench/mmseg_load.py measures the reference's pipeline.\n"
        "The columns of --layers: the layer's fastest time, its share of the sum, the work as if convolutions "
        "were done directly (so a faster algorithm can exceed the peak), the rate, and how near that comes to what "
        "this machine can do: multiply-adds in registers, or memory traffic, whichever limits the layer. The command "
        "measures both. What stays in the caches can exceed the bandwidth of memory.",
    .min_args = 2,
    .max_args = 2,
    .computes = true,
    .options = options,
    .size = sizeof(bench_args),
    .run = run,
};
