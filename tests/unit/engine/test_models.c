/* What models compute, on the naive backend: pairs, fusion, several heads, weight maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "base/random.h"
#include "config/config.h"
#include "graph/plan.h"
#include "model/model.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

enum { SIDE = 32, PIXELS = SIDE * SIDE, DATE_CHANNELS = 2 };

typedef struct rig {
    arena *mem;
    model *m;
    backend *b;
    graph *g;
    plan *p;
    cseg_error err;
} rig;

static void check(const rig *r, cseg_status status)
{
    if (status != CSEG_OK)
        fail_msg("%s", r->err.text);
}

static rig rig_model(const char *text)
{
    rig r = {.mem = arena_new(), .b = backend_ref_new()};
    value *cfg = NULL;
    check(&r, config_parse_text(text, "test.py", r.mem, &cfg, &r.err));
    check(&r, model_build(value_get(cfg, "model"), NULL, &r.m, &r.err));
    model_init_weights(r.m, 7);
    return r;
}

static void rig_release(rig *r)
{
    plan_free(r->p);
    graph_free(r->g);
    model_free(r->m);
    backend_free(r->b);
    arena_free(r->mem);
}

static void rig_logits(rig *r, int head)
{
    tensor *logits = NULL;
    r->g = graph_new(false);
    check(r, model_trace_logits(r->m, r->g, 1, SIDE, SIDE, head, &logits, &r->err));
    graph_add_output(r->g, "logits", logits);
    check(r, plan_build(r->g, r->b, &r->p, &r->err));
}

/* Runs on img [SIDE,SIDE,C]; a copy of the logits in the rig's memory. */
static const float *rig_run(rig *r, const float *img, size_t *n)
{
    const tensor *shape;
    void *in = plan_input(r->p, "img", &shape);
    memcpy(in, img, tensor_bytes(shape));
    check(r, plan_run(r->p, &r->err));
    const float *y = plan_output(r->p, "logits", &shape);
    *n = (size_t)tensor_count(shape);
    float *copy = ARENA_ARRAY(r->mem, *n, float);
    memcpy(copy, y, *n * sizeof *y);
    return copy;
}

static double furthest(const float *a, const float *b, size_t n)
{
    double d = 0;
    for (size_t i = 0; i < n; i++)
        d = fmax(d, fabs((double)a[i] - b[i]));
    return d;
}

#define CHANGE(fusion, channels, more)                                                                                 \
    "model = dict(type='ChangeExtraSegmentor', fusion='" fusion "', backbone=dict(type='ChangeExtraResNet',\n"         \
    "  depth=18, base_channels=4, stem_channels=4, in_channels=2, zero_init_residual=False" more "),\n"                \
    "  decode_head=dict(type='FCNHead', in_channels=" channels ", channels=8, num_convs=1, num_classes=2,\n"           \
    "    init_cfg=dict(type='Normal', std=1.0, override=dict(name='conv_seg'))))\n"

/* Two dates of two channels; the dates may change places, the second's contrast may grow. */
static void fill_pair(float *img, bool swapped, bool equal, float contrast)
{
    for (int i = 0; i < PIXELS; i++)
        for (int date = 0; date < 2; date++)
            for (int c = 0; c < DATE_CHANNELS; c++) {
                int source = equal ? 0 : swapped ? 1 - date : date;
                double u = rng_named((uint64_t)source + 11, (uint64_t)(i * DATE_CHANNELS + c));
                img[(i * 2 + date) * DATE_CHANNELS + c] = (float)(2 * u - 1) * (date ? contrast : 1);
            }
}

/* How far the logits move when the dates change places. */
static double moved_by_swap(const char *config)
{
    rig r = rig_model(config);
    float img[PIXELS * 2 * DATE_CHANNELS];
    size_t n;
    rig_logits(&r, 0);
    fill_pair(img, false, false, 1);
    const float *a = rig_run(&r, img, &n);
    fill_pair(img, true, false, 1);
    double d = furthest(a, rig_run(&r, img, &n), n);
    rig_release(&r);
    return d;
}

static void only_the_absolute_difference_forgets_the_order(void **state)
{
    (void)state;
    assert_true(moved_by_swap(CHANGE("abs_diff", "32", "")) < 1e-5);
    assert_true(moved_by_swap(CHANGE("diff", "32", "")) > 1e-3);
    assert_true(moved_by_swap(CHANGE("concat", "64", "")) > 1e-3);
}

/* With weights shared, equal dates have no difference: each pixel's logits are those of a map of zeros. */
static void equal_dates_differ_nowhere(void **state)
{
    (void)state;
    rig r = rig_model(CHANGE("diff", "32", ""));
    float img[PIXELS * 2 * DATE_CHANNELS], zeros[PIXELS * 2 * DATE_CHANNELS] = {0};
    size_t n;
    rig_logits(&r, 0);
    fill_pair(img, false, true, 1);
    const float *a = rig_run(&r, img, &n);
    assert_true(furthest(a, rig_run(&r, zeros, &n), n) == 0);
    rig_release(&r);
}

