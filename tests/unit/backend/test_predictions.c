/* The cpu backend's label maps and scores have the bits of the plain ones, for any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "backend/backends.h"
#include "base/random.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

enum { H = 37, W = 29, OUT_H = 61, OUT_W = 23, MOST_K = 19, LOGITS = H * W * MOST_K, OUT = OUT_H * OUT_W * MOST_K };

typedef struct side {
    backend *b;
    float logits[LOGITS], scores[OUT], sum[OUT];
    int32_t labels[OUT_H * OUT_W];
    uint8_t bytes[OUT_H * OUT_W], confidence[OUT_H * OUT_W];
} side;

/* Logits in steps of a quarter: some are equal, and the first of them is the label. */
static side *side_of(backend *b)
{
    side *s = calloc(1, sizeof *s);
    rng r = rng_derive(3, 0, 0);
    assert_non_null(s);
    s->b = b;
    for (int i = 0; i < LOGITS; i++)
        s->logits[i] = floorf((float)rng_normal(&r) * 4) / 4;
    for (int i = 0; i < OUT; i++)
        s->sum[i] = (float)rng_normal(&r);
    return s;
}

static void must(cseg_status status)
{
    assert_int_equal(status, CSEG_OK);
}

typedef struct setting {
    int64_t k;
    bool resize, flip_x, flip_y, scores;
} setting;

static void axis(bilinear_source *to, int64_t in, int64_t out)
{
    for (int64_t i = 0; i < out; i++)
        to[i] = bilinear_source_at(bilinear_position(i, in, out, false, 0), in);
}

/* Logits in a ring of H rows that begins in the middle, in pieces of rows, to both types of labels. */
static void answers(side *s, const setting *how)
{
    bilinear_source y[OUT_H], x[OUT_W];
    cseg_error err;
    axis(y, H - 5, OUT_H);
    axis(x, W - 3, OUT_W);
    answer_rows r = {.h = how->resize ? OUT_H : H - 5,
                     .w = how->resize ? OUT_W : W - 3,
                     .k = how->k,
                     .logits = s->logits,
                     .ring = H,
                     .stride = W * how->k,
                     .top = 20,
                     .left = 2,
                     .y = how->resize ? y : NULL,
                     .x = how->resize ? x : NULL,
                     .flip_x = how->flip_x,
                     .flip_y = how->flip_y,
                     .threshold = 0.4f,
                     .labels = s->labels,
                     .label_type = DT_I32,
                     .are_scores = how->scores,
                     .confidence = s->confidence,
                     .sum = s->sum};
    for (r.from = 0; r.from < r.h; r.from = r.to) {
        r.to = r.from + (r.from % 2 ? 21 : 5);
        r.to = r.to < r.h ? r.to : r.h;
        must(s->b->predictions->answer(s->b, &r, &err));
    }
    r.from = 0;
    r.labels = s->bytes;
    r.label_type = DT_U8;
    r.scores = s->scores;
    r.sum = NULL;
    must(s->b->predictions->answer(s->b, &r, &err));
    view_sums views = {.at = s->sum,
                       .h = r.h,
                       .w = r.w,
                       .k = r.k,
                       .views = 3,
                       .threshold = 0.4f,
                       .labels = s->bytes,
                       .label_type = DT_U8};
    s->b->predictions->average_views(s->b, &views);
}

/* Windows beyond both sides of a strip of 17 columns, in a ring of 11 rows. */
static void windows(side *s, const setting *how)
{
    enum { WINDOW = 9, RING = 11, STRIP = 17, AT = 40 };
    float count_x[STRIP], count_y[AT + RING];
    window_sums sums = {.at = s->sum, .rows = RING, .w = STRIP, .k = how->k};
    for (int i = 0; i < STRIP; i++)
        count_x[i] = (float)(1 + i % 3);
    for (int i = 0; i < AT + RING; i++)
        count_y[i] = (float)(1 + i % 2);
    float weight[WINDOW];
    cseg_error err;
    for (int i = 0; i < WINDOW; i++)
        weight[i] = (float)(i % 4) / 4;
    for (int i = 0; i < 10; i++) {
        bool weighs = i & 1;
        window_part part = {.logits = s->logits + i,
                            .h = WINDOW,
                            .w = WINDOW,
                            .y = AT + i % 3,
                            .x = -4 + 2 * i,
                            .weight_y = weighs ? weight : NULL,
                            .weight_x = weighs ? weight : NULL,
                            .scores = i > 4,
                            .flip_y = how->flip_y,
                            .flip_x = how->flip_x};
        must(s->b->predictions->add_window(s->b, &sums, &part, &err));
    }
    s->b->predictions->divide_windows(s->b, &sums, AT, AT + RING, count_y, count_x);
}

