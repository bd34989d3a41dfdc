/* Moving averages of the weights, evaluated and saved in their place. */
#ifndef ENGINE_EMA_H
#define ENGINE_EMA_H

#include "engine/experiment.h"
#include "model/model.h"

typedef struct ema {
    const experiment_ema *how;
    model *m;
    float *weights;  /* as m->data */
    float *buffers;  /* 0.x averages running statistics too; 1.x copies them. As m->buffers */
    bool average_buffers;
    int64_t steps;
    bool swapped;
} ema;

cseg_status ema_new(const experiment_ema *how, bool average_buffers, model *m, arena *mem, ema **out, cseg_error *err);
/* After an optimizer step; iter and epoch: done. */
void ema_update(ema *e, int64_t iter, int64_t epoch);
/* Exchanges the model's weights and the averages; twice is nothing. */
void ema_swap(ema *e);

#endif