static double moved_by_contrast(const char *config)
{
    rig r = rig_model(config);
    float img[PIXELS * 2 * DATE_CHANNELS];
    size_t n;
    rig_logits(&r, 0);
    fill_pair(img, false, false, 1);
    const float *a = rig_run(&r, img, &n);
    fill_pair(img, false, false, 3);
    double d = furthest(a, rig_run(&r, img, &n), n);
    rig_release(&r);
    return d;
}

static void instance_norm_takes_contrast_out(void **state)
{
    (void)state;
    double with = moved_by_contrast(CHANGE("concat", "64", ", use_IN1=True"));
    double without = moved_by_contrast(CHANGE("concat", "64", ""));
    if (!(with < 1e-3 && without > 20 * with))
        fail_msg("moved by %g with use_IN1, by %g without", with, without);
}

#define HEAD(classes) "dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=" classes ")"
#define RESNET "backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4)"

static void heads_of_many_answer_as_if_alone(void **state)
{
    (void)state;
    rig many = rig_model("model = dict(type='EncoderDecoderMultiHead', " RESNET ",\n"
                         "  decode_head=[" HEAD("3") ", " HEAD("5") "])\n");
    rig one = rig_model("model = dict(type='EncoderDecoder', " RESNET ", decode_head=" HEAD("5") ")\n");
    for (size_t i = 0; i < one.m->params.n; i++) {
        param *p = one.m->params.at[i];
        const char *head = strstr(p->name, "decode_head.");
        char name[256];
        snprintf(name, sizeof name, "%s%s", head ? "decode_head.1." : "",
                 head ? head + strlen("decode_head.") : p->name);
        const param *q = model_find(many.m, name);
        assert_non_null(q);
        assert_int_equal(q->count, p->count);
        memcpy(p->data, q->data, (size_t)p->count * (p->type == DT_I64 ? sizeof(int64_t) : sizeof(float)));
    }
    float img[PIXELS * 3];
    size_t n, n_one;
    for (int i = 0; i < PIXELS * 3; i++)
        img[i] = (float)(2 * rng_named(3, (uint64_t)i) - 1);
    rig_logits(&many, 1);
    rig_logits(&one, -1);
    const float *a = rig_run(&many, img, &n), *b = rig_run(&one, img, &n_one);
    assert_int_equal(n, PIXELS * 5);
    assert_int_equal(n, n_one);
    assert_true(furthest(a, b, n) == 0);
    rig_release(&many);
    rig_release(&one);
}

/* The loss on one batch of two; weight < 0: without a map. */
static float loss_with_weight(float weight)
{
    rig r = rig_model("model = dict(type='EncoderDecoder', " RESNET ", decode_head=" HEAD("5") ")\n");
    tensor *loss = NULL;
    const tensor *shape;
    r.m->options.no_dropout = true;
    r.g = graph_new(true);
    check(&r, model_trace_loss(r.m, r.g, 2, SIDE, SIDE, &(trace_options){.weight_map = weight >= 0}, &loss, &r.err));
    check(&r, plan_build(r.g, r.b, &r.p, &r.err));
    float *img = plan_input(r.p, "img", &shape), *map = NULL;
    for (int64_t i = 0; i < tensor_count(shape); i++)
        img[i] = (float)(2 * rng_named(3, (uint64_t)i) - 1);
    int32_t *label = plan_input(r.p, "gt_semantic_seg", &shape);
    if (weight >= 0)
        map = plan_input(r.p, "seg_weight_map", NULL);
    for (int64_t i = 0; i < tensor_count(shape); i++) {
        label[i] = (int32_t)(i % 5);
        if (map)
            map[i] = weight;
    }
    check(&r, plan_run(r.p, &r.err));
    float v = *(const float *)plan_output(r.p, "decode.loss_ce", NULL);
    rig_release(&r);
    return v;
}

static void weight_maps_multiply_the_loss(void **state)
{
    (void)state;
    float plain = loss_with_weight(-1);
    assert_true(plain > 0.5f);
    assert_true(fabsf(loss_with_weight(1) - plain) < 1e-5f);
    assert_true(fabsf(loss_with_weight(2) - 2 * plain) < 1e-5f);
    assert_true(loss_with_weight(0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_absolute_difference_forgets_the_order),
        cmocka_unit_test(equal_dates_differ_nowhere),
        cmocka_unit_test(instance_norm_takes_contrast_out),
        cmocka_unit_test(heads_of_many_answer_as_if_alone),
        cmocka_unit_test(weight_maps_multiply_the_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
