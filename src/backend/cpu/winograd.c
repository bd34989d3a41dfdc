/* Convolutions of 3x3, 1x3 and 3x1 taps and stride 1 by Winograd's F(4x4, 3x3) and F(4, 3), and their gradient with
 * respect to the input, which is such a convolution with the turned weights.
 *
 * Tiles are taken in groups, so that their points and products stay in the second-level cache. If the weights have few
 * points, these are made once and each thread has its own groups. If they have many (4 times the weights: 21 MB for 384
 * to 384 channels), groups are large, threads share a group's points, and each takes blocks of output channels. The
 * weights' points are made in pieces, each used for the whole group and then overwritten: nothing larger than a cache
 * is written. */
#include "backend/cpu/winograd.h"

#include "backend/cpu/conv_descs.h"

enum {
    POINTS_BYTES = 3 << 19, /* points of weights made at once */
    CHUNK_BYTES = 3 << 18,  /* of a piece of them: each piece reads and writes all sums */
    /* Tiles of a square's 36 points; of a strip's 6, six times as many. */
    SMALL_GROUP = 24, /* a multiple of register tiles for any number of vectors */
    EVEN_GROUP = 4,   /* of most */
    CHUNK = 64,       /* inputs: a chain of the products' additions */
    LARGE_GROUP = 120,
    LEAST_LARGE_GROUP = 96, /* since each group makes the weights' points again */
    LARGE_BYTES = 8 << 20,  /* of a large group's points */
    LEAST_CHANNELS = 16
};

typedef struct wino_kernel {
    cpu_kernel k;
    const winograd_table *t;
    const winograd_form *f;
    wino_geometry g;
    wino_blocks blocks;
    bool grad_data, bias, has_residual, relu;
    dtype x, y, residual;
    int64_t w_n, w_k;      /* strides of the weights' outputs and inputs */
    bool once;             /* all weights' points at once */
    bool team;             /* threads work on the same group */
    int64_t group, groups; /* tiles in a group; number of groups */
    int64_t chunk;         /* input channels of a piece */
    int64_t ld;            /* of points: channels, padded */
    int64_t width;         /* the widest block, floats */
    int64_t v_point, m_point, u_point;
    float *kept;                         /* weights' points that are kept */
    size_t u_floats, v_floats, m_floats; /* of all weights or of a piece; of a group's points; of its products */
} wino_kernel;

static int64_t ceil_to(int64_t a, int64_t b)
{
    return (a + b - 1) / b * b;
}

static void transform_weights(const wino_kernel *k, const float *w, int64_t block, int64_t from, int64_t size, float *u)
{
    wino_range r = wino_block(&k->blocks, block);
    int64_t n0 = r.from * k->blocks.vec, width = r.size * k->blocks.vec;
    k->f->weights(w + n0 * k->w_n + from * k->w_k, k->w_n, k->w_k, size, least_of(width, k->g.n - n0), k->grad_data, u,
                  k->once ? k->u_point : size * width + WINO_ALIAS, width);
}

/* All weights' points: block by block, within it [points][k][width]. */
static float *block_points(const wino_kernel *k, float *u, int64_t block)
{
    return u + wino_block(&k->blocks, block).from * k->blocks.vec * k->g.k;
}

static void transform_all_weights(const wino_kernel *k, const float *w, float *u)
{
    int64_t each = 16, pieces = (k->g.k + each - 1) / each;
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t b = 0; b < k->blocks.count; b++)
        for (int64_t i = 0; i < pieces; i++) {
            int64_t width = wino_block(&k->blocks, b).size * k->blocks.vec;
            transform_weights(k, w, b, i * each, least_of(each, k->g.k - i * each),
                              block_points(k, u, b) + i * each * width);
        }
}

/* Maps may be float32 or bfloat16. */
typedef struct wino_call {
    const void *x, *residual;
    void *y;
    const float *w, *bias;
    float *u; /* all weights' points, or NULL */
} wino_call;

/* Memory that one thread works in. */
typedef struct wino_room {
    float *v, *m, *u;
    int member, members; /* of the threads that share v */
} wino_room;