static void check_same(const side *a, const side *b)
{
    assert_memory_equal(a->scores, b->scores, sizeof a->scores);
    assert_memory_equal(a->sum, b->sum, sizeof a->sum);
    assert_memory_equal(a->labels, b->labels, sizeof a->labels);
    assert_memory_equal(a->bytes, b->bytes, sizeof a->bytes);
    assert_memory_equal(a->confidence, b->confidence, sizeof a->confidence);
}

static void same_bits(void **state)
{
    (void)state;
    static const int64_t channels[] = {1, 2, 7, MOST_K};
    backend *cpu = backend_cpu_new(&(cpu_options){.threads = 1});
    assert_non_null(cpu);
    for (int threads = 1; threads <= 4; threads++)
        for (int i = 0; i < 32; i++) {
            const setting how = {
                .k = channels[i % 4], .resize = i & 4, .flip_x = i & 8, .flip_y = i & 16, .scores = threads == 2};
            side *a = side_of(backend_host()), *b = side_of(cpu);
            omp_set_num_threads(threads);
            answers(a, &how);
            answers(b, &how);
            check_same(a, b);
            windows(a, &how);
            windows(b, &how);
            check_same(a, b);
            free(a);
            free(b);
        }
    backend_free(cpu);
}

/* ---- what they are, on numbers that can be checked by hand ------------------------------------------------------- */

static void the_first_of_the_largest(void **state)
{
    (void)state;
    backend *b = backend_host();
    cseg_error err;
    const float logits[] = {0, 2, 2, /**/ 5, 1, 5};
    uint8_t labels[2] = {9, 9};
    float scores[6], sum[6] = {1, 1, 1, 1, 1, 1};
    answer_rows r = {.h = 1,
                     .w = 2,
                     .k = 3,
                     .to = 1,
                     .logits = logits,
                     .ring = 1,
                     .stride = 6,
                     .labels = labels,
                     .label_type = DT_U8,
                     .scores = scores,
                     .sum = sum};
    must(b->predictions->answer(b, &r, &err));
    assert_true(labels[0] == 1 && labels[1] == 0);
    assert_true(scores[1] == scores[2] && fabsf(scores[0] + scores[1] + scores[2] - 1) < 1e-6f);
    assert_true(fabsf(scores[0] / scores[1] - expf(-2)) < 1e-6f && sum[4] == 1 + scores[4]);
    r.flip_x = true;
    must(b->predictions->answer(b, &r, &err));
    assert_true(labels[0] == 0 && labels[1] == 1);
}

static void one_channel_has_a_threshold(void **state)
{
    (void)state;
    backend *b = backend_host();
    cseg_error err;
    const float logits[] = {0, 1, -1};
    int32_t labels[3];
    float sum[3] = {1, 0.25f, 0.5f};
    answer_rows r = {.h = 1,
                     .w = 3,
                     .k = 1,
                     .to = 1,
                     .logits = logits,
                     .ring = 1,
                     .stride = 3,
                     .threshold = 0.5f,
                     .labels = labels,
                     .label_type = DT_I32};
    must(b->predictions->answer(b, &r, &err));
    assert_true(labels[0] == 0 && labels[1] == 1 && labels[2] == 0);
    view_sums views = {
        .at = sum, .h = 1, .w = 3, .k = 1, .views = 2, .threshold = 0.25f, .labels = labels, .label_type = DT_I32};
    b->predictions->average_views(b, &views);
    assert_true(sum[0] == 0.5f && sum[1] == 0.125f && sum[2] == 0.25f);
    assert_true(labels[0] == 1 && labels[1] == 0 && labels[2] == 0);
}

/* A window one column to the left of a strip of two, in row 3 of a ring of two rows. */
static void windows_are_cut_to_the_strip(void **state)
{
    (void)state;
    backend *b = backend_host();
    float ring[4] = {0}, window[] = {1, 2, 4};
    const float count_x[] = {1, 2}, count_y[] = {9, 9, 9, 2};
    cseg_error err;
    window_part part = {.logits = window, .h = 1, .w = 3, .y = 3, .x = -1};
    const window_sums s = {.at = ring, .rows = 2, .w = 2, .k = 1};
    must(b->predictions->add_window(b, &s, &part, &err));
    assert_true(ring[0] == 0 && ring[1] == 0 && ring[2] == 2 && ring[3] == 4);
    part.x = 1;
    must(b->predictions->add_window(b, &s, &part, &err));
    assert_true(ring[2] == 2 && ring[3] == 5);
    b->predictions->divide_windows(b, &s, 3, 4, count_y, count_x);
    assert_true(ring[0] == 0 && ring[2] == 1 && ring[3] == 1.25f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(the_first_of_the_largest),
        cmocka_unit_test(one_channel_has_a_threshold),
        cmocka_unit_test(windows_are_cut_to_the_strip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
