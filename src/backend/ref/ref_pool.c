#include "backend/ref/ref.h"
#include "base/least.h"

typedef struct window {
    int64_t y0, y1, x0, x1; /* within the input */
    int64_t area;           /* divisor of an average */
} window;

static window pool_window(const pool_attr *a, const int64_t *x, int64_t oy, int64_t ox)
{
    int64_t y0 = oy * a->stride[0] - a->pad[0], x0 = ox * a->stride[1] - a->pad[1];
    /* Padding counts, but not what ceil_mode adds beyond it. */
    int64_t y1 = least_of(y0 + a->kernel[0], x[1] + a->pad[0]), x1 = least_of(x0 + a->kernel[1], x[2] + a->pad[1]);
    window w = {most_of(y0, 0), least_of(y1, x[1]), most_of(x0, 0), least_of(x1, x[2]), (y1 - y0) * (x1 - x0)};
    if (!a->count_include_pad)
        w.area = (w.y1 - w.y0) * (w.x1 - w.x0);
    return w;
}

/* PyTorch's: from floor(i * in / out) to ceil((i + 1) * in / out). */
static window adaptive_window(const int64_t *x, const int64_t *y, int64_t oy, int64_t ox)
{
    window w = {oy * x[1] / y[1], ((oy + 1) * x[1] + y[1] - 1) / y[1], ox * x[2] / y[2],
                ((ox + 1) * x[2] + y[2] - 1) / y[2], 0};
    w.area = (w.y1 - w.y0) * (w.x1 - w.x0);
    return w;
}

typedef void visit(void *arg, window w, int64_t image, int64_t out, int64_t c);

static void each_window(const node *n, const int64_t *x, const int64_t *y, visit *f, void *arg)
{
    bool adaptive = n->op == OP_adaptive_avg_pool || n->op == OP_adaptive_avg_pool_grad ||
                    n->op == OP_adaptive_max_pool || n->op == OP_adaptive_max_pool_grad;
    for (int64_t i = 0; i < y[0] * y[1] * y[2] * y[3]; i++) {
        int64_t c = i % y[3], ox = i / y[3] % y[2], oy = i / y[3] / y[2] % y[1], image = i / y[3] / y[2] / y[1];
        f(arg, adaptive ? adaptive_window(x, y, oy, ox) : pool_window(&n->attr.pool, x, oy, ox), image, i, c);
    }
}

typedef struct maps {
    const int64_t *x;
    const float *from, *y, *dy;
    float *to;
} maps;

static int64_t at(const maps *m, int64_t image, int64_t y, int64_t x, int64_t c)
{
    return ((image * m->x[1] + y) * m->x[2] + x) * m->x[3] + c;
}

static void take_max(void *arg, window w, int64_t image, int64_t out, int64_t c)
{
    maps *m = arg;
    m->to[out] = -INFINITY;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++) {
            float v = m->from[at(m, image, y, x, c)];
            if (v > m->to[out] || isnan(v))
                m->to[out] = v;
        }
}

static void give_max(void *arg, window w, int64_t image, int64_t out, int64_t c)
{
    maps *m = arg;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++)
            if (m->from[at(m, image, y, x, c)] == m->y[out]) {
                m->to[at(m, image, y, x, c)] += m->dy[out];
                return;
            }
}

static void take_average(void *arg, window w, int64_t image, int64_t out, int64_t c)
{
    maps *m = arg;
    double sum = 0;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++)
            sum += (double)m->from[at(m, image, y, x, c)];
    m->to[out] = (float)(sum / (double)w.area);
}

static void give_average(void *arg, window w, int64_t image, int64_t out, int64_t c)
{
    maps *m = arg;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++)
            m->to[at(m, image, y, x, c)] += m->dy[out] / (float)w.area;
}

REF(max_pool, NULL)
{
    each_window(n, n->in[0]->dim, n->out[0]->dim, take_max, &(maps){n->in[0]->dim, in[0], NULL, NULL, out[0]});
}

REF(max_pool_grad, NULL)
{
    memset(out[0], 0, tensor_bytes(n->out[0]));
    each_window(n, n->in[0]->dim, n->in[1]->dim, give_max, &(maps){n->in[0]->dim, in[0], in[1], in[2], out[0]});
}

REF(avg_pool, NULL)
{
    each_window(n, n->in[0]->dim, n->out[0]->dim, take_average, &(maps){n->in[0]->dim, in[0], NULL, NULL, out[0]});
}

REF(avg_pool_grad, NULL)
{
    memset(out[0], 0, tensor_bytes(n->out[0]));
    each_window(n, n->out[0]->dim, n->in[0]->dim, give_average, &(maps){n->out[0]->dim, NULL, NULL, in[0], out[0]});
}

REF(adaptive_avg_pool, NULL)
{
    ref_avg_pool(n, in, out, scratch);
}

REF(adaptive_avg_pool_grad, NULL)
{
    ref_avg_pool_grad(n, in, out, scratch);
}

REF(adaptive_max_pool, NULL)
{
    ref_max_pool(n, in, out, scratch);
}

REF(adaptive_max_pool_grad, NULL)
{
    ref_max_pool_grad(n, in, out, scratch);
}
