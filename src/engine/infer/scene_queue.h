/* Writes parts of a scene's answer on a thread of its own, so that compressing them and waiting for the disk does not
 * hold up the computing.
 *
 *     scene_queue *q;
 *     scene_queue_calls calls = {0};
 *     predict_part part = {.y = 0, .x = 0};
 *     TRY(scene_queue_open(&calls, &q, err));
 *     TRY(scene_queue_put(q, &part, err));
 *     TRY(scene_queue_close(q, true, err));
 */
#ifndef ENGINE_INFER_SCENE_QUEUE_H
#define ENGINE_INFER_SCENE_QUEUE_H

#include "engine/infer/predict.h"

typedef struct scene_queue scene_queue;

typedef struct scene_queue_calls {
    /* Called on the queue's thread, in the order in which parts and points came. A part's images may be changed. */
    cseg_status (*write)(void *arg, predict_part *part, cseg_error *err);
    cseg_status (*reach)(void *arg, const predict_point *at, cseg_error *err);
    void *arg;
} scene_queue_calls;

cseg_status scene_queue_open(const scene_queue_calls *calls, scene_queue **out, cseg_error *err);
/* Copies the part, and waits while one is written and another waits. An error of an earlier one is returned here. */
cseg_status scene_queue_put(scene_queue *q, const predict_part *part, cseg_error *err);
/* The same for a point, whose sums it takes: at->sums is NULL afterwards. */
cseg_status scene_queue_reach(scene_queue *q, predict_point *at, cseg_error *err);
/* Ends the thread. wait: only after all that was put is written; else what waits is dropped. NULL is fine. */
cseg_status scene_queue_close(scene_queue *q, bool wait, cseg_error *err);

#endif
