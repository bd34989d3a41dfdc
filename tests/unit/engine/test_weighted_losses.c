/* Losses with class weights where some pixels are ignored, and the loss over hard pixels, against counting by hand, on
 * both backends. */
#include "loss_rig.h"

enum { N = 2, H = 9, W = 11, K = 4, PIXELS = N * H * W };

static const double class_weight[K] = {0.5, 2, 1.25, 3};
static float logits[PIXELS * K];
static int32_t label[PIXELS];

static void make_up(int32_t ignored)
{
    rng r = rng_derive(5, 6, 7);
    for (int i = 0; i < PIXELS * K; i++)
        logits[i] = (float)rng_below(&r, 4001) / 1000 - 2;
    for (int i = 0; i < PIXELS; i++)
        label[i] = rng_below(&r, 5) ? (int32_t)rng_below(&r, K) : ignored;
}

static double loss_of(int i)
{
    double sum = 0;
    for (int k = 0; k < K; k++)
        sum += exp((double)logits[i * K + k]);
    return log(sum) - (double)logits[i * K + label[i]];
}

/* On the made-up logits and labels; `more` are further keys of the head. */
static void assert_loss(const char *loss, const char *more, double want)
{
    char head[512];
    snprintf(head, sizeof head, RIG_FCN("%s", "%s"), loss, more);
    rig_assert(&(loss_rig){.head = head,
                           .loss = "loss_decode",
                           .rank = 4,
                           .dim = (const int64_t[]){N, H, W, K},
                           .x = logits,
                           .target = label},
               want);
}

#define WEIGHTS "class_weight=[0.5, 2, 1.25, 3]"

/* Over pixels with a class but `left_out`: the sum of weighted losses, and that of weights; the second also over those
 * with `counted`. */
static double weighted_mean(int32_t left_out, int32_t counted)
{
    double sum = 0, weights = 0;
    for (int i = 0; i < PIXELS; i++) {
        bool learns = label[i] < K && label[i] != left_out;
        sum += learns ? class_weight[label[i]] * loss_of(i) : 0;
        weights += learns || (label[i] < K && label[i] == counted) ? class_weight[label[i]] : 0;
    }
    return weights > 0 ? sum / weights : 0;
}

static void ignored_pixels_weigh_nothing(void **state)
{
    (void)state;
    make_up(255);
    assert_loss("dict(type='CrossEntropyLoss', " WEIGHTS ")", "", weighted_mean(255, 255));
    assert_loss("dict(type='CrossEntropyLoss', avg_non_ignore=True, " WEIGHTS ")", "", weighted_mean(255, 255));
    /* An ignore_index that is a class teaches nothing, but as in the reference its weight is part of the mean. */
    make_up(1);
    assert_loss("dict(type='CrossEntropyLoss', " WEIGHTS ")", ", ignore_index=1", weighted_mean(1, 1));
    assert_loss("dict(type='CrossEntropyLoss', avg_non_ignore=True, " WEIGHTS ")", ", ignore_index=1",
                weighted_mean(1, -1));
    for (int i = 0; i < PIXELS; i++)
        label[i] = 255;
    assert_loss("dict(type='CrossEntropyLoss', " WEIGHTS ")", "", 0);
    assert_loss("dict(type='OhemCrossEntropy', " WEIGHTS ")", "", 0);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* OhemCrossEntropy's definition. */
static double hard_mean(double thres, int kept, int32_t ignored, bool weighted)
{
    double p[PIXELS], sum = 0;
    int n = 0, hard = 0;
    for (int i = 0; i < PIXELS; i++)
        if (label[i] < K && label[i] != ignored)
            p[n++] = exp(-loss_of(i));
    qsort(p, (size_t)n, sizeof *p, by_size);
    double limit = fmax(thres, p[kept < n ? kept : n - 1]);
    for (int i = 0; i < PIXELS; i++) {
        if (label[i] >= K || label[i] == ignored || !(exp(-loss_of(i)) < limit - 1e-7))
            continue;
        hard++;
        sum += loss_of(i) * (weighted ? class_weight[label[i]] : 1);
    }
    return sum / hard;
}

static void hard_pixels_learn(void **state)
{
    (void)state;
    static const struct {
        double thres;
        int kept;
    } cases[] = {{0.3, 10}, {0.05, 60}, {0.05, 100000}, {2, 1}, {-1, 1}, {0.4, 0}};
    make_up(255);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double thres = cases[i].thres;
        int kept = cases[i].kept;
        char loss[256];
        snprintf(loss, sizeof loss, "dict(type='OhemCrossEntropy', thres=%g, min_kept=%d, loss_weight=0.4)", thres,
                 kept);
        assert_loss(loss, "", 0.4 * hard_mean(thres, kept ? kept : 1, 255, false));
        snprintf(loss, sizeof loss, "dict(type='OhemCrossEntropy', thres=%g, min_kept=%d, ignore_label=2, " WEIGHTS ")",
                 thres, kept);
        assert_loss(loss, "", hard_mean(thres, kept ? kept : 1, 2, true));
    }
}

/* The least probable pixel is no smaller than itself: where all are alike, the reference takes the mean of nothing. */
static void without_hard_pixels_there_is_nothing_to_learn(void **state)
{
    (void)state;
    make_up(255);
    memset(logits, 0, sizeof logits);
    assert_loss("dict(type='OhemCrossEntropy', thres=0.1, min_kept=10)", "", 0);
    assert_loss("dict(type='OhemCrossEntropy', thres=0.3, min_kept=10)", "", log(K));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ignored_pixels_weigh_nothing),
        cmocka_unit_test(hard_pixels_learn),
        cmocka_unit_test(without_hard_pixels_there_is_nothing_to_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
