/* HuasdorffDisstanceLoss against its definition: distances pixel by pixel, errors class by class. */
#include "loss_rig.h"

enum { N = 3, H = 11, W = 13, K = 4, PIXELS = H * W };

static float logits[N * PIXELS * K];
static int32_t label[N * PIXELS];

/* Blocks of classes, so that there are distances; the second image has no 0, the third nothing else. */
static void make_up(void)
{
    rng r = rng_derive(3, 1, 4);
    for (int i = 0; i < N * PIXELS; i++) {
        int image = i / PIXELS, y = i % PIXELS / W, x = i % W, block = (y / 4 + x / 5) % 4;
        label[i] = image == 0 ? block : image == 1 ? 1 + block % 3 : 0;
        for (int k = 0; k < K; k++)
            logits[i * K + k] = (float)rng_below(&r, 2001) / 1000 - 1 + 2 * (float)(k == (y / 3 + image) % 4);
    }
    for (int i = 20; i < 26; i++)
        label[i] = 255;
}

static double softmax(int i, int k)
{
    double sum = 0;
    for (int c = 0; c < K; c++)
        sum += exp((double)logits[i * K + c]);
    return exp((double)logits[i * K + k]) / sum;
}

static int predicted(int i)
{
    int best = 0;
    for (int k = 1; k < K; k++)
        best = logits[i * K + k] > logits[i * K + best] ? k : best;
    return best;
}

/* The square of the distance to the nearest 0 of the image; scipy's, if there is none, is to (-1, 0). */
static double square(const int *map, int at)
{
    int best = -1, y = at / W, x = at % W;
    for (int i = 0; i < PIXELS; i++) {
        int away = (i / W - y) * (i / W - y) + (i % W - x) * (i % W - x);
        if (map[i] == 0 && (best < 0 || away < best))
            best = away;
    }
    return best < 0 ? (y + 1) * (y + 1) + x * x : best;
}

static double by_definition(int ignored)
{
    double sum = 0, of_class[K] = {0};
    for (int image = 0; image < N; image++) {
        int seen[PIXELS], said[PIXELS];
        for (int i = 0; i < PIXELS; i++) {
            int at = image * PIXELS + i;
            seen[i] = label[at] == ignored ? 0 : label[at];
            said[i] = predicted(at);
        }
        for (int i = 0; i < PIXELS; i++)
            for (int k = 1; k < K; k++)
                of_class[k] += pow(softmax(image * PIXELS + i, k) - seen[i], 2) * (square(seen, i) + square(said, i)) /
                               (N * PIXELS);
    }
    for (int k = 1; k < K; k++)
        sum += of_class[k == ignored ? k - 1 : k];
    return sum / K;
}

static void assert_loss(const char *more, double want)
{
    char head[512];
    snprintf(head, sizeof head, RIG_FCN("dict(type='HuasdorffDisstanceLoss'%s)", ""), more);
    loss_rig c = {.head = head,
                  .loss = "loss_decode",
                  .rank = 4,
                  .dim = (const int64_t[]){N, H, W, K},
                  .x = logits,
                  .target = label};
    rig_assert(&c, want);
    c.weighted = true;
    rig_assert(&c, want);
}

static void is_its_definition(void **state)
{
    (void)state;
    make_up();
    assert_loss("", by_definition(255));
    assert_loss(", reduction='sum', loss_weight=0.25", 0.25 * by_definition(255));
    assert_loss(", reduction='none'", by_definition(255));
    assert_loss(", ignore_index=2", by_definition(2));
    assert_loss(", ignore_index=3", by_definition(3));
    assert_loss(", ignore_index=0", by_definition(0));
    assert_loss(", ignore_index=-1", by_definition(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
