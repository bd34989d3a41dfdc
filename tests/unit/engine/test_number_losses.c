/* KLDivLoss and SiLogLoss, which compare numbers with numbers, against their definitions. */
#include "loss_rig.h"

enum { N = 3, K = 4 };

static const int64_t shape[] = {N, K};
static const float x[N * K] = {-1, 0.5F, 2, 0.25F, 3, -0.125F, 1, 0.75F, 0.5F, 1.5F, -2, 4};
static const float target[N * K] = {0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1};

static void assert_loss(const char *loss, const float *to, double want)
{
    char head[512];
    snprintf(head, sizeof head,
             "dict(type='EncHead', in_channels=[64], in_index=[3], channels=8, num_codes=4, num_classes=4, "
             "loss_se_decode=%s)",
             loss);
    rig_assert(
        &(loss_rig){
            .head = head, .loss = "loss_se_decode", .rank = 2, .dim = shape, .x = x, .target = to, .numbers = true},
        want);
}

static double softmax(const float *row, int k, double t)
{
    double sum = 0;
    for (int c = 0; c < K; c++)
        sum += exp((double)row[c] / t);
    return exp((double)row[k] / t) / sum;
}

/* The sum over all; an image's share of it is the mean of those. */
static double divergence(double t)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < K; k++) {
            double to = softmax(target + i * K, k, t);
            sum += to * (log(to) - softmax(x + i * K, k, t)) * t * t;
        }
    return sum;
}

static void divergences(void **state)
{
    (void)state;
    assert_loss("dict(type='KLDivLoss')", target, divergence(1) / (N * K));
    assert_loss("dict(type='KLDivLoss', reduction='none', temperature=2)", target, divergence(2) / (N * K));
    assert_loss("dict(type='KLDivLoss', reduction='sum', temperature=0.5)", target, divergence(0.5) / N);
    assert_loss("dict(type='KLDivLoss', temperature=-1.5)", target, divergence(-1.5) / (N * K));
}

/* The sum of the images'. */
static double logarithms(const float *to, double eps)
{
    double all = 0;
    for (int i = 0; i < N; i++) {
        double sum = 0, squares = 0, n = 0;
        for (int k = i * K; k < (i + 1) * K; k++) {
            double d = log(fmax((double)to[k], eps)) - log(fmax((double)x[k], eps));
            bool counts = (double)to[k] > eps;
            n += counts;
            sum += counts ? d : 0;
            squares += counts ? d * d : 0;
        }
        n = fmax(n, eps);
        all += sqrt(squares / n - 0.5 * (sum / n) * (sum / n));
    }
    return all;
}

static void errors_of_logarithms(void **state)
{
    (void)state;
    const float none[N * K] = {0}, some[N * K] = {0.5F, 3, 0.001F, 0, 7, 0.25F, 0, 0, 0, 0, 0, 0};
    assert_loss("dict(type='SiLogLoss')", target, logarithms(target, 1e-6) / N);
    assert_loss("dict(type='SiLogLoss', reduction='sum', loss_weight=0.5)", target, 0.5 * logarithms(target, 1e-6));
    assert_loss("dict(type='SiLogLoss', reduction='none', eps=0.01)", some, logarithms(some, 0.01) / N);
    assert_loss("dict(type='SiLogLoss', eps=2)", some, logarithms(some, 2) / N);
    assert_loss("dict(type='SiLogLoss')", none, 0);
}

/* In the reference the gradient of an image without a class is NaN. */
static void without_a_class_nothing_is_learnt(void **state)
{
    (void)state;
    loss_run_state r;
    module *head = rig_build(&r, "dict(type='EncHead', in_channels=[64], in_index=[3], channels=8, num_codes=4, "
                                 "num_classes=4, loss_se_decode=dict(type='SiLogLoss'))");
    param *weight = module_own(module_child(head, "conv_seg"), "weight");
    model_init_weights(r.m, 1);
    r.b = backend_ref_new();
    r.g = graph_new(true);
    loss_io io = {.x = op_reshape(r.g, graph_param(r.g, weight), 2, (int64_t[]){4, 8}),
                  .target = op_fill(r.g, 2, (int64_t[]){4, 8}, 0)};
    tensor *loss = loss_run(module_child(head, "loss_se_decode"), r.g, &io);
    rig_check(&r, graph_backward(r.g, loss, &r.err));
    graph_add_output(r.g, "loss", loss);
    rig_check(&r, plan_build(r.g, r.b, &r.p, &r.err));
    for (int64_t i = 0; i < weight->count; i++)
        weight->grad[i] = NAN;
    rig_check(&r, plan_run(r.p, &r.err));
    for (int64_t i = 0; i < weight->count; i++)
        assert_true(weight->grad[i] == 0);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergences),
        cmocka_unit_test(errors_of_logarithms),
        cmocka_unit_test(without_a_class_nothing_is_learnt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
