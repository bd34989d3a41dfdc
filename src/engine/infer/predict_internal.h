/* What the predictor's files share. */
#ifndef ENGINE_INFER_PREDICT_INTERNAL_H
#define ENGINE_INFER_PREDICT_INTERNAL_H

#include "base/bilinear.h"
#include "engine/infer/predict.h"
#include "graph/plan.h"

enum { PREDICT_MAX_CROP = 16384 };

typedef enum { PLAN_LOGITS, PLAN_LABELS } plan_answer;

typedef struct cached_plan {
    int64_t n, h, w;
    int head;
    plan_answer answer;
    graph *g;
    plan *p;
    size_t bytes;
    uint64_t used; /* the predictor's clock at the last use */
} cached_plan;

/* An image that the backend writes: where its memory is the host's, that of the image itself. */
typedef struct answer_map {
    image host; /* its size and type; its data NULL until map_get, where the backend's memory is not the host's */
    void *at;   /* in the backend's memory, zeroed at first */
} answer_map;

cseg_status map_new(backend *b, int64_t h, int64_t w, int64_t c, image_type type, answer_map *out, cseg_error *err);
/* The first `rows` rows are in m->host when it returns; all that was asked of the backend is done. */
cseg_status map_get(backend *b, answer_map *m, int64_t rows, cseg_error *err);
/* Gives the image away, and the memory back. */
cseg_status map_take(backend *b, answer_map *m, image *out, cseg_error *err);
void map_release(backend *b, answer_map *m);
image_type answer_image_type(const model_head *head);
cseg_status answer_labels_new(backend *b, const model_head *head, int64_t h, int64_t w, answer_map *out,
                              cseg_error *err);
dtype answer_label_type(const answer_map *labels);

struct predictor {
    arena *mem;
    model *m;
    backend *b;
    predict_options options;
    VEC(cached_plan) plans;
    uint64_t clock;
    VEC(answer_map) sums; /* of the views that predictor_feed has seen so far, for each image of the batch */
};

/* Rows of logits that become rows of the answer. */
typedef struct answer_stream {
    answer_rows rows;       /* what the backend is asked next; the last time it was asked for [from, to) */
    bilinear_source *y, *x; /* its tables */
    int64_t most;           /* output rows that the buffers hold, at a time; 0: all */
} answer_stream;

/* From logits of in_h x in_w to an answer of out_h x out_w. Fills the tables, which answer_stream_release gives back.
 */
cseg_status answer_stream_init(answer_stream *s, const model_head *head, int64_t in_h, int64_t in_w, int64_t out_h,
                               int64_t out_w, cseg_error *err);
void answer_stream_release(answer_stream *s);
/* The same for columns [x_from, x_from + x_n) of the answer alone. The source columns that they are made from, [*left,
 * *right), are those that rows.logits holds. */
cseg_status answer_stream_init_part(answer_stream *s, const model_head *head, int64_t in_h, int64_t in_w, int64_t out_h,
                                    int64_t out_w, int64_t x_from, int64_t x_n, int64_t *left, int64_t *right,
                                    cseg_error *err);
/* Where labels and scores go; a map that is empty is not written. */
void answer_stream_to(answer_stream *s, const answer_map *labels, const answer_map *scores,
                      const answer_map *confidence);
/* Asks for every output row whose source rows lie below row `ready` of the memory (of the padded image, that is),
 * `most` of them at a time. */
cseg_status answer_stream_emit(backend *b, answer_stream *s, int64_t ready, cseg_error *err);

/* What a view's answer of h x w pixels is written to, or (sum) added to; any may be empty. */
typedef struct view_target {
    int64_t h, w;
    answer_map labels, scores, sum;
} view_target;
cseg_status predictor_run_view(predictor *p, const predict_view *v, int head, const view_target *to, cseg_error *err);
/* Whether the labels at ori_h x ori_w are the graph's own answer: nothing to cut, resize or flip. */
bool predictor_answers_itself(const predictor *p, const predict_view *v, int head, int64_t ori_h, int64_t ori_w);
/* Those; labels is filled anew. */
cseg_status predictor_run_labels(predictor *p, const predict_view *v, int head, image *labels, cseg_error *err);

/* A plan for n crops or images; its input "img" takes a predict_image of that size. */
cseg_status predictor_plan(predictor *p, int64_t n, int64_t h, int64_t w, int head, plan_answer answer, plan **out,
                           cseg_error *err);
plan_data predict_image(const float *img, int64_t n, int64_t h, int64_t w, int64_t c, int dates,
                        const char *const *file);
/* Resolves -1, checks the range. */
cseg_status predictor_head(const predictor *p, int head, int *index, cseg_error *err);

/* CSEG_UNSUPPORTED if the head's map is made of the change map as well (model.covers_unchanged); `what`: of what that
 * is not done. */
cseg_status predictor_no_cover(const predictor *p, int head, const char *what, cseg_error *err);

/* A strip of a scene: columns [x, x + w) of the answer, made from columns [left, right) of what the model sees, which
 * windows [first, last) of each row cover. */
typedef struct slide_strip {
    int64_t x, w, left, right, first, last;
} slide_strip;

/* Slides over one strip; finished rows go through `rows` (whose ring is set up here), and `finished` is called after
 * each row of windows with the output rows that are new. */
typedef cseg_status slide_finished(void *arg, int64_t from, int64_t to, cseg_error *err);
typedef struct slide_job {
    const predict_scene *scene;
    int head;
    int64_t number; /* of the strip */
    slide_strip strip;
    struct window_reader *windows;
    answer_stream *rows;
    slide_finished *finished; /* may be NULL */
    void *finished_arg;
    const predict_point *from; /* NULL: the strip's first row */
    int64_t *done, all;        /* windows, for progress */
} slide_job;
cseg_status predictor_slide(predictor *p, const slide_job *job, cseg_error *err);

#endif