static void group_input(const wino_kernel *k, const wino_call *c, const wino_room *r, int64_t first, int64_t tiles)
{
    const void *at[WINOGRAD_IN];
    int64_t from = tiles * r->member / r->members, end = tiles * (r->member + 1) / r->members;
    size_t size = dtype_size(k->x);
    wino_place p = wino_place_of(&k->g, first + from);
    for (int64_t t = from; t < end; t++, wino_place_next(&k->g, &p)) {
        wino_tile_input(&k->g, &p, c->x, size, at);
        k->f->input(at, k->x == DT_BF16, k->g.k, r->v + t * k->ld, k->v_point);
    }
}

static void block_output(const wino_kernel *k, const wino_call *c, const wino_room *r, int64_t block, int64_t first,
                         int64_t tiles)
{
    const void *to[WINOGRAD_OUT], *add[WINOGRAD_OUT];
    wino_range b = wino_block(&k->blocks, block);
    int64_t n0 = b.from * k->blocks.vec, width = b.size * k->blocks.vec, channels = least_of(width, k->g.n - n0);
    size_t y_size = dtype_size(k->y), residual_size = dtype_size(k->residual);
    char *y = (char *)c->y + n0 * (int64_t)y_size;
    const char *residual = c->residual ? (const char *)c->residual + n0 * (int64_t)residual_size : NULL;
    wino_place p = wino_place_of(&k->g, first);
    for (int64_t t = 0; t < tiles; t++, wino_place_next(&k->g, &p)) {
        wino_tile_output(&k->g, &p, y, y_size, to);
        if (residual)
            wino_tile_output(&k->g, &p, residual, residual_size, add);
        k->f->output(r->m + t * width, k->m_point, channels, c->bias ? c->bias + n0 : NULL, residual ? add : NULL,
                     k->residual == DT_BF16, (void **)(uintptr_t)to, k->y == DT_BF16, k->relu);
    }
}

static void block_products(const wino_kernel *k, const wino_call *c, const wino_room *r, int64_t block, int64_t tiles)
{
    wino_range b = wino_block(&k->blocks, block);
    int64_t width = b.size * k->blocks.vec;
    for (int64_t from = 0; from < k->g.k; from += k->chunk) {
        int64_t size = least_of(k->chunk, k->g.k - from), u_point = c->u ? k->u_point : size * width + WINO_ALIAS;
        const float *u = c->u ? block_points(k, c->u, block) : r->u;
        if (!c->u)
            transform_weights(k, c->w, block, from, size, r->u);
        for (int p = 0; p < k->f->points; p++)
            k->t->product(r->v + p * k->v_point + from, k->ld, 1, u + p * u_point, width, r->m + p * k->m_point, width,
                          tiles, size, (int)b.size, from > 0);
    }
}

static void run_group(const wino_kernel *k, const wino_call *c, const wino_room *r, int64_t group)
{
    int64_t first = group * k->group, tiles = least_of(k->group, k->g.total - first);
    group_input(k, c, r, first, tiles);
    if (r->members > 1) {
#pragma omp barrier
    }
    for (int64_t b = r->members > 1 ? r->member : 0; b < k->blocks.count; b += r->members) {
        block_products(k, c, r, b, tiles);
        block_output(k, c, r, b, first, tiles);
    }
    if (r->members > 1) {
#pragma omp barrier
    }
}

