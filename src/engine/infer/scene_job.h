/* One scene that is being segmented: what infer_scene.c and scene_job.c share. */
#ifndef ENGINE_INFER_SCENE_JOB_H
#define ENGINE_INFER_SCENE_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/transforms/windows.h"
#include "engine/infer/infer_internal.h"
#include "engine/infer/predict_internal.h"
#include "engine/infer/scene_queue.h"
#include "engine/infer/scene_store.h"
#include "geo/scene.h"

typedef struct job {
    infer *x;
    const infer_scene *wanted;
    arena *mem;
    int head;
    predict_blend blend;
    pthread_mutex_t lock;  /* of the scenes: windows are read on one thread, what has no data on another */
    scene source, source2; /* source2: of a pair */
    window_source file;
    windowed *steps;
    int64_t h, w; /* as the model sees it, padded */
    scene_store *store;
    scene_queue *queue;
    double last_point;          /* usage_seconds */
    _Atomic(double) point_cost; /* seconds that the last one took to write */
} job;

/* Opens the scene, or both, as the pipeline makes them. */
cseg_status scene_job_open(job *j, cseg_error *err);
/* Compares windows spread over the scene with what the model learned from, before any is segmented: warnings, or
 * CSEG_DATA (input_watch_verdict). */
cseg_status scene_job_watch(job *j, const predict_options *o, cseg_error *err);
/* predict_scene's read and skip; arg: the job. */
cseg_status scene_job_read(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, float *to, cseg_error *err);
bool scene_job_is_empty(void *arg, int64_t y, int64_t x, int64_t h, int64_t w);
/* scene_queue's calls: takes out what has no data, and hands it to the store. */
cseg_status scene_job_write(void *arg, predict_part *part, cseg_error *err);
cseg_status scene_job_reach(void *arg, const predict_point *at, cseg_error *err);

#endif
