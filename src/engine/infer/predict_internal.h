/* What the predictor's files share. */
#ifndef ENGINE_INFER_PREDICT_INTERNAL_H
#define ENGINE_INFER_PREDICT_INTERNAL_H

#include "base/bilinear.h"
#include "engine/infer/predict.h"
#include "graph/plan.h"

enum { PREDICT_MAX_CROP = 16384 };

typedef enum { PLAN_LOGITS, PLAN_LABELS } plan_answer;

typedef struct cached_plan {
    int64_t h, w;
    int head;
    plan_answer answer;
    graph *g;
    plan *p;
    size_t bytes;
    uint64_t used; /* the predictor's clock at the last use */
} cached_plan;

struct predictor {
    arena *mem;
    model *m;
    backend *b;
    predict_options options;
    VEC(cached_plan) plans;
    uint64_t clock;
    VEC(image) sums; /* of the views that predictor_feed has seen so far, for each image of the batch */
};

/* Rows of logits that become rows of the answer. */
typedef struct answer_rows {
    int64_t in_h, in_w, out_h, out_w, k;
    bilinear_source *y, *x; /* of each row and column of the answer */
    bool identity;          /* same size: rows are taken as they are */
    float threshold;        /* k == 1 */
    bool flip_x, flip_y;    /* of the result */
    /* Source pixel (i, j) lies at base + ((i + top) % ring) * stride + (j + left) * k, k floats. */
    const float *base;
    int64_t ring, stride, top, left;
    /* Where to: any may be NULL. Row i lies at row i - first. sum: softmax is added; scores: softmax is written. */
    image *labels;
    float *scores, *sum;
    int64_t first;
    int64_t most; /* output rows that the buffers hold, at a time; 0: all */
    int64_t next; /* output rows emitted so far (before flipping) */
    float *room;  /* 2 * k for each thread */
} answer_rows;

/* Fills the tables, which answer_rows_release gives back. */
cseg_status answer_rows_init(answer_rows *r, const model_head *head, bool resize, int64_t in_h, int64_t in_w,
                             int64_t out_h, int64_t out_w, cseg_error *err);
void answer_rows_release(answer_rows *r);
/* The same for columns [x_from, x_from + x_n) of the answer alone. The source columns that they are made from, [*left,
 * *right), are those that `base` holds. */
cseg_status answer_rows_init_part(answer_rows *r, const model_head *head, int64_t in_h, int64_t in_w, int64_t out_h,
                                  int64_t out_w, int64_t x_from, int64_t x_n, int64_t *left, int64_t *right,
                                  cseg_error *err);
/* Emits every output row whose source rows lie below row `ready` of the memory (of the padded image, that is), `most`
 * of them at a time. */
void answer_rows_emit(answer_rows *r, int64_t ready);
/* labels from n-view sums of probabilities [h, w, k], which become means in place. */
void answer_from_sum(image *labels, float *sum, int64_t k, int n, float threshold);

/* A plan for one crop or image; its input "img" takes a predict_image of that size. */
cseg_status predictor_plan(predictor *p, int64_t h, int64_t w, int head, plan_answer answer, plan **out,
                           cseg_error *err);
plan_data predict_image(const float *img, int64_t h, int64_t w, int64_t c, int dates, const char *const *file);
/* Resolves -1, checks the range. */
cseg_status predictor_head(const predictor *p, int head, int *index, cseg_error *err);
cseg_status answer_labels_new(const model_head *head, int64_t h, int64_t w, image *out, cseg_error *err);

/* Slides over columns [x_from, x_to) of a scene; finished rows go through `rows` (whose ring is set up here), and
 * `finished` is called after each row of crops with the output rows that are new. */
typedef cseg_status slide_finished(void *arg, int64_t from, int64_t to, cseg_error *err);
typedef struct slide_job {
    const predict_scene *scene;
    int head;
    int64_t x_from, x_to;
    answer_rows *rows;
    slide_finished *finished; /* may be NULL */
    void *finished_arg;
    int64_t *done, all; /* crops, for progress */
} slide_job;
cseg_status predictor_slide(predictor *p, const slide_job *job, cseg_error *err);
/* Crops along one axis, and where crop i begins. */
int64_t slide_count(int64_t size, int64_t crop, int64_t stride);
int64_t slide_start(int64_t i, int64_t size, int64_t crop, int64_t stride);

#endif