static void run_groups(const wino_kernel *k, const wino_call *c, float *scratch)
{
#pragma omp parallel
    {
        int me = omp_get_thread_num(), all = omp_get_num_threads();
        size_t own = k->m_floats + (c->u ? 0 : k->u_floats) + (k->team ? 0 : k->v_floats);
        float *room = scratch + (k->team ? k->v_floats : 0) + (size_t)me * own;
        wino_room r = {.v = k->team ? scratch : room, .members = k->team ? all : 1, .member = k->team ? me : 0};
        r.m = room + (k->team ? 0 : k->v_floats);
        r.u = r.m + k->m_floats;
        if (k->team)
            for (int64_t i = 0; i < k->groups; i++)
                run_group(k, c, &r, i);
        else
            for (int64_t i = k->groups * me / all; i < k->groups * (me + 1) / all; i++)
                run_group(k, c, &r, i);
    }
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    wino_kernel *k = (wino_kernel *)base;
    (void)err;
    wino_call c = {.x = in[0],
                   .w = in[1],
                   .bias = k->bias ? in[2] : NULL,
                   .residual = k->has_residual ? in[3] : NULL,
                   .y = out[0]};
    float *room = scratch;
    if (k->once) {
        c.u = k->kept ? k->kept : room;
        if (!k->kept || base->stale)
            transform_all_weights(k, c.w, c.u);
        base->stale = false;
        room += k->kept ? 0 : k->u_floats;
    }
    run_groups(k, &c, room);
    return CSEG_OK;
}

static void release(kernel *base)
{
    mem_free(((wino_kernel *)base)->kept);
}

/* Chooses the grouping of tiles, and the sizes that follow from it. */
static void choose_groups(wino_kernel *k, int threads)
{
    const wino_geometry *g = &k->g;
    k->width = 0;
    for (int64_t i = 0; i < k->blocks.count; i++) {
        int64_t width = wino_block(&k->blocks, i).size * k->blocks.vec;
        k->width = width > k->width ? width : k->width;
    }
    int64_t padded = k->blocks.vectors * k->blocks.vec;
    int64_t points = k->f->points;
    k->once = points * g->k * padded * 4 <= POINTS_BYTES;
    k->ld = ceil_to(g->k, k->blocks.vec);
    if (k->ld % 512 == 0)
        k->ld += WINO_ALIAS;
    int64_t small = SMALL_GROUP * WINOGRAD_IN / points, most = LARGE_GROUP * WINOGRAD_IN / points,
            least = LEAST_LARGE_GROUP * WINOGRAD_IN / points;
    k->group = small;
    k->chunk = g->k;
    if (!k->once) {
        k->group = LARGE_BYTES / (points * 4 * k->ld) / small * small;
        k->group = k->group > most ? most : k->group < least ? least : k->group;
        k->chunk = CHUNK_BYTES / (points * 4 * k->width) / CHUNK * CHUNK;
        k->chunk = least_of(k->chunk > CHUNK ? k->chunk : CHUNK, g->k);
        k->chunk = (g->k + (g->k + k->chunk - 1) / k->chunk - 1) / ((g->k + k->chunk - 1) / k->chunk);
    }
    k->group = least_of(k->group, g->total);
    k->team = !k->once && k->blocks.count >= threads;
    int64_t sharers = k->team ? 1 : threads;
    /* All threads get the same number of groups, and all groups the same number of tiles. */
    k->groups = ceil_to((g->total + k->group - 1) / k->group, sharers);
    k->group = ceil_to((g->total + k->groups - 1) / k->groups, EVEN_GROUP);
    k->groups = (g->total + k->group - 1) / k->group;
    k->v_point = k->group * k->ld + WINO_ALIAS;
    k->m_point = k->group * k->width + WINO_ALIAS;
    k->u_point = padded * g->k + WINO_ALIAS;
    k->v_floats = (size_t)(points * k->v_point);
    k->m_floats = (size_t)(points * k->m_point);
    k->u_floats = (size_t)(points * (k->once ? k->u_point : k->chunk * k->width + WINO_ALIAS));
}

