/* Cross-entropy over the classes of each pixel, or of each of its channels (binary), its gradient, and the accuracy, on
 * tiles of pixels that stay in the cache (tiles.h). Where a graph pass made the resize of the logits part of the op,
 * neither logits nor gradients of the label's size exist. Bound by exp. */
#include <math.h>

#include "backend/cpu/map.h"
#include "backend/cpu/tiles.h"

typedef struct loss_kernel {
    cpu_kernel k;
    tiling t;
    bool binary;
} loss_kernel;

static cseg_status loss_new(cpu_backend *b, const node *n, arena *mem, cpu_run *run, loss_kernel **out, cseg_error *err)
{
    loss_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    resize_attr how = {.align_corners = n->attr.loss.align_corners};
    if (!k || !tiling_init(&k->t, b, n->in[0], n->in[1], n->attr.loss.resized ? &how : NULL, mem))
        return fail_memory(err);
    k->binary = n->op == OP_binary_cross_entropy || n->op == OP_binary_cross_entropy_grad;
    *out = k;
    return CSEG_OK;
}

/* Returns a thread's own part of the room, of `tiles` tiles. */
static float *own_tiles(const loss_kernel *k, float *room, int tiles)
{
    return room + omp_get_thread_num() * tiles * tiling_floats(&k->t);
}

static size_t tiles_bytes(const loss_kernel *k, int tiles)
{
    return (size_t)(k->k.b->options.threads * tiles * tiling_floats(&k->t)) * sizeof(float);
}

typedef struct loss_sums {
    double loss, divisor;
    int64_t right, counted;
} loss_sums;

/* The product of a pixel's class weight and its own weight; either array may be NULL. */
static double weight_of(const float *class_weight, const float *weight, int32_t label, int64_t i)
{
    return (class_weight ? (double)class_weight[label] : 1) * (weight ? (double)weight[i] : 1);
}

/* The sum of class weights by which the average divides: ignored pixels count too if their label is a class. */
static double class_weights(const loss_kernel *k, const int32_t *label, const float *class_weight, int64_t n)
{
    const loss_attr *a = &k->k.n->attr.loss;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (label[i] >= 0 && label[i] < k->t.classes && !(a->avg_non_ignore && label[i] == a->ignore_index))
            sum += weight_of(class_weight, NULL, label[i], i);
    return sum;
}

/* Sets the loss of each of a tile's n pixels, as in the sum. */
static void pixel_losses(const float *x, const float *class, const float *most, const float *sum, const double *weight,
                         float scale, int64_t lanes, float *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t c = (int64_t) class[i];
        double loss = c < 0 ? 0 : (double)(most[i] - x[c * lanes + i] + logf(sum[i]));
        to[i] = (float)((double)scale * loss * (weight ? weight[i] : 1));
    }
}

/* each: room for the losses of all pixels, or NULL. */
static void forward_tile(const loss_kernel *k, void *const *in, const loss_tile *tile, int64_t at, int64_t n,
                         float *room, bool wants_right, float *each, loss_sums *s)
{
    const loss_attr *a = &k->k.n->attr.loss;
    const loss_table *v = k->t.v;
    const int32_t *label = (const int32_t *)in[1] + at;
    const float *class_weight = in[2], *weight = in[3] ? (const float *)in[3] + at : NULL;
    float class[LOSS_LANES], most[LOSS_LANES], sum[LOSS_LANES], best[LOSS_LANES];
    double weights[LOSS_LANES];
    s->counted += v->labels(label, n, a->ignore_index, tile->classes, class, tile->lanes);
    for (int64_t i = 0; i < tile->lanes && (class_weight || weight); i++)
        weights[i] = class[i] >= 0 ? weight_of(class_weight, weight, label[i], i) : 0;
    const float *x = v->sums(tile, room, most, sum, wants_right ? best : NULL);
    if (each)
        pixel_losses(x, class, most, sum, class_weight || weight ? weights : NULL, a->scale, tile->lanes, each + at, n);
    s->loss += v->losses(x, class, most, sum, class_weight || weight ? weights : NULL, tile->lanes);
    if (wants_right)
        s->right += v->equal(best, class, tile->lanes);
    if (a->avg == AVG_CLASS_WEIGHT)
        s->divisor += class_weights(k, label, class_weight, n);
}

