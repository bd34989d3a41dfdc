/* Keeps moving averages of the weights. Follows MMEngine's EMAHook with its averaged models (1.x) and MMCV's EMAHook
 * (0.x).
 *
 *     ema *average;
 *     TRY(ema_new(&e->ema, m, mem, &average, err));
 *     ema_update(average, 1, 0);
 *     ema_swap(average);
 *
 * 1.x evaluates the averages and saves them as the state dict; it saves the weights that training goes on with beside
 * them, as ema_state_dict. 0.x does so at the end of epochs only: an iteration-based run keeps its averages as buffers
 * ema_* of the state dict and never looks at them. */
#ifndef ENGINE_TRAIN_EMA_H
#define ENGINE_TRAIN_EMA_H

#include "engine/dialect/experiment.h"
#include "model/model.h"

typedef struct ema {
    const experiment_ema *how;
    model *m;
    float *weights; /* as m->data, and in the same memory */
    float *buffers; /* as m->buffers; NULL: running statistics are not averaged */
    int64_t steps;  /* updates since it began */
    bool swapped;
} ema;

/* Begins with the model's weights. */
cseg_status ema_new(const experiment_ema *how, model *m, arena *mem, ema **out, cseg_error *err);
/* Makes the averages the model's weights as they are now. */
void ema_begin(ema *e);
/* After an iteration; iter is the number of iterations done, epoch that of epochs done. */
void ema_update(ema *e, int64_t iter, int64_t epoch);
/* Exchanges the model's weights and the averages; twice is nothing. Does nothing if they are never looked at. */
void ema_swap(ema *e);
/* Where the average of a parameter or buffer of the model lies; NULL: it has none (counters, unaveraged buffers). */
float *ema_of(const ema *e, const param *p);

#endif
