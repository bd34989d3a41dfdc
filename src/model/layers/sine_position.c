#include "model/layers/sine_position.h"

#include <math.h>

static const field fields[] = {
    FIELD_RANGE(sine_position, F_INT, num_feats, NULL, 1, 1 << 19, "channels for rows, and as many for columns"),
    FIELD_RANGE(sine_position, F_FLOAT, temperature, "10000", 1e-3, 1e9, "the longest wave, in units of the shortest"),
    FIELD(sine_position, F_BOOL, normalize, "False", "places go from 0 to scale, whatever the map's size"),
    FIELD(sine_position, F_FLOAT, scale, "6.283185307179586", "with normalize: the place of the last pixel"),
    FIELD_RANGE(sine_position, F_FLOAT, eps, "1e-6", 0, 1, "with normalize: added to the map's size"),
    FIELD(sine_position, F_FLOAT, offset, "0.", "with normalize: added to the place of a pixel, which counts from 1"),
    FIELD_IGNORED(init_cfg, "it has no weights"),
};
static const field_table table = FIELD_TABLE(fields, sine_position);

bool sine_position_read(module *m, const value *cfg, sine_position *out)
{
    return !model_failed(m->model) &&
           fields_parse(&table, "SinePositionalEncoding", cfg, NULL, m->model->mem, out, &m->model->error) == CSEG_OK;
}

/* The codes of place i (from 0) of n, with the reference's roundings: sines in even channels, cosines in odd ones. */
static void code(const sine_position *s, int64_t i, int64_t n, float *to)
{
    float at = (float)(i + 1);
    if (s->normalize)
        at = (at + (float)s->offset) / ((float)n + (float)s->eps) * (float)s->scale;
    for (int64_t k = 0; k < s->num_feats; k++) {
        float wave = powf((float)s->temperature, (float)(2 * (k / 2)) / (float)s->num_feats);
        to[k] = k % 2 ? cosf(at / wave) : sinf(at / wave);
    }
}

tensor *sine_position_trace(graph *g, const sine_position *s, int64_t h, int64_t w)
{
    int64_t half = s->num_feats, dim[3] = {1, h * w, 2 * half};
    float *all = ARENA_ARRAY(g->mem, h * w * 2 * half, float), *one = ARENA_ARRAY(g->mem, half, float);
    if (!all || !one)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int part = 0; part < 2; part++) /* rows, then columns */
        for (int64_t i = 0, n = part ? w : h; i < n; i++) {
            code(s, i, n, one);
            for (int64_t j = 0; j < (part ? h : w); j++) {
                int64_t pixel = part ? j * w + i : i * w + j;
                for (int64_t k = 0; k < half; k++)
                    all[(2 * pixel + part) * half + k] = one[k];
            }
        }
    return graph_const(g, DT_F32, 3, dim, all);
}