/* Sets class[i] as `labels` of simd/loss.h, and the weight of each of a tile's pixels. Returns how many have a class.
 */
static int64_t binary_pixels(const loss_kernel *k, const int32_t *label, const float *weight, float scale, int64_t n,
                             float *class, float *weights)
{
    int64_t lanes = k->t.lanes, with = 0;
    k->t.v->labels(label, n, k->k.n->attr.loss.ignore_index, k->t.classes == 1 ? 2 : k->t.classes, class, lanes);
    for (int64_t i = 0; i < lanes; i++) {
        with += class[i] >= 0;
        weights[i] = weight && i < n ? scale * weight[i] : scale;
    }
    return with;
}

static void binary_tile(const loss_kernel *k, void *const *in, const loss_tile *tile, int64_t at, int64_t n,
                        loss_sums *s)
{
    const float *weight = in[3] ? (const float *)in[3] + at : NULL;
    float class[LOSS_LANES], weights[LOSS_LANES];
    s->counted += tile->classes * binary_pixels(k, (const int32_t *)in[1] + at, weight, 1, n, class, weights);
    s->loss += k->t.v->binary_losses(tile, class, in[2], weights);
}

/* MMSegmentation adds float32's epsilon to what it counted, so that a batch without labels gives 0 (and 100 %
 * right). */
static double counted(double divisor)
{
    return divisor + 0x1p-23;
}

static double divisor_of(const loss_kernel *k, const loss_sums *s)
{
    switch (k->k.n->attr.loss.avg) {
    case AVG_ALL:
        return (double)(k->t.images * k->t.rows * k->t.width * (k->binary ? k->t.classes : 1));
    case AVG_NON_IGNORED:
        return counted((double)s->counted);
    case AVG_CLASS_WEIGHT:
        return counted(s->divisor);
    case AVG_SUM:
    case AVG_NONE:
        break;
    }
    return 1;
}

enum { FORWARD_TILES = 3 }; /* two rows, and the pixels interpolated between them */

static cseg_status cross_entropy_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const node *n = k->k.n;
    int64_t tasks = tile_task_count(&k->t);
    loss_sums *sums = scratch, all = {0};
    float *rooms = (float *)(sums + tasks);
    float *each = n->attr.loss.avg == AVG_NONE ? out[0] : NULL;
    void *inputs[4] = {in[0], in[1], n->n_in > 2 ? in[2] : NULL, n->n_in > 3 ? in[3] : NULL};
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < tasks; i++) {
        tile_task task = tile_task_at(&k->t, i);
        float *room = own_tiles(k, rooms, FORWARD_TILES), *between = room + 2 * tiling_floats(&k->t);
        tile_column c = tile_column_at(&k->t, in[0], task.image, task.column, room);
        sums[i] = (loss_sums){0};
        for (int64_t row = task.r0; row < task.r1; row++) {
            loss_tile tile = tile_at(&c, row);
            int64_t at = tile_begin(&c, row);
            if (k->binary)
                binary_tile(k, inputs, &tile, at, c.pixels.n, &sums[i]);
            else
                forward_tile(k, inputs, &tile, at, c.pixels.n, between, n->n_out > 2, each, &sums[i]);
        }
    }
    for (int64_t i = 0; i < tasks; i++) {
        all.loss += sums[i].loss;
        all.divisor += sums[i].divisor;
        all.right += sums[i].right;
        all.counted += sums[i].counted;
    }
    double divisor = divisor_of(k, &all);
    if (!each)
        *(float *)out[0] = (float)((double)n->attr.loss.scale * all.loss / divisor);
    *(float *)out[1] = (float)divisor;
    if (n->n_out > 2)
        *(float *)out[2] = (float)(100.0 * counted((double)all.right) / counted((double)all.counted));
    return CSEG_OK;
}

