/* Keeps moving averages of the weights. Follows MMEngine's EMAHook with its averaged models (1.x) and MMCV's EMAHook
 * (0.x).
 *
 *     ema *average;
 *     TRY(ema_new(&e->ema, m, mem, &average, err));
 *     ema_update(average, 1, 0);
 *     ema_swap(average);
 *
 * 1.x evaluates the averages and saves them as the state dict; it saves the weights that training continues with as
 * ema_state_dict. 0.x does so only at the end of epochs: an iteration-based run keeps its averages as buffers ema_* of
 * the state dict and never evaluates them. */
#ifndef ENGINE_TRAIN_EMA_H
#define ENGINE_TRAIN_EMA_H

#include "engine/dialect/experiment.h"
#include "model/model.h"

typedef struct ema {
    const experiment_ema *how;
    model *m;
    float *weights; /* laid out as m->data, in the same memory */
    float *buffers; /* laid out as m->buffers; NULL: running statistics are not averaged */
    int64_t steps;  /* number of updates */
    bool swapped;
} ema;

/* Starts the averages with the model's weights. */
cseg_status ema_new(const experiment_ema *how, model *m, arena *mem, ema **out, cseg_error *err);
/* Resets the averages to the model's present weights. */
void ema_begin(ema *e);
/* Updates the averages after an iteration; iter and epoch are the numbers of iterations and epochs done. */
void ema_update(ema *e, int64_t iter, int64_t epoch);
/* Exchanges the model's weights and the averages; a second call restores them. Does nothing if the averages are never
 * evaluated. */
void ema_swap(ema *e);
/* Returns where the average of a parameter or buffer is stored; NULL: it has none (counters, buffers that are not
 * averaged). */
float *ema_of(const ema *e, const param *p);

#endif
