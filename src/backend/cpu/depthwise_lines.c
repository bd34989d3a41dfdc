#include "backend/cpu/depthwise.h"

enum {
    LINES_BYTES = 1 << 20, /* of the lines under a kernel, which should stay in the second-level cache */
    SMALL_BYTES = 1 << 20, /* of a map */
    LEAST_BLOCK = 128,     /* channels of y: shorter pieces of a pixel read memory slowly */
    TASK_FLOATS = 1 << 18, /* of the target in a task: neighbours read some of its rows again */
    LEAST_TASKS = 16,
    NARROW = 4, /* a map is narrow for a kernel if it is not that many times wider */
    MOST_BANDS = 64,
    LEAST_PHASE =
        16 /* pixels of a row that a dilation keeps apart from the others, for which they are taken together */
};

/* Returns the row (axis 0) or column (axis 1) of the source that tap k sees for `at` of the target; -1: none. */
static int64_t source_of(const depthwise *d, int axis, int64_t at, int64_t k)
{
    int64_t stride = d->a->stride[axis], shift = k * d->a->dilation[axis] - d->a->pad[axis];
    int64_t from = d->transposed ? at - shift : at * stride + shift;
    if (axis == 1 && d->padded)
        return from + d->before;
    if (d->transposed) {
        if (from < 0 || from % stride)
            return -1;
        from /= stride;
    }
    return from >= 0 && from < d->from[axis] ? from : -1;
}

/* Fills in the taps that column `at` sees, from left to right; returns their number. */
static int64_t taps_at(const depthwise *d, int64_t at, depthwise_tap *to)
{
    int64_t n = 0, size = d->size[1];
    for (int64_t i = 0; i < size; i++) {
        int64_t k = d->transposed ? size - 1 - i : i, from = source_of(d, 1, at, k);
        if (from >= 0)
            to[n++] = (depthwise_tap){from, k};
    }
    return n;
}

/* Returns whether the columns see the same taps. */
static bool continues(const depthwise_span *s, const depthwise_tap *taps, int64_t n)
{
    if (n != s->n_taps)
        return false;
    for (int64_t i = 0; i < n; i++)
        if (taps[i].tap != s->taps[i].tap)
            return false;
    return true;
}