cseg_status wino_prepare_conv(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out,
                              cseg_error *err)
{
    const tensor *x = n->in[0], *y = n->out[0];
    bool grad_data = conv_to_input(n);
    wino_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    k->g = wino_geometry_of(x->dim, y->dim, n->in[1]->dim, &n->attr.conv, grad_data);
    TRY(wino_geometry_zeros(&k->g, mem, err));
    k->t = wino_simd(b, k->g.n)->winograd;
    k->f = wino_form(k->t, &k->g);
    k->blocks = wino_blocks_of(k->t, k->g.n);
    k->grad_data = grad_data;
    k->w_n = grad_data ? k->f->taps : k->f->taps * k->g.k;
    k->w_k = grad_data ? k->f->taps * k->g.n : k->f->taps;
    k->bias = conv_has_bias(n);
    k->has_residual = !grad_data && n->attr.conv.has_residual;
    k->x = x->type;
    k->y = y->type;
    k->residual = k->has_residual ? n->in[3]->type : DT_F32;
    k->relu = n->attr.conv.act == UNARY_RELU + 1;
    int threads = b->options.threads;
    choose_groups(k, threads);
    size_t floats =
        (size_t)threads * (k->m_floats + (k->once ? 0 : k->u_floats)) + (k->team ? 1 : (size_t)threads) * k->v_floats;
    if (k->once && weights_fixed) {
        k->kept = mem_alloc(k->u_floats * sizeof(float));
        if (!k->kept)
            return fail_memory(err);
        k->k.base.release = release;
        k->k.base.kept = k->u_floats * sizeof(float);
        k->k.base.read_when_stale = 1u << 1;
    } else if (k->once) {
        floats += k->u_floats;
    }
    k->k.base.scratch = floats * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* What takes as long as a vector's multiply-adds do, measured on one core with AVX-512. */
typedef struct form_costs {
    double place;         /* of a tile */
    double input, output; /* the transform of a tile, for a vector of its channels */
    double weights, back; /* making the points of a weight, and of its gradient */
} form_costs;

static const form_costs square_costs = {.input = 130, .output = 110, .weights = 160, .back = 500};
static const form_costs strip_costs = {.place = 120, .input = 30, .output = 25, .weights = 30, .back = 90};

/* Products run at 85 % of the peak, oneDNN's direct convolution at 92 % where channels are whole vectors, in bfloat16
 * at twice that with AVX512-BF16 and at more than eight times with AMX. */
static bool is_faster(const winograd_table *t, const wino_geometry *g, const node *n, bool kept, double direct_rate)
{
    const winograd_form *f = wino_form(t, g);
    const form_costs *c = f == &t->strip ? &strip_costs : &square_costs;
    int64_t vec = t->vec;
    double inputs = (double)(ceil_to(g->k, vec) / vec), outputs = (double)(ceil_to(g->n, vec) / vec), k = (double)g->k;
    double weights = kept ? 0 : k * outputs * (n->op == OP_conv2d_grad_weight ? c->back : c->weights);
    double tile = f->points * k * outputs / 0.85 + c->place + inputs * c->input + outputs * c->output;
    double pixels = (double)(g->images * g->out[0] * g->out[1]);
    return (double)g->total * tile + weights < pixels * f->taps * k * outputs / direct_rate;
}

/* Returns whether there is a form for a kernel of this height and width. */
static bool is_form(int64_t height, int64_t width)
{
    return (height == 3 && width == 3) || (height == 1 && width == 3) || (height == 3 && width == 1);
}

bool wino_fits(const cpu_backend *b, const node *n, bool weights_fixed)
{
    const conv_attr *a = &n->attr.conv;
    bool data = conv_to_input(n), weight = n->op == OP_conv2d_grad_weight;
    const tensor *x = n->in[0], *y = weight ? n->in[1] : n->out[0];
    const int64_t *w = weight ? n->out[0]->dim : n->in[1]->dim;
    if (!is_form(w[2], w[3]) || a->groups != 1 || a->stride[0] != 1 || a->stride[1] != 1)
        return false;
    if (a->act && a->act != UNARY_RELU + 1)
        return false;
    if (x->dim[3] < LEAST_CHANNELS || y->dim[3] < LEAST_CHANNELS)
        return false;
    wino_geometry g = wino_geometry_of(x->dim, y->dim, w, a, data);
    /* In bfloat16 there is no direct gradient of dilated convolutions' weights (cpu_port). */
    bool half = x->type == DT_BF16 && !(weight && (a->dilation[0] > 1 || a->dilation[1] > 1));
    double direct_rate = !half ? 0.92 : backend_cpu_has_amx() ? 16 : 1.8;
    const simd_table *simd = weight ? b->simd : wino_simd(b, g.n);
    return is_faster(simd->winograd, &g, n, weights_fixed, direct_rate);
}
