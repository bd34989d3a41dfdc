/* Losses by definition; see op_cross_entropy and the other losses in graph.h. */
#include "backend/ref/ref.h"

static const double EPSILON = 0x1p-23; /* float32's, which MMSegmentation adds to what it counts */

typedef struct problem {
    const loss_attr *a;
    const int32_t *label;
    const float *class_weight, *weight;
    int64_t pixels, classes;
    int64_t small[4], large[4]; /* dims of the logits, as given and at the label's size */
    const float *x;             /* logits at the label's size */
} problem;

/* scratch: room for the logits at the label's size if they are smaller. */
static problem problem_of(const node *n, void *const *in, void *scratch)
{
    const tensor *logits = n->in[0], *label = n->in[1];
    problem p = {.a = &n->attr.loss,
                 .label = in[1],
                 .x = in[0],
                 .classes = ref_channels(logits),
                 .class_weight = ref_optional(n, in, 2),
                 .weight = ref_optional(n, in, 3),
                 .pixels = tensor_count(label)};
    if (!p.a->resized)
        return p;
    for (int i = 0; i < 4; i++) {
        p.small[i] = logits->dim[i];
        p.large[i] = i < 3 ? label->dim[i] : logits->dim[3];
    }
    ref_resized(p.small, p.large, p.a->align_corners, in[0], scratch);
    p.x = scratch;
    return p;
}

static bool ignored(const problem *p, int64_t i)
{
    return p->label[i] == p->a->ignore_index;
}