static cseg_status prepare_cross_entropy(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k;
    TRY(loss_new(b, n, mem, cross_entropy_run, &k, err));
    k->k.base.scratch = (size_t)tile_task_count(&k->t) * sizeof(loss_sums) + tiles_bytes(k, FORWARD_TILES);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_cross_entropy = {.prepare = prepare_cross_entropy};
const cpu_op cpu_op_binary_cross_entropy = {.prepare = prepare_cross_entropy};

/* Computes a tile's gradient by `grad` or `binary_grad` of simd/loss.h. */
static void grad_tile(const loss_kernel *k, void *const *in, const loss_tile *tile, int64_t at, int64_t n, float scale,
                      float *room, float *a, float *b)
{
    const int32_t *label = (const int32_t *)in[1] + at;
    const float *class_weight = in[2], *weight = in[3] ? (const float *)in[3] + at : NULL;
    const float *each = k->k.n->attr.loss.avg == AVG_NONE ? (const float *)in[5] + at : NULL;
    float class[LOSS_LANES], w[LOSS_LANES];
    if (k->binary) {
        binary_pixels(k, label, weight, scale, n, class, w);
        k->t.v->binary_grad(tile, room, class, class_weight, w, a, b);
        return;
    }
    k->t.v->labels(label, n, k->k.n->attr.loss.ignore_index, tile->classes, class, tile->lanes);
    for (int64_t i = 0; i < tile->lanes; i++)
        w[i] = each && i < n ? scale * each[i] : scale;
    for (int64_t i = 0; i < n && (class_weight || weight); i++)
        if (class[i] >= 0)
            w[i] *= (float)weight_of(class_weight, weight, label[i], i);
    k->t.v->grad(tile, room, class, w, a, b);
}

enum { GRAD_BLOCK = 16, GRAD_TILES = 5 }; /* rows of small logits a task; GRAD_TILES: the forward's, and two of sums */

/* Sums of gradients for two neighbouring rows of the small logits, at full width. */
typedef struct grad_sums {
    const loss_pixels *pixels;
    float *at[2]; /* for rows with even and odd number; `row` holds the numbers, -1: none */
    int64_t row[2];
    float *dx, *below; /* small rows r0 .. r1 - 1, and row r1 */
    int64_t r0, r1;
} grad_sums;

static void hand_back(const loss_kernel *k, grad_sums *s, int slot)
{
    int64_t r = s->row[slot], small = k->t.x.in * k->t.classes;
    if (r >= 0)
        k->t.v->gather(s->pixels, s->at[slot], k->t.lanes, r < s->r1 ? s->dx + (r - s->r0) * small : s->below);
    s->row[slot] = -1;
}

static float *sums_of(const loss_kernel *k, grad_sums *s, int64_t r)
{
    int slot = (int)(r % 2);
    if (s->row[slot] != r) {
        hand_back(k, s, slot);
        memset(s->at[slot], 0, (size_t)tiling_floats(&k->t) * sizeof(float));
        s->row[slot] = r;
    }
    return s->at[slot];
}

/* Computes rows [r0, r1) of the small logits' gradient, from the rows of labels whose upper neighbour is one of them;
 * their part of row r1 goes to `below`. Both [.., w, K] of an image. */
static void grad_block(const loss_kernel *k, void *const *in, int64_t image, int64_t r0, int64_t r1, float scale,
                       float *dx, float *below, float *own)
{
    const tiling *t = &k->t;
    int64_t small = t->x.in * t->classes, one = tiling_floats(t), o0 = 0, o1;
    memset(dx, 0, (size_t)((r1 - r0) * small) * sizeof *dx);
    memset(below, 0, (size_t)small * sizeof *below);
    while (o0 < t->rows && t->y.i0[o0] < r0)
        o0++;
    for (o1 = o0; o1 < t->rows && t->y.i0[o1] < r1;)
        o1++;
    for (int64_t column = 0; column < t->across; column++) {
        tile_column c = tile_column_at(t, in[0], image, column, own);
        grad_sums s = {&c.pixels, {own + 3 * one, own + 4 * one}, {-1, -1}, dx, below, r0, r1};
        for (int64_t o = o0; o < o1; o++) {
            loss_tile tile = tile_at(&c, o);
            float *a = sums_of(k, &s, t->y.i0[o]), *b = tile.w != 0 ? sums_of(k, &s, t->y.i1[o]) : NULL;
            grad_tile(k, in, &tile, tile_begin(&c, o), c.pixels.n, scale, own + 2 * one, a, b);
        }
        hand_back(k, &s, 0);
        hand_back(k, &s, 1);
    }
}

static void grad_resized(const loss_kernel *k, void *const *in, float *dx, float scale, float *scratch)
{
    const tiling *t = &k->t;
    parts p = parts_of(t->y.in, GRAD_BLOCK);
    int64_t small = t->x.in * t->classes, blocks = t->images * p.count;
    float *below = scratch, *rooms = scratch + blocks * small;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < blocks; i++) {
        int64_t image = i / p.count, r0 = i % p.count * GRAD_BLOCK;
        grad_block(k, in, image, r0, r0 + parts_size(&p, i % p.count), scale, dx + (image * t->y.in + r0) * small,
                   below + i * small, own_tiles(k, rooms, GRAD_TILES));
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < blocks; i++) {
        int64_t row = (i % p.count + 1) * GRAD_BLOCK;
        if (row < t->y.in)
            k->k.b->simd->maps->axpy(1, map_of_floats(below + i * small), dx + (i / p.count * t->y.in + row) * small,
                                     small);
    }
}

