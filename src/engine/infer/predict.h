/* Predicts label maps from normalised images, by MMSegmentation's test modes.
 *
 *     predictor *net;
 *     prediction answer = {0};
 *     predict_view view = {.img = v, .h = h, .w = w, .c = 3};
 *     TRY(predictor_new(m, b, &(predict_options){.mode = PREDICT_WHOLE}, &net, err));
 *     TRY(predictor_run(net, &view, 1, h, w, -1, false, &answer, err));
 *
 * Follows mmseg 1.2.2 (EncoderDecoder.inference, BaseSegmentor.postprocess_result, SegTTAModel) and 0.30.0 (inference,
 * aug_test): logits at the input's size, padding cut off, resized to the file's size, argmax (the first of equals), or
 * sigmoid > threshold for one output channel. Several views of one image (scales, flips) are averaged as softmax or
 * sigmoid. Both dialects give the same maps up to rounding.
 *
 * A predictor is used by one thread at a time; the backend's threads work inside. It reads the model's weights where
 * they are: call predictor_weights_changed after a training step or after loading a checkpoint. */
#ifndef ENGINE_INFER_PREDICT_H
#define ENGINE_INFER_PREDICT_H

#include "data/loader/loader.h"
#include "graph/backend.h"
#include "io/image/image.h"
#include "model/model.h"

typedef struct predictor predictor;

typedef enum { PREDICT_WHOLE, PREDICT_SLIDE } predict_mode;

typedef struct predict_options {
    predict_mode mode;
    int64_t crop_h, crop_w;     /* slide: test_cfg.crop_size */
    int64_t stride_h, stride_w; /* slide: test_cfg.stride; at least 1 */
    size_t plan_bytes;          /* plans of other shapes are dropped, oldest first, above this; 0: 2 GiB */
    unsigned passes;            /* PASS_* of graph/passes/passes.h */
} predict_options;

/* mode, crop and stride from a test_cfg dict (NULL: whole); passes from the environment's CSEG_PASSES.
 * CSEG_CONFIG with file and line. */
cseg_status predict_options_read(const value *test_cfg, predict_options *out, cseg_error *err);

/* Borrows model and backend; both must outlive it. */
cseg_status predictor_new(model *m, backend *b, const predict_options *options, predictor **out, cseg_error *err);
void predictor_free(predictor *p); /* NULL is fine */
void predictor_weights_changed(predictor *p);

/* One image as the model takes it: f32 [h, w, c] (NHWC with N = 1), normalised. */
typedef struct predict_view {
    const float *img;
    const char *file;     /* it is from, for messages; may be NULL */
    int64_t h, w;         /* as it is in memory, padding included */
    int64_t c;            /* compared with the model's in_channels */
    int dates;            /* that lie in the channels, as the model sees them; 0: one */
    int64_t top, left;    /* padding in front of the image's first row and column (1.x test_cfg padding: 0) */
    int64_t img_h, img_w; /* of the image inside the padding; 0: all behind top and left */
    char flip;            /* 'h', 'v', 'd' (both), or 0: taken back in the result */
} predict_view;

/* What comes out. The images are image_new's: give back with prediction_release. Zero it before the first use. */
typedef struct prediction {
    image labels; /* [ori_h, ori_w], c == 1: class ids. IMAGE_U8 up to 256 classes, else IMAGE_I32 */
    image scores; /* f32 [ori_h, ori_w, K] softmax (or sigmoid, K == 1), only if they were asked for */
} prediction;
void prediction_release(prediction *out);

/* n views of one image (1 without test-time augmentation), all resized to [ori_h, ori_w]. head: an index of
 * model->heads, or -1: the answering one. *out is filled anew (what it held is released).
 * CSEG_SHAPE: a view that does not fit the model (its channels or dates); CSEG_USAGE: no such head. */
cseg_status predictor_run(predictor *p, const predict_view *views, int n, int64_t ori_h, int64_t ori_w, int head,
                          bool want_scores, prediction *out, cseg_error *err);

/* The same for image `at` of a loader's batch. With test-time augmentation a batch comes view after view, each of its
 * own size: the images' sums are kept here, and *ready is true with the last view. Without it *ready is always true. */
cseg_status predictor_feed(predictor *p, const batch *b, int64_t at, int head, bool want_scores, prediction *out,
                           bool *ready, cseg_error *err);

