#include "cli/load_rate.h"

#include <stdio.h>

#include "base/file.h"
#include "base/text.h"
#include "base/usage.h"
#include "engine/verify/parity_values.h"

/* The fields of bench/mmseg_load.py's line. */
static void print_json(const char *config, const bench_load_report *r)
{
    printf("{\"mode\": \"load\", \"config\": ");
    parity_print_string(stdout, config);
    printf(", \"engine\": \"cseg\", \"images\": %lld, \"batch\": %lld, \"threads\": %lld, \"images_per_s\": %.1f, "
           "\"images_per_core_s\": %.1f, \"ms_per_image\": {",
           (long long)r->images, (long long)r->batch, (long long)r->threads, r->images_per_s, r->images_per_core_s);
    for (int i = 0; i < r->steps.n; i++)
        printf("%s\"%s\": %.4f", i ? ", " : "", r->steps.at[i].name, r->steps.at[i].seconds);
    printf("}, \"peak_rss_mib\": %zu}\n", usage_peak_memory() >> 20);
}

static void print_text(const char *config, const bench_load_report *r)
{
    text_fprintf(stdout, "load %s: %lld images in batches of %lld, threads: %lld\n", path_base(config),
                 (long long)r->images, (long long)r->batch, (long long)r->threads);
    printf("rate:  %.1f images/s; %.1f images for a second of one core\n", r->images_per_s, r->images_per_core_s);
    puts("processor time an image, in the transform that needed the work done:");
    for (int i = 0; i < r->steps.n; i++)
        printf("  %-28s %8.3f ms\n", r->steps.at[i].name, r->steps.at[i].seconds);
}

cseg_status load_rate_run(experiment *e, const bench_load_options *options, bool json, cseg_error *err)
{
    bench_load_report r;
    TRY(bench_load(e, options, &r, err));
    if (json)
        print_json(e->path, &r);
    else
        print_text(e->path, &r);
    return CSEG_OK;
}