/* logits, label, [class weight], [weight], divisor, dloss -> dlogits */
static cseg_status cross_entropy_grad_run(kernel *base, void *const *in, void *const *out, void *scratch,
                                          cseg_error *err)
{
    (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const tiling *t = &k->t;
    const float *divisor = in[4], *dloss = in[5];
    const loss_attr *a = &k->k.n->attr.loss;
    double whole = a->avg == AVG_NONE ? 1 : (double)*dloss / (double)*divisor; /* else each pixel has its dloss */
    float scale = (float)((double)a->scale * whole);
    if (t->resized) {
        grad_resized(k, in, out[0], scale, scratch);
        return CSEG_OK;
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < t->across; i++) {
        float *own = own_tiles(k, scratch, GRAD_TILES), *room = own + 2 * tiling_floats(t);
        tile_column c = tile_column_at(t, in[0], 0, i, own);
        loss_tile tile = tile_at(&c, 0);
        grad_tile(k, in, &tile, c.first, c.pixels.n, scale, room, NULL, NULL);
        t->v->gather(&c.pixels, room, t->lanes, (float *)out[0] + c.first * t->classes);
    }
    return CSEG_OK;
}

static cseg_status prepare_cross_entropy_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k;
    TRY(loss_new(b, n, mem, cross_entropy_grad_run, &k, err));
    const tiling *t = &k->t;
    k->k.base.scratch = tiles_bytes(k, GRAD_TILES);
    if (t->resized)
        k->k.base.scratch +=
            (size_t)(t->images * parts_of(t->y.in, GRAD_BLOCK).count * t->x.in * t->classes) * sizeof(float);
    k->k.base.in_place = t->resized ? -1 : 0;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_cross_entropy_grad = {.prepare = prepare_cross_entropy_grad};
const cpu_op cpu_op_binary_cross_entropy_grad = {.prepare = prepare_cross_entropy_grad};

static cseg_status accuracy_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const int32_t *label = in[1];
    int64_t right = 0, n = 0;
#pragma omp parallel for schedule(static) reduction(+ : right, n)
    for (int64_t i = 0; i < k->t.across; i++) {
        float best[LOSS_LANES], class[LOSS_LANES];
        tile_column c = tile_column_at(&k->t, in[0], 0, i, own_tiles(k, scratch, 2));
        loss_tile tile = tile_at(&c, 0);
        k->t.v->best(&tile, best);
        n += k->t.v->labels(label + c.first, c.pixels.n, k->k.n->attr.loss.ignore_index, tile.classes, class,
                            tile.lanes);
        right += k->t.v->equal(best, class, tile.lanes);
    }
    *(float *)out[0] = (float)(100.0 * counted((double)right) / counted((double)n));
    return CSEG_OK;
}

static cseg_status prepare_accuracy(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k;
    TRY(loss_new(b, n, mem, accuracy_run, &k, err));
    k->k.base.scratch = tiles_bytes(k, 2);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_accuracy = {.prepare = prepare_accuracy};