/* How overlapping windows are joined. */
typedef enum {
    BLEND_LOGITS, /* the mean of their logits, as MMSegmentation's slide mode does */
    BLEND_SMOOTH, /* the mean of their scores, each weighed by how far the pixel is from the window's borders */
    BLEND_CUT,    /* the scores of the window in whose middle the pixel lies: nothing is joined */
} predict_blend;

/* A finished part of a scene's answer, from row y and column x on. */
typedef struct predict_part {
    int64_t y, x;
    image labels; /* [h, w]: u8 or i32 as in prediction */
    image scores; /* f32 [h, w, K]; data NULL unless asked for */
    image
        confidence; /* u8 [h, w]: the score of the label, in steps of 1 / CONFIDENCE_ONE; data NULL unless asked for */
} predict_part;

/* Where a scan can be taken up again: after a row of windows. The parts written until then are complete. */
typedef struct predict_point {
    int64_t strip, row; /* the next row of windows */
    int64_t written;    /* rows of the answer that are written of this strip */
    int64_t done;       /* windows */
    size_t strip_bytes; /* with which the scan was begun, and goes on */
    int64_t from, to;   /* rows that `sums` holds */
    float *sums;        /* of the rows that are not finished, the host's; NULL: none are */
    size_t n_sums;      /* floats */
} predict_point;

/* Scenes of any size, in slide mode, with memory for one row of crops of one strip. */
typedef struct predict_scene {
    int64_t h, w;         /* as the model sees it, padding included */
    int64_t img_h, img_w; /* without the padding behind it; 0: h, w */
    int64_t ori_h, ori_w; /* of the answer, to which logits are resized; 0: img_h, img_w */
    int64_t c;            /* that `read` fills: compared with the model's in_channels */
    int dates;            /* in these channels; 0: one */
    const char *file;     /* for messages; may be NULL */
    predict_blend blend;
    const char *flips; /* besides the window itself: any of 'h', 'v', 'd' (both), each once; NULL: none. The mean of
                          their scores: not with BLEND_LOGITS */
    int batch;         /* windows that go through the model at once; 0: 1 */
    int ahead; /* windows that are read while others are computed, on a thread of their own: `read` and `skip` are
                  called there and nowhere else; 0: none */
    /* Fills f32 [n_h, n_w, c] from the window at (y, x). */
    cseg_status (*read)(void *arg, int64_t y, int64_t x, int64_t n_h, int64_t n_w, float *to, cseg_error *err);
    /* Takes a part of the answer, whose memory it may use until it returns. Every pixel comes exactly once. */
    cseg_status (*write)(void *arg, const predict_part *part, cseg_error *err);
    /* True for a crop that need not be computed (nothing but nodata): its logits count as 0. May be NULL. */
    bool (*skip)(void *arg, int64_t y, int64_t x, int64_t n_h, int64_t n_w);
    /* Called after each crop; CSEG_INTERRUPTED from it stops. May be NULL. */
    cseg_status (*progress)(void *arg, int64_t done, int64_t all, cseg_error *err);
    /* After a row of windows: whether a point is wanted, which is then given to `reached`; at the end of a strip it is
     * in any case. Both NULL: no points. */
    bool (*due)(void *arg);
    cseg_status (*reached)(void *arg, predict_point *at, cseg_error *err); /* may keep at->sums: NULL then */
    const predict_point *from; /* of an earlier scan that was asked for the same; NULL: from the beginning */
    void *arg;
    bool want_scores, want_confidence;
    size_t strip_bytes; /* of the logits and answers that are held; 0: 256 MiB. Strips overlap, the result does not
                           depend on it; with `from` it is that point's */
} predict_scene;

/* The result is that of predictor_run on the whole scene in slide mode. A predictor in whole mode slides too, with its
 * crop and stride, which then must be set. */
cseg_status predictor_scan(predictor *p, const predict_scene *scene, int head, cseg_error *err);
/* The bytes that predictor_scan takes for its strips, and those of its plan: build it beforehand to know what is left.
 * *least: what strip_bytes cannot go below. */
cseg_status predictor_scan_bytes(predictor *p, const predict_scene *scene, int head, size_t *plan, size_t *least,
                                 cseg_error *err);

#endif
