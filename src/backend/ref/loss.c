/* Losses by definition; see op_cross_entropy and its kin in graph.h. */
#include "backend/ref/ref.h"

typedef struct problem {
    const loss_attr *a;
    const tensor *logits;
    const int32_t *label;
    const float *class_weight, *weight;
    int64_t pixels, classes;
    int64_t small[4], large[4]; /* dims of the logits, as given and at the label's size */
    const float *x;             /* logits at the label's size */
    float *room;                /* owned: x when it had to be resized */
} problem;

static bool problem_init(problem *p, const node *n, void *const *in)
{
    const tensor *logits = n->in[0], *label = n->in[1];
    *p = (problem){.a = &n->attr.loss, .logits = logits, .label = in[1], .x = in[0], .classes = ref_channels(logits),
                   .pixels = tensor_count(label)};
    p->class_weight = n->n_in > 2 ? in[2] : NULL;
    p->weight = n->n_in > 3 ? in[3] : NULL;
    if (!p->a->resized)
        return true;
    for (int i = 0; i < 4; i++) {
        p->small[i] = logits->dim[i];
        p->large[i] = i < 3 ? label->dim[i] : logits->dim[3];
    }
    p->room = mem_alloc((size_t)(p->pixels * p->classes) * sizeof *p->room);
    p->x = p->room;
    if (p->room)
        ref_resized(p->small, p->large, p->a->align_corners, in[0], p->room);
    return p->room != NULL;
}

static bool ignored(const problem *p, int64_t i)
{
    return p->label[i] == p->a->ignore_index;
}
static bool is_class(const problem *p, int64_t i)
{
    return !ignored(p, i) && p->label[i] >= 0 && p->label[i] < p->classes;
}
static double pixel_weight(const problem *p, int64_t i)
{
    return p->weight ? (double)p->weight[i] : 1;
}
static double class_weight(const problem *p, int64_t k)
{
    return p->class_weight ? (double)p->class_weight[k] : 1;
}

static double softmax_denominator(const problem *p, int64_t i, double *max)
{
    const float *x = p->x + i * p->classes;
    double sum = 0;
    *max = (double)x[0];
    for (int64_t k = 1; k < p->classes; k++)
        *max = (double)x[k] > *max ? (double)x[k] : *max;
    for (int64_t k = 0; k < p->classes; k++)
        sum += exp((double)x[k] - *max);
    return sum;
}

/* What the sum is divided by; float32's epsilon is added to a divisor that was counted, as the reference does. */
static double divisor_of(const problem *p, double all, double valid, double weighted)
{
    switch (p->a->avg) {
    case AVG_ALL:
        return all;
    case AVG_NON_IGNORED:
        return valid + 0x1p-23;
    case AVG_CLASS_WEIGHT:
        return weighted + 0x1p-23;
    case AVG_SUM:
        return 1;
    }
    return NAN;
}

static int64_t argmax(const problem *p, int64_t i)
{
    const float *x = p->x + i * p->classes;
    int64_t best = 0;
    if (p->classes == 1)
        return x[0] > 0;
    for (int64_t k = 1; k < p->classes; k++)
        if (x[k] > x[best])
            best = k;
    return best;
}

static float accuracy(const problem *p)
{
    int64_t right = 0, counted = 0;
    for (int64_t i = 0; i < p->pixels; i++) {
        counted += !ignored(p, i);
        right += !ignored(p, i) && argmax(p, i) == p->label[i];
    }
    return (float)(100.0 * (double)right / ((double)counted + 0x1p-23));
}

static void finish(const node *n, void *const *out, problem *p, double loss, double divisor)
{
    *(float *)out[0] = (float)((double)p->a->scale * loss / divisor);
    *(float *)out[1] = (float)divisor;
    if (n->n_out > 2)
        *(float *)out[2] = accuracy(p);
    mem_free(p->room);
}

static void no_memory(const node *n, void *const *out)
{
    for (int k = 0; k < n->n_out; k++)
        for (int64_t i = 0; i < tensor_count(n->out[k]); i++)
            ((float *)out[k])[i] = NAN;
}