static bool make_spans(depthwise *d, arena *mem)
{
    int64_t stride = d->a->stride[1], dilation = d->a->dilation[1];
    d->in_step = d->transposed ? 1 : stride;
    d->out_step = d->transposed ? stride : 1;
    if (stride == 1 && d->to[1] >= LEAST_PHASE * dilation)
        d->in_step = d->out_step = dilation;
    /* With each column of a phase at most every tap begins or ends. */
    int64_t most = d->out_step * (2 * d->size[1] + 1);
    most = most < d->to[1] ? most : d->to[1];
    d->spans = ARENA_ARRAY(mem, (size_t)most, depthwise_span);
    depthwise_tap *taps = ARENA_ARRAY(mem, (size_t)((most + 1) * d->size[1]), depthwise_tap);
    if (!d->spans || !taps)
        return false;
    for (int64_t phase = 0; phase < d->out_step; phase++)
        for (int64_t at = phase; at < d->to[1]; at += d->out_step) {
            int64_t n = taps_at(d, at, taps);
            if (at != phase && continues(&d->spans[d->n_spans - 1], taps, n)) {
                d->spans[d->n_spans - 1].count++;
                continue;
            }
            d->spans[d->n_spans++] = (depthwise_span){at, 1, n, taps};
            taps += d->size[1];
        }
    return true;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* Rows that a period apart see rows of the source in common. */
static bool make_order(depthwise *d, arena *mem)
{
    int64_t dilation = d->a->dilation[0], rows = d->to[0], n = 0;
    int64_t period = d->transposed ? dilation : dilation / common_divisor(dilation, d->a->stride[0]);
    d->order = ARENA_ARRAY(mem, (size_t)rows, int64_t);
    for (int64_t phase = 0; d->order && phase < period && phase < rows; phase++)
        for (int64_t i = phase; i < rows; i += period)
            d->order[n++] = i;
    return d->order != NULL;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* A map that fits the second-level cache is cut into blocks of channels: they have no rows in common, and no sums. */
static void cut(depthwise *d, int64_t least_rows)
{
    int64_t column = d->pixels * d->times * (int64_t)sizeof(float); /* bytes of a channel of x in a line */
    int64_t block = LINES_BYTES / (d->size[0] * column);
    if (column * d->from[0] * d->c <= SMALL_BYTES)
        block = least_of(block, ceil_div(d->c, LEAST_TASKS));
    block = most_of(block, ceil_div(LEAST_BLOCK, d->times));
    block = ceil_div(ceil_div(d->c, ceil_div(d->c, block)), 16) * 16;
    d->block = least_of(block, d->c);
    d->blocks = parts_of(d->c, d->block);
    int64_t rows = TASK_FLOATS / (d->to[1] * d->block * d->times);
    rows = least_of(rows, ceil_div(d->images * d->to[0] * d->blocks.count, LEAST_TASKS));
    rows = most_of(most_of(rows, least_rows), ceil_div(d->images * d->to[0], MOST_BANDS));
    d->bands = parts_of(d->to[0], least_of(rows, d->to[0]));
}

bool depthwise_is_narrow(int64_t pixels, int64_t width)
{
    return (width - 1) * NARROW >= pixels;
}

/* Where a map is narrow for its kernel, most pixels are near its sides and see taps of their own. With zeros around it
 * they are all alike. */
static void choose_lines(depthwise *d)
{
    int64_t size = d->size[1], pad = d->a->pad[1], after = 0;
    d->spread = d->transposed ? 1 : d->times;
    d->padded = size > 1 && d->a->stride[1] == 1 && d->a->dilation[1] == 1 && pad < size &&
                depthwise_is_narrow(d->from[1], size);
    if (d->padded) {
        d->before = d->transposed ? size - 1 - pad : pad;
        after = d->to[1] + size - 1 - d->before - d->from[1];
    }
    d->padded = d->padded && after >= 0;
    d->before = d->padded ? d->before : 0;
    d->pixels = d->before + d->from[1] + (d->padded ? after : 0);
    d->staged = d->half || d->spread > 1 || d->padded;
}

bool depthwise_init(depthwise *d, const conv_attr *a, const tensor *x, const tensor *y, const int64_t *w,
                    bool transposed, int64_t least_rows, arena *mem)
{
    const tensor *from = transposed ? y : x, *to = transposed ? x : y;
    *d = (depthwise){.a = a,
                     .transposed = transposed,
                     .images = x->dim[0],
                     .c = x->dim[3],
                     .times = y->dim[3] / x->dim[3],
                     .half = map_is_half(from)};
    for (int i = 0; i < 2; i++)
        d->from[i] = from->dim[1 + i], d->to[i] = to->dim[1 + i], d->size[i] = w[2 + i];
    choose_lines(d);
    cut(d, least_rows);
    return make_spans(d, mem) && make_order(d, mem);
}

int64_t depthwise_task_count(const depthwise *d)
{
    return d->images * d->bands.count * d->blocks.count;
}

depthwise_task depthwise_task_at(const depthwise *d, int64_t i)
{
    int64_t block = i % d->blocks.count, c0 = block * d->block, channels = parts_size(&d->blocks, block);
    i /= d->blocks.count;
    return (depthwise_task){i / d->bands.count, i % d->bands.count, c0, channels, c0 * d->times, channels * d->times};
}

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t index_bytes(const depthwise *d)
{
    size_t rows = (size_t)d->size[0], taps = rows * (size_t)d->size[1];
    return whole_lines(rows * (sizeof(depthwise_line) + 2 * sizeof(int64_t)) + taps * sizeof(depthwise_seen));
}

size_t depthwise_lines_bytes(const depthwise *d)
{
    int64_t floats = d->staged ? d->size[0] * depthwise_line_floats(d->pixels, d->block * d->times) : 0;
    return index_bytes(d) + (size_t)floats * sizeof(float);
}

depthwise_lines depthwise_lines_at(const depthwise *d, void *room)
{
    depthwise_lines l = {.lines = room, .kept = (float *)(void *)((char *)room + index_bytes(d))};
    l.seen = (depthwise_seen *)(void *)(l.lines + d->size[0]);
    l.row = (int64_t *)(void *)(l.seen + d->size[0] * d->size[1]);
    l.used = l.row + d->size[0];
    for (int64_t i = 0; i < d->size[0]; i++)
        l.row[i] = -1, l.used[i] = 0;
    return l;
}

/* Returns a copy of a row of the source. Of the copies that are not those of this row, the one used longest ago makes
 * room. */
static const float *staged_line(const depthwise *d, const depthwise_table *v, const depthwise_task *t, map source,
                                int64_t row, depthwise_lines *l)
{
    int64_t at = 0;
    for (int64_t i = 0; i < d->size[0] && l->row[at] != row; i++)
        if (l->row[i] == row || l->used[i] < l->used[at])
            at = i;
    float *line = l->kept + at * depthwise_line_floats(d->pixels, d->block * d->times);
    l->used[at] = ++l->clock;
    if (l->row[at] != row) {
        float *to = line + d->before * t->outputs, *end = to + d->from[1] * t->outputs;
        int64_t ld = d->transposed ? d->c * d->times : d->c;
        int64_t first = d->transposed ? t->o0 : t->c0, width = d->transposed ? t->outputs : t->channels;
        v->spread(map_from(source, (t->image * d->from[0] + row) * d->from[1] * ld + first), ld, d->from[1], width,
                  d->spread, to);
        memset(line, 0, (size_t)(to - line) * sizeof *line);
        memset(end, 0, (size_t)(line + d->pixels * t->outputs - end) * sizeof *end);
        l->row[at] = row;
    }
    return line;
}

static const float *line_at(const depthwise *d, const depthwise_task *t, map source, int64_t row)
{
    int64_t ld = d->c * d->times;
    return (const float *)source.at + (t->image * d->from[0] + row) * d->from[1] * ld + t->o0;
}

const float *depthwise_last_line(const depthwise *d, const depthwise_task *t, map source, int64_t i)
{
    int64_t row = source_of(d, 0, i, d->transposed ? 0 : d->size[0] - 1);
    return d->staged || row < 0 ? NULL : line_at(d, t, source, row);
}

void depthwise_lines_row(const depthwise *d, const depthwise_table *v, const depthwise_task *t, map source, int64_t i,
                         depthwise_lines *l, depthwise_row *r)
{
    int64_t ld = d->c * d->times;
    l->n = 0;
    for (int64_t k = 0; k < d->size[0]; k++) {
        int64_t row = source_of(d, 0, i, k);
        if (row < 0)
            continue;
        const float *at = d->staged ? staged_line(d, v, t, source, row, l) : line_at(d, t, source, row);
        l->lines[l->n++] = (depthwise_line){at, k * d->size[1]};
    }
    *r = (depthwise_row){.lines = l->lines,
                         .n_lines = l->n,
                         .spans = d->spans,
                         .n_spans = d->n_spans,
                         .seen = l->seen,
                         .in_ld = d->staged ? t->outputs : ld,
                         .in_step = d->in_step,
                         .out_step = d->out_step,
                         .w_ld = ld,
                         .width = t->outputs};
}