/* One channel in binary cross-entropy stands for two classes. */
static bool is_class(const problem *p, int64_t i, int64_t classes)
{
    return !ignored(p, i) && p->label[i] >= 0 && p->label[i] < classes;
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

static double counted_labels(const problem *p)
{
    double n = 0;
    for (int64_t i = 0; i < p->pixels; i++)
        n += !ignored(p, i);
    return n;
}

static double summed_class_weights(const problem *p)
{
    double sum = 0;
    for (int64_t i = 0; i < p->pixels; i++)
        if (p->label[i] >= 0 && p->label[i] < p->classes && !(p->a->avg_non_ignore && ignored(p, i)))
            sum += class_weight(p, p->label[i]);
    return sum;
}

static double cross_entropy_divisor(const problem *p)
{
    switch (p->a->avg) {
    case AVG_ALL:
        return (double)p->pixels;
    case AVG_NON_IGNORED:
        return counted_labels(p) + EPSILON;
    case AVG_CLASS_WEIGHT:
        return summed_class_weights(p) + EPSILON;
    case AVG_SUM:
    case AVG_NONE:
        return 1;
    }
    return NAN;
}

static float accuracy(const problem *p)
{
    double right = EPSILON, counted = EPSILON;
    for (int64_t i = 0; i < p->pixels; i++) {
        const float *x = p->x + i * p->classes;
        int64_t best = 0;
        for (int64_t k = 1; k < p->classes; k++)
            best = x[k] > x[best] ? k : best;
        counted += !ignored(p, i);
        right += !ignored(p, i) && best == p->label[i];
    }
    return (float)(right * (100 / counted));
}

/* Scratch for logits at the label's size. */
static size_t resized_logits(const node *n)
{
    if (!n->attr.loss.resized)
        return 0;
    size_t large = (size_t)(tensor_count(n->in[1]) * ref_channels(n->in[0])) * sizeof(float);
    return (large + 7) / 8 * 8;
}

/* Scratch for these, and for the sums of the gradient at the logits' own size. */
static size_t resized_logits_and_sums(const node *n)
{
    if (!n->attr.loss.resized)
        return 0;
    return resized_logits(n) + (size_t)tensor_count(n->in[0]) * sizeof(double);
}

static double pixel_loss(const problem *p, int64_t i)
{
    if (!is_class(p, i, p->classes))
        return 0;
    double max, sum = softmax_denominator(p, i, &max), w = class_weight(p, p->label[i]) * pixel_weight(p, i);
    return (log(sum) + max - (double)p->x[i * p->classes + p->label[i]]) * w;
}

REF(cross_entropy, resized_logits)
{
    problem p = problem_of(n, in, scratch);
    double loss = 0, divisor = cross_entropy_divisor(&p);
    for (int64_t i = 0; i < p.pixels; i++) {
        double one = pixel_loss(&p, i);
        if (p.a->avg == AVG_NONE)
            ((float *)out[0])[i] = (float)((double)p.a->scale * one);
        loss += one;
    }
    if (p.a->avg != AVG_NONE)
        *(float *)out[0] = (float)((double)p.a->scale * loss / divisor);
    *(float *)out[1] = (float)divisor;
    if (n->n_out > 2)
        *(float *)out[2] = accuracy(&p);
}

/* The gradient at the label's size replaces the logits there; then it is resized back to the logits' size. */
static float *gradient_room(const problem *p, void *const *out, void *scratch)
{
    return p->a->resized ? scratch : out[0];
}

static void finish_gradient(const problem *p, void *const *out, void *scratch)
{
    size_t large = (size_t)(p->pixels * p->classes) * sizeof(float);
    if (p->a->resized)
        ref_unresized(p->small, p->large, p->a->align_corners, scratch,
                      (double *)((char *)scratch + (large + 7) / 8 * 8), out[0]);
}

/* The factor of pixel i: a.scale * dloss / divisor. */
static double gradient_scale(const problem *p, void *const *in, int64_t i)
{
    const float *dloss = in[5];
    return (double)p->a->scale * (double)dloss[p->a->avg == AVG_NONE ? i : 0] / (double)*(const float *)in[4];
}

REF(cross_entropy_grad, resized_logits_and_sums)
{
    problem p = problem_of(n, in, scratch);
    float *dx = gradient_room(&p, out, scratch);
    for (int64_t i = 0; i < p.pixels; i++) {
        double max, sum = softmax_denominator(&p, i, &max), w = 0;
        if (is_class(&p, i, p.classes))
            w = gradient_scale(&p, in, i) * class_weight(&p, p.label[i]) * pixel_weight(&p, i);
        for (int64_t k = 0; k < p.classes; k++) {
            int64_t at = i * p.classes + k;
            dx[at] = (float)(w * (exp((double)p.x[at] - max) / sum - (k == p.label[i])));
        }
    }
    finish_gradient(&p, out, scratch);
}

static bool is_binary_class(const problem *p, int64_t i)
{
    return is_class(p, i, p->classes == 1 ? 2 : p->classes);
}

static double target(const problem *p, int64_t i, int64_t k)
{
    return p->classes == 1 ? (double)p->label[i] : (double)(p->label[i] == k);
}

/* log(1 + exp(v)), for any v. */
static double softplus(double v)
{
    return fmax(v, 0) + log1p(exp(-fabs(v)));
}

REF(binary_cross_entropy, resized_logits)
{
    problem p = problem_of(n, in, scratch);
    double loss = 0, valid = 0;
    for (int64_t i = 0; i < p.pixels; i++) {
        if (!is_binary_class(&p, i))
            continue;
        for (int64_t k = 0; k < p.classes; k++) {
            double t = target(&p, i, k), x = (double)p.x[i * p.classes + k];
            loss += pixel_weight(&p, i) * (class_weight(&p, k) * t * softplus(-x) + (1 - t) * softplus(x));
        }
        valid += (double)p.classes;
    }
    double divisor = p.a->avg == AVG_SUM           ? 1
                     : p.a->avg == AVG_NON_IGNORED ? valid + EPSILON
                                                   : (double)(p.pixels * p.classes);
    *(float *)out[0] = (float)((double)p.a->scale * loss / divisor);
    *(float *)out[1] = (float)divisor;
}

REF(binary_cross_entropy_grad, resized_logits_and_sums)
{
    problem p = problem_of(n, in, scratch);
    double scale = gradient_scale(&p, in, 0);
    float *dx = gradient_room(&p, out, scratch);
    for (int64_t i = 0; i < p.pixels; i++)
        for (int64_t k = 0; k < p.classes; k++) {
            int64_t at = i * p.classes + k;
            double t = target(&p, i, k), s = 1 / (1 + exp(-(double)p.x[at]));
            double slope = (1 - t) * s - class_weight(&p, k) * t * (1 - s);
            dx[at] = is_binary_class(&p, i) ? (float)(scale * pixel_weight(&p, i) * slope) : 0;
        }
    finish_gradient(&p, out, scratch);
}

REF(accuracy, resized_logits)
{
    problem p = problem_of(n, in, scratch);
    *(float *)out[0] = accuracy(&p);
}

REF(sigmoid_cross_entropy, NULL)
{
    const float *x = in[0], *t = in[1], *weight = ref_optional(n, in, 2);
    int64_t c = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[0]); i++) {
        double w = weight ? (double)weight[i % c] : 1, v = (double)x[i];
        ((float *)out[0])[i] = (float)(w * (double)t[i] * softplus(-v) + (1 - (double)t[i]) * softplus(v));
    }
}

REF(sigmoid_cross_entropy_grad, NULL)
{
    const float *x = in[0], *t = in[1], *weight = in[2], *dy = in[3];
    int64_t c = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[0]); i++) {
        double w = weight ? (double)weight[i % c] : 1, s = 1 / (1 + exp(-(double)x[i]));
        ((float *)out[0])[i] = (float)((double)dy[i] * ((1 - (double)t[i]) * s - w * (double)t[i] * (1 - s)));
    }
}

REF(presence, NULL)
{
    const int32_t *label = in[0];
    int64_t images = n->out[0]->dim[0], c = n->out[0]->dim[1], pixels = tensor_count(n->in[0]) / images;
    float *y = out[0];
    for (int64_t i = 0; i < images * c; i++)
        y[i] = c == 1;
    for (int64_t i = 0; i < images * pixels; i++)
        if (label[i] >= 0 && label[i] < c)
            y[i / pixels * c + label[i]] = 1;
}
