/* With `deterministic`, every kernel gives the same bits for any number of threads: each op case, and convolutions as
 * ResNet's and HRNet's are, forward and backward, in float32 and in bfloat16, with 1 thread against 2 to 16, which are
 * more than most machines have cores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "run.h"

#include <cmocka.h>

enum { MOST = 16, GUARDED = 3 };    /* GUARDED: threads, beside 1, of runs in guarded memory */
static bool in_bf16;                /* the backends compute in it */
static backend *backends[MOST + 1]; /* by threads; [0] is none */

static tensor *conv(graph *g, tensor *const *in, const op_case *c)
{
    return op_conv2d(g, in[0], in[1], in[2], c->attr.conv);
}

static tensor *transposed(graph *g, tensor *const *in, const op_case *c)
{
    return op_conv_transpose2d(g, in[0], in[1], in[2], c->attr.conv);
}

static tensor *product(graph *g, tensor *const *in, const op_case *c)
{
    return op_matmul(g, in[0], in[1], c->n[0], c->n[1]);
}

/* clang-format off */
#define CONV(s, p, d, g) .attr = {.conv = {.stride = {s, s}, .pad = {p, p}, .dilation = {d, d}, .groups = g}}
#define UP(s, p, more)                                                                        \
    .attr = {.conv = {.stride = {s, s}, .pad = {p, p}, .output_pad = {more, more}, .dilation = {1, 1}, .groups = 1}}