void ref_cross_entropy(const node *n, void *const *in, void *const *out)
{
    problem p;
    if (!problem_init(&p, n, in)) {
        no_memory(n, out);
        return;
    }
    double loss = 0, valid = 0, weighted = 0;
    for (int64_t i = 0; i < p.pixels; i++) {
        valid += !ignored(&p, i);
        if (!is_class(&p, i))
            continue;
        double max, sum = softmax_denominator(&p, i, &max), w = class_weight(&p, p.label[i]);
        loss += (log(sum) + max - (double)p.x[i * p.classes + p.label[i]]) * w * pixel_weight(&p, i);
        weighted += w;
    }
    finish(n, out, &p, loss, divisor_of(&p, (double)p.pixels, valid, weighted));
}

/* Hands the gradient back at the size of the logits as they were given. */
static void finish_grad(const node *n, void *const *out, problem *p, float *large)
{
    if (p->a->resized) {
        ref_unresized(p->small, p->large, p->a->align_corners, large, out[0]);
        mem_free(p->room);
    }
    (void)n;
}

static float *gradient_room(const problem *p, void *const *out)
{
    return p->a->resized ? p->room : out[0]; /* element by element, so the logits' own room will do */
}

void ref_cross_entropy_grad(const node *n, void *const *in, void *const *out)
{
    problem p;
    if (!problem_init(&p, n, in)) {
        no_memory(n, out);
        return;
    }
    double scale = (double)p.a->scale * (double)*(const float *)in[5] / (double)*(const float *)in[4];
    float *dx = gradient_room(&p, out);
    for (int64_t i = 0; i < p.pixels; i++) {
        double max, sum = softmax_denominator(&p, i, &max), w = 0;
        if (is_class(&p, i))
            w = scale * class_weight(&p, p.label[i]) * pixel_weight(&p, i);
        for (int64_t k = 0; k < p.classes; k++) {
            int64_t at = i * p.classes + k;
            dx[at] = (float)(w * (exp((double)p.x[at] - max) / sum - (k == p.label[i])));
        }
    }
    finish_grad(n, out, &p, dx);
}

/* Target of (pixel, class), and whether it counts. One channel: the label itself is the target. */
static bool target(const problem *p, int64_t i, int64_t k, double *t)
{
    *t = p->classes == 1 ? (double)p->label[i] : (double)(p->label[i] == k);
    return !ignored(p, i);
}

void ref_binary_cross_entropy(const node *n, void *const *in, void *const *out)
{
    problem p;
    if (!problem_init(&p, n, in)) {
        no_memory(n, out);
        return;
    }
    double loss = 0, valid = 0, weighted = 0;
    for (int64_t i = 0; i < p.pixels * p.classes; i++) {
        int64_t k = i % p.classes;
        double t, x = (double)p.x[i];
        if (!target(&p, i / p.classes, k, &t))
            continue;
        valid++;
        weighted += class_weight(&p, k);
        loss += (fmax(x, 0) - x * t + log1p(exp(-fabs(x)))) * class_weight(&p, k) * pixel_weight(&p, i / p.classes);
    }
    finish(n, out, &p, loss, divisor_of(&p, (double)(p.pixels * p.classes), valid, weighted));
}

void ref_binary_cross_entropy_grad(const node *n, void *const *in, void *const *out)
{
    problem p;
    if (!problem_init(&p, n, in)) {
        no_memory(n, out);
        return;
    }
    double scale = (double)p.a->scale * (double)*(const float *)in[5] / (double)*(const float *)in[4];
    float *dx = gradient_room(&p, out);
    for (int64_t i = 0; i < p.pixels * p.classes; i++) {
        double t;
        bool counts = target(&p, i / p.classes, i % p.classes, &t);
        double w = scale * class_weight(&p, i % p.classes) * pixel_weight(&p, i / p.classes);
        dx[i] = counts ? (float)(w * (1 / (1 + exp(-(double)p.x[i])) - t)) : 0;
    }
    finish_grad(n, out, &p, dx);
}

void ref_accuracy(const node *n, void *const *in, void *const *out)
{
    problem p;
    *(float *)out[0] = problem_init(&p, n, in) ? accuracy(&p) : NAN;
}
