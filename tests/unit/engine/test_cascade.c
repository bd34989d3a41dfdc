/* What a training step of a cascade leaves in its batch norms, beside the reference's: heads that another stands behind
 * ran twice, so their running statistics moved twice. */
#include "parity_compare.h"

#include "backend/backend.h"
#include "engine/parity_session.h"

/* mmseg 1.2.2 after one net.loss() on tests/data/engine/parity/ocr_r18c.py, with the oracle's weights and "input:0",
 * "label:0": num_batches_tracked, three of running_mean and two of running_var. */
static const struct {
    const char *norm;
    int64_t batches;
    double mean[3], var[2];
} after[] = {
    {"decode_head.0.convs.0.bn", 2, {-0.1371118724, 0.0119877076, 0.2433824241}, {1.1672238111, 1.1445806026}},
    {"decode_head.1.object_context_block.out_project.bn",
     2,
     {0.1232278496, -0.0693474934, -0.0942160711},
     {1.1172028779, 0.8833560944}},
    {"decode_head.1.bottleneck.bn", 2, {-0.0539282635, -0.1392254382, 0.0505183488}, {1.3145563602, 1.0176018476}},
    {"decode_head.2.object_context_block.key_project.0.bn",
     1,
     {-0.0013350789, 0.0750124305, -0.0072105434},
     {1.3045994043, 1.1999654770}},
    {"decode_head.2.bottleneck.bn", 1, {-0.0990544856, -0.0367242545, 0.1008448601}, {1.0643391609, 1.2587889433}},
};

static const float *buffer(const model *m, const char *norm, const char *name)
{
    char full[256];
    snprintf(full, sizeof full, "%s.%s", norm, name);
    const param *p = model_find(m, full);
    assert_non_null(p);
    return p->data;
}

static void statistics_are_the_references(void **state)
{
    (void)state;
    cseg_error err;
    backend *b = backend_cpu_new(&(cpu_options){.threads = 2});
    parity_options o = {.backend = b, .passes = PASS_ALL};
    parity_session s = {.options = &o, .mem = arena_new()};
    parity_program p = {0};
    if (parity_load_model(&s, TEST_DATA "/engine/parity/ocr_r18c.py", &err) != CSEG_OK ||
        parity_compile_loss(&s, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    parity_fill(&s, &p, "input:0", "label:0");
    assert_int_equal(plan_run(p.plan, &err), CSEG_OK);
    model_count_batch(s.model);
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        const float *mean = buffer(s.model, after[i].norm, "running_mean"),
                    *var = buffer(s.model, after[i].norm, "running_var");
        for (int k = 0; k < 3; k++)
            assert_near(after[i].norm, mean[k], after[i].mean[k], 1e-4);
        for (int k = 0; k < 2; k++)
            assert_near(after[i].norm, var[k], after[i].var[k], 1e-4);
        const void *batches = buffer(s.model, after[i].norm, "num_batches_tracked");
        assert_int_equal(*(const int64_t *)batches, after[i].batches);
    }
    parity_release(&p);
    model_free(s.model);
    arena_free(s.mem);
    backend_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(statistics_are_the_references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