static const op_case cases[] = {
    {"ResNet's stem", conv, CONV(2, 3, 1, 1), {{"2,49,51,3", .fixed = true}, {"64,3,7,7"}}},
    {"ResNetV1c's stem", conv, CONV(2, 1, 1, 1), {{"3,64,48,3", .fixed = true}, {"32,3,3,3"}}},
    {"a stem of ten channels", conv, CONV(2, 3, 1, 1), {{"2,40,41,10"}, {"24,10,7,7"}, {"24"}}},
    {"3x3, stride 2, of a bottleneck", conv, CONV(2, 1, 1, 1), {{"2,32,33,64"}, {"64,64,3,3"}}},
    {"3x3, stride 2, to few channels", conv, CONV(2, 1, 1, 1), {{"2,48,40,64"}, {"9,64,3,3"}}},
    {"3x3, stride 2, of HRNet-W18", conv, CONV(2, 1, 1, 1), {{"3,33,34,18"}, {"36,18,3,3"}}},
    {"3x3, stride 2, of 200 channels", conv, CONV(2, 1, 1, 1), {{"2,16,17,200"}, {"72,200,3,3"}}},
    {"3x3 of 9 channels", conv, CONV(1, 1, 1, 1), {{"2,40,41,9"}, {"9,9,3,3"}}},
    {"3x3 of 18 channels", conv, CONV(1, 1, 1, 1), {{"3,40,41,18"}, {"18,18,3,3"}}},
    {"3x3 of 144 channels", conv, CONV(1, 1, 1, 1), {{"2,12,10,144"}, {"144,144,3,3"}}},
    {"3x3 with a bias", conv, CONV(1, 1, 1, 1), {{"2,31,29,40"}, {"21,40,3,3"}, {"21"}}},
    {"3x3, dilation 2, of 12 channels", conv, CONV(1, 2, 2, 1), {{"2,33,31,12"}, {"40,12,3,3"}}},
    {"3x3, dilation 4, with a bias", conv, CONV(1, 4, 4, 1), {{"2,33,31,32"}, {"32,32,3,3"}, {"32"}}},
    {"3x3, dilation 4, of 96 channels", conv, CONV(1, 4, 4, 1), {{"1,33,31,96"}, {"96,96,3,3"}}},
    {"3x3, dilation 24 on a small map", conv, CONV(1, 24, 24, 1), {{"2,17,15,64"}, {"32,64,3,3"}}},
    {"3x3, stride 2, dilation 2", conv, CONV(2, 2, 2, 1), {{"2,33,31,48"}, {"64,48,3,3"}}},
    {"1x1 of a bottleneck", conv, CONV(1, 0, 1, 1), {{"2,33,31,64"}, {"256,64,1,1"}}},
    {"1x1, back", conv, CONV(1, 0, 1, 1), {{"3,21,31,256"}, {"64,256,1,1"}}},
    {"1x1 of HRNet's head", conv, CONV(1, 0, 1, 1), {{"2,32,30,270"}, {"270,270,1,1"}, {"270"}}},
    {"1x1 to 19 classes", conv, CONV(1, 0, 1, 1), {{"2,32,30,270"}, {"19,270,1,1"}, {"19"}}},
    {"1x1, stride 2", conv, CONV(2, 0, 1, 1), {{"2,33,31,64"}, {"128,64,1,1"}}},
    {"1x1, stride 2, even map, 20 channels", conv, CONV(2, 0, 1, 1), {{"2,32,34,20"}, {"40,20,1,1"}}},
    {"1x1, stride 3, padding 1", conv, CONV(3, 1, 1, 1), {{"1,32,34,20"}, {"40,20,1,1"}}},
    {"1x1 on pooled maps", conv, CONV(1, 0, 1, 1), {{"3,6,6,512"}, {"128,512,1,1"}}},
    {"3x3 in 32 groups", conv, CONV(1, 1, 1, 32), {{"2,24,23,128"}, {"128,4,3,3"}}},
    {"3x3 in 32 groups, stride 2", conv, CONV(2, 1, 1, 32), {{"2,24,23,256"}, {"256,8,3,3"}}},
    {"3x3 in 4 groups, dilation 2, bias", conv, CONV(1, 2, 2, 4), {{"3,24,23,20"}, {"36,5,3,3"}, {"36"}}},
    {"3x3 transposed, of ERFNet", transposed, UP(2, 1, 1), {{"2,33,31,128"}, {"128,64,3,3"}, {"64"}}},
    {"3x3 transposed, to few channels", transposed, UP(2, 1, 1), {{"2,66,62,64"}, {"64,16,3,3"}, {"16"}}},
    {"4x4 transposed, of UNet", transposed, UP(2, 1, 0), {{"2,24,23,96"}, {"96,48,4,4"}, {"48"}}},
    {"2x2 transposed", transposed, UP(2, 0, 0), {{"2,24,23,96"}, {"96,48,2,2"}, {"48"}}},
    {"3x3 depthwise", conv, CONV(1, 1, 1, 96), {{"2,70,71,96"}, {"96,1,3,3"}}},
    {"3x3 depthwise, dilation 12", conv, CONV(1, 12, 12, 120), {{"2,64,62,120"}, {"120,1,3,3"}}},
    {"3x3 depthwise, stride 2, odd channels", conv, CONV(2, 1, 1, 37), {{"3,170,171,37"}, {"37,1,3,3"}, {"37"}}},
    {"5x5, stride 2", conv, CONV(2, 2, 1, 1), {{"2,33,31,24"}, {"48,24,5,5"}, {"48"}}},
    {"4x4, stride 4: patches", conv, CONV(4, 0, 1, 1), {{"2,64,66,3"}, {"96,3,4,4"}, {"96"}}},
    {"a padding beyond the kernel", conv, CONV(2, 5, 1, 1), {{"2,21,20,12"}, {"16,12,3,3"}, {"16"}}},
    {"a stride beyond the kernel", conv, CONV(5, 0, 1, 1), {{"2,41,43,12"}, {"16,12,3,3"}, {"16"}}},
    {"3x1", conv, .attr = {.conv = {.stride = {1, 1}, .pad = {1, 0}, .dilation = {1, 1}, .groups = 1}},
     {{"2,30,31,32"}, {"64,32,3,1"}}},
    {"1x3 with a bias", conv, .attr = {.conv = {.stride = {1, 1}, .pad = {0, 1}, .dilation = {1, 1}, .groups = 1}},
     {{"2,34,61,64"}, {"64,64,1,3"}, {"64"}}},
    {"1x3, dilation 8, of 128 channels", conv, .attr = {.conv = {.stride = {1, 1}, .pad = {0, 8}, .dilation = {1, 8},
     .groups = 1}}, {{"2,23,64,128"}, {"128,128,1,3"}}},
    {"3x1 of 32 channels", conv, .attr = {.conv = {.stride = {1, 1}, .pad = {1, 0}, .dilation = {1, 1}, .groups = 1}},
     {{"2,64,63,32"}, {"32,32,3,1"}, {"32"}}},
    {"a product of tokens", product, .in = {{"2,300,96"}, {"96,200"}}},
    {"products of attention", product, .in = {{"6,190,32"}, {"6,190,32"}}, .n = {0, 1}},
    {"products of attention, turned", product, .in = {{"6,190,64"}, {"6,190,32"}}, .n = {1, 0}},
};
/* clang-format on */

