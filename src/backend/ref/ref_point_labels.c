#include "backend/ref/ref.h"
#include "graph/ops/point_corners.h"

static const points_attr between = {0};

REF(point_classes, NULL)
{
    const int64_t *d = n->in[0]->dim;
    int64_t points = n->in[1]->dim[1], classes = n->attr.rank.k;
    float *y = memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < d[0] * points; i++) {
        const int32_t *label = (const int32_t *)in[0] + i / points * d[1] * d[2];
        point_corners at = point_corners_of(&between, (const float *)in[1] + 2 * i, d[1], d[2]);
        for (int k = 0; k < at.n; k++)
            if (label[at.pixel[k]] >= 0 && label[at.pixel[k]] < classes)
                y[i * classes + label[at.pixel[k]]] += at.weight[k];
    }
}

REF(point_hits, NULL)
{
    const int64_t *d = n->in[0]->dim;
    int64_t rows = n->in[1]->dim[1], points = n->in[2]->dim[1];
    for (int64_t i = 0; i < d[0] * rows * points; i++) {
        const int32_t *label = (const int32_t *)in[0] + i / points / rows * d[1] * d[2];
        int32_t of = ((const int32_t *)in[1])[i / points];
        point_corners at = point_corners_of(&between, (const float *)in[2] + 2 * i, d[1], d[2]);
        float sum = 0;
        for (int k = 0; k < at.n; k++)
            sum += of >= 0 && label[at.pixel[k]] == of ? at.weight[k] : 0;
        ((float *)out[0])[i] = sum;
    }
}
