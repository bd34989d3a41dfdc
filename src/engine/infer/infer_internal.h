/* The inside of infer.h, shared by its files. */
#ifndef ENGINE_INFER_INFER_INTERNAL_H
#define ENGINE_INFER_INFER_INTERNAL_H

#include "engine/infer/infer.h"
#include "engine/infer/input_watch.h"

enum { INFER_VIEWS = 64 };

struct infer {
    arena *mem;
    const experiment *e;
    const char *checkpoint;
    bool bf16;
    int threads; /* of the backend */
    model *m;
    backend *b;
    predictor *p;
    pipeline *steps;
    preprocessor pre;
    input_watch watch;
    int64_t classes;
    const char **names; /* NULL: no names */
    uint8_t *palette;
    float *room; /* for packed images; grows on demand */
    size_t room_floats;
};

#endif
