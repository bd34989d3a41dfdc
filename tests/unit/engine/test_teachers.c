/* Segmentors with teachers: which teacher an image has, and that the student does not learn from it. */
#include "loss_rig.h"

#include "engine/setup/weights.h"

#define NET                                                                                                            \
    "model = dict(type='DistillSiamEncoderDecoder', backbone=dict(type='mmseg.ResNet', depth=18, base_channels=4, "    \
    "stem_channels=4), neck=dict(type='FeatureFusionNeck', policy='abs_diff'),\n"                                      \
    "  decode_head=dict(type='mmseg.FCNHead', in_channels=32, channels=4, num_classes=2, dropout_ratio=0),\n"          \
    "  distill_loss=dict(type='%s'), init_cfg_t_m=dict(type='Pretrained', checkpoint=None))\n"

enum { N = 2, SIDE = 32, PIXELS = SIDE * SIDE };

static void build(loss_run_state *r)
{
    char text[1024];
    value *cfg = NULL;
    snprintf(text, sizeof text, NET, "DistillLossWithPixel");
    *r = (loss_run_state){.mem = arena_new()};
    rig_check(r, config_parse_text(text, "test.py", r->mem, &cfg, &r->err));
    rig_check(r, model_build(value_get(cfg, "model"), NULL, &r->m, &r->err));
    model_init_weights(r->m, 1);
}

/* Of each image `changed` pixels are 1 and the others 0; the class's bias of this teacher is moved (NULL: of none). */
static double distill(int changed, const char *teacher)
{
    loss_run_state r;
    tensor *loss;
    const tensor *shape;
    const void *y;
    build(&r);
    if (teacher) {
        char name[64];
        snprintf(name, sizeof name, "%s.decode_head.conv_seg.bias", teacher);
        ((float *)model_find(r.m, name)->data)[1] += 1;
    }
    r.b = backend_cpu_new(&(cpu_options){.threads = 1});
    r.g = graph_new(true);
    rig_check(&r, model_trace_loss(r.m, r.g, N, SIDE, SIDE, NULL, &loss, &r.err));
    rig_check(&r, plan_build(r.g, r.b, &r.p, &r.err));
    float *img = plan_input(r.p, "img", NULL);
    int32_t *label = plan_input(r.p, "gt_semantic_seg", NULL);
    for (int i = 0; i < N * PIXELS * 6; i++)
        img[i] = (float)rng_named(3, (uint64_t)i) - 0.5F;
    for (int i = 0; i < N * PIXELS; i++)
        label[i] = i % PIXELS < changed;
    rig_check(&r, plan_run(r.p, &r.err));
    rig_check(&r, plan_get_output(r.p, "distill", &y, &shape, &r.err));
    double v = (double)*(const float *)y;
    rig_release(&r);
    return v;
}

static void the_share_that_changed_chooses(void **state)
{
    (void)state;
    static const char *const teachers[] = {"teacher_s", "teacher_m", "teacher_l"};
    const int changed[] = {PIXELS / 25, PIXELS / 10, PIXELS / 4};
    for (int share = 0; share < 3; share++) {
        double as_it_is = distill(changed[share], NULL);
        for (int i = 0; i < 3; i++)
            assert_int_equal(distill(changed[share], teachers[i]) != as_it_is, i == share);
    }
}

static void teachers_neither_learn_nor_answer(void **state)
{
    (void)state;
    loss_run_state r;
    tensor *loss;
    build(&r);
    assert_int_equal(r.m->n_heads, 1);
    assert_int_equal(r.m->labels.n, 1);
    r.g = graph_new(true);
    rig_check(&r, model_trace_loss(r.m, r.g, N, SIDE, SIDE, NULL, &loss, &r.err));
    rig_check(&r, graph_backward(r.g, loss, &r.err));
    int learns = 0;
    for (size_t i = 0; i < r.g->outputs.n; i++) {
        const param *p = r.g->outputs.at[i].grad_of;
        learns += p != NULL;
        assert_false(p && strncmp(p->name, "teacher_", 8) == 0);
    }
    assert_true(learns > 0);
    /* Nor do their norms' counters move. */
    model_count_batch(r.m);
    for (size_t i = 0; i < r.m->params.n; i++) {
        const param *p = r.m->params.at[i];
        if (p->type == DT_I64 && strncmp(p->name, "teacher_", 8) == 0)
            assert_int_equal(*(const int64_t *)p->data, 0);
    }
    rig_release(&r);
}

static void refuses_losses_of_labels(void **state)
{
    (void)state;
    char text[1024];
    value *cfg = NULL;
    cseg_error err;
    model *m = NULL;
    arena *mem = arena_new();
    snprintf(text, sizeof text, NET, "mmseg.CrossEntropyLoss");
    assert_int_equal(config_parse_text(text, "test.py", mem, &cfg, &err), CSEG_OK);
    assert_int_equal(model_build(value_get(cfg, "model"), NULL, &m, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "DistillLossWithPixel"));
    arena_free(mem);
}

/* As the published configs leave it. */
static void says_that_a_checkpoint_is_missing(void **state)
{
    (void)state;
    loss_run_state r;
    build(&r);
    assert_int_equal(weights_load_pretrained(r.m, &r.err), CSEG_CONFIG);
    assert_non_null(strstr(r.err.text, "teacher_m: the checkpoint is None"));
    assert_non_null(strstr(r.err.text, "test.py:3"));
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_that_changed_chooses),
        cmocka_unit_test(teachers_neither_learn_nor_answer),
        cmocka_unit_test(refuses_losses_of_labels),
        cmocka_unit_test(says_that_a_checkpoint_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
