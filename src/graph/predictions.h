/* Makes label maps and scores of logits in a backend's memory: resizing, softmax or sigmoid, argmax or a threshold, and
 * the sums of sliding windows and of views. What is in memory is always what a call is given: rows of an answer are
 * made from rows of logits, and no map of logits of the answer's size exists.
 *
 * Part of a backend's stream (backend.h). Maps are the backend's memory; tables, and the structs themselves, are the
 * host's, and a call is done with them when it returns. Each pixel is computed by itself in the order that is written
 * here, so that bits do not depend on the backend's threads. */
#ifndef GRAPH_PREDICTIONS_H
#define GRAPH_PREDICTIONS_H

#include "base/bilinear.h"
#include "base/error.h"
#include "graph/tensor.h"

typedef struct backend backend;

/* Rows [from, to) of an answer of h x w pixels, made from logits of k channels. For each pixel: the logits v, taken as
 * they are or interpolated; then
 *   score = softmax(v), for k == 1: sigmoid(v); if they are scores already, v itself
 *   label = the first of the largest v, for k == 1: score > threshold
 *   sum += score;  confidence = the score of the label (k == 1, label 0: 1 - score) in steps of 1 / CONFIDENCE_ONE */
enum { CONFIDENCE_ONE = 250 };
typedef struct answer_rows {
    int64_t h, w, k, from, to;
    /* Source pixel (i, j) lies at logits + ((i + top) % ring) * stride + (j + left) * k, k floats. */
    const float *logits;
    int64_t ring, stride, top, left;
    const bilinear_source *y, *x; /* of each row [h] and column [w] of the answer; both NULL: the same size */
    bool are_scores;              /* the logits are scores: means of windows' */
    bool flip_y, flip_x;          /* the answer: row y goes to h - 1 - y */
    float threshold;
    /* Where to; any may be NULL. [rows, w] and [rows, w, k]; row y of the answer (flipped, if so) at y - first. */
    void *labels;
    dtype label_type; /* DT_U8 or DT_I32 */
    float *scores, *sum;
    uint8_t *confidence; /* [rows, w] */
    int64_t first;
} answer_rows;

/* Logits or scores of windows, summed: row y of the scene lies at at + (y % rows) * w * k; [w, k] floats. */
typedef struct window_sums {
    float *at;
    int64_t rows, w, k;
} window_sums;

/* The logits of one window, whose first pixel is that of row y and column x of the sums. x may be below 0, and the
 * window may reach beyond w: those columns are left out. h <= rows. */
typedef struct window_part {
    const float *logits; /* [h, w, k], of the flipped window if so */
    int64_t h, w, y, x;
    const float *weight_y, *weight_x; /* [h], [w]: their product weighs a pixel; both NULL: 1 */
    bool scores;                      /* not the logits are added, but their softmax (k == 1: sigmoid) */
    bool flip_y, flip_x;
} window_part;

/* Scores [h, w, k] that `views` views have been added to. */
typedef struct view_sums {
    float *at;
    int64_t h, w, k;
    int views;
    float threshold;
    void *labels; /* [h, w] */
    dtype label_type;
} view_sums;

typedef struct prediction_calls {
    /* CSEG_MEMORY alone; what fails later is told by memory->get or synchronise. */
    cseg_status (*answer)(backend *b, const answer_rows *r, cseg_error *err);
    /* Adds a window. CSEG_MEMORY alone. */
    cseg_status (*add_window)(backend *b, const window_sums *s, const window_part *part, cseg_error *err);
    /* Rows [from, to), at most `rows`: each pixel by weight_y[row] * weight_x[column]. weight_y [0] is of row 0. */
    void (*divide_windows)(backend *b, const window_sums *s, int64_t from, int64_t to, const float *weight_y,
                           const float *weight_x);
    /* The sums become means, in place; labels by the first of the largest, for k == 1: mean > threshold. */
    void (*average_views)(backend *b, const view_sums *s);
} prediction_calls;

/* One thread, as it is written above: of the host and of the naive backend. */
extern const prediction_calls plain_predictions;

/* Parts of the above, for backends whose memory is the host's: one row each. room: 2 * k floats. */
void prediction_answer_row(const answer_rows *r, int64_t y, float *room);
void prediction_add_row(const window_sums *s, const window_part *part, int64_t i, float *room);
void prediction_divide_row(const window_sums *s, int64_t y, float weight_y, const float *weight_x);
void prediction_average_row(const view_sums *s, int64_t y);

#endif
