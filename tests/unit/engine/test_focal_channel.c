/* FocalLoss of one channel, which the reference computes on a GPU only, against counting by hand. */
#include <math.h>

#include "../model/model_test.h"

#include "backend/backends.h"
#include "graph/plan.h"

/* alpha * (1 - p)^gamma * -log p for the label 1, of the other sign and with 1 - alpha for 0; ignored pixels count in
 * the mean alone. */
static void one_channel_is_the_class_1(void **state)
{
    (void)state;
    enum { PIXELS = 6 };
    const float logits[PIXELS] = {-2, -0.5f, 0, 1, 3, 0.25f};
    const int32_t label[PIXELS] = {1, 0, 1, 0, 1, 255};
    test_model t =
        test_build_ok(TEST_RESNET("", ", loss_decode=dict(type='FocalLoss', alpha=0.3, gamma=1.5, loss_weight=2)", ""));
    module *loss = module_child(module_child(t.m->root, "decode_head"), "loss_decode");
    graph *g = graph_new(false);
    plan *p;
    backend *b = backend_ref_new();
    double expected = 0;
    assert_non_null(loss);
    loss_io io = {.x = graph_const(g, DT_F32, 4, (int64_t[]){1, 2, 3, 1}, logits),
                  .target = graph_const(g, DT_I32, 3, (int64_t[]){1, 2, 3}, label),
                  .ignore_index = 255};
    graph_add_output(g, "loss", loss_run(loss, g, &io));
    for (int i = 0; i < PIXELS; i++) {
        double right = 1 / (1 + exp(label[i] ? -(double)logits[i] : (double)logits[i]));
        if (label[i] != 255)
            expected += (label[i] ? 0.3 : 0.7) * pow(1 - right, 1.5) * -log(right);
    }
    assert_int_equal(graph_status(g, &t.err), CSEG_OK);
    assert_int_equal(plan_build(g, b, &p, &t.err), CSEG_OK);
    assert_int_equal(plan_run(p, &t.err), CSEG_OK);
    assert_true(fabs((double)*(const float *)plan_output(p, "loss", NULL) - 2 * expected / PIXELS) < 1e-6);
    plan_free(p);
    backend_free(b);
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_channel_is_the_class_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