static cseg_status run_with(case_run *r, const op_case *c, int threads, bool train, cseg_error *err)
{
    backend *b = backends[threads];
    bool guarded = threads == 1 || threads == GUARDED;
    TRY(guarded ? case_open(r, c, c->trace, b, train, err) : case_open_bare(r, c, b, train, err));
    case_set(r, 0);
    return plan_run(r->p, err);
}

/* Inexact sums: what is added in another order has other bits. */
static op_case of_fractions(const op_case *from)
{
    op_case c = *from;
    c.as_maps = in_bf16;
    for (int i = 0; i < CASE_INPUTS; i++)
        if (c.in[i].holds == HOLDS_INTS)
            c.in[i].holds = HOLDS_FRACTIONS;
    return c;
}

static void check_mode(const op_case *of, bool train)
{
    op_case c = of_fractions(of);
    case_run one = {0};
    cseg_error err;
    if (run_with(&one, &c, 1, train, &err) != CSEG_OK)
        fail_msg("%s: %s", c.name, err.text);
    for (int threads = 2; threads <= MOST; threads++) {
        case_run many = {0};
        case_result x, y;
        if (run_with(&many, &c, threads, train, &err) != CSEG_OK)
            fail_msg("%s: %s", c.name, err.text);
        for (size_t i = 0; case_get(&one, i, &x) && case_get(&many, i, &y); i++)
            if (memcmp(x.data, y.data, (size_t)x.count * dtype_size(x.type)) != 0)
                fail_msg("%s, %s, %d threads: other bits in %s", c.name, train ? "training" : "inference", threads,
                         x.name);
        case_close(&many);
    }
    case_close(&one);
}

static void check_case(void **state)
{
    const op_case *c = *state;
    if (!c->inference_only)
        check_mode(c, true);
    if (!c->train_only)
        check_mode(c, false);
}

int main(int argc, char **argv)
{
    enum { OWN = sizeof cases / sizeof *cases };
    in_bf16 = argc > 1 && strcmp(argv[1], "bf16") == 0;
    if (in_bf16 && !backend_cpu_has_bf16()) {
        printf("skipped: this CPU has no bfloat16\n");
        return 77;
    }
    size_t n = OWN + op_case_count();
    struct CMUnitTest *tests = calloc(n, sizeof *tests);
    if (!tests)
        return 2;
    for (int i = 1; i <= MOST; i++)
        if (!(backends[i] = backend_cpu_new(&(cpu_options){.threads = i, .deterministic = true, .bf16 = in_bf16})))
            return 2;
    for (size_t i = 0; i < n; i++) {
        const op_case *c = i < OWN ? &cases[i] : op_case_at(i - OWN);
        tests[i] = (struct CMUnitTest){c->name, check_case, NULL, NULL, (void *)(uintptr_t)c};
    }
    int failed = _cmocka_run_group_tests("threads", tests, n, NULL, NULL);
    for (int i = 1; i <= MOST; i++)
        backend_free(backends[i]);
    free(tests);
    return failed;
}
