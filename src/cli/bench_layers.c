#include "cli/bench_layers.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/verify/parity_values.h"
#include "graph/work.h"

enum { SHOWN = 40, FIXED_COLUMNS = 46 };

/* "conv 3x3 /2 d4": kernel, stride, dilation and groups where they are not 1; dx, dw: the gradients; up: transposed. */
static void conv_text(strbuf *b, const node *n)
{
    const conv_attr *a = &n->attr.conv;
    const int64_t *w = n->op == OP_conv2d_grad_weight ? n->out[0]->dim : n->in[1]->dim;
    strbuf_addf(b, "conv %lldx%lld", (long long)w[2], (long long)w[3]);
    if (a->stride[0] != 1)
        strbuf_addf(b, " /%d", a->stride[0]);
    if (a->dilation[0] != 1)
        strbuf_addf(b, " d%d", a->dilation[0]);
    if (a->groups != 1)
        strbuf_addf(b, " g%d", a->groups);
    if (n->op != OP_conv2d)
        strbuf_add(b, n->op == OP_conv_transpose2d ? " up" : n->op == OP_conv2d_grad_data ? " dx" : " dw");
}

static bool is_conv(const node *n)
{
    return n->op == OP_conv2d || n->op == OP_conv2d_grad_data || n->op == OP_conv2d_grad_weight ||
           n->op == OP_conv_transpose2d;
}

static void op_text(strbuf *b, const node *n)
{
    if (is_conv(n))
        conv_text(b, n);
    else
        strbuf_addf(b, "%s%s", op_name(n->op), n->is_grad && !strstr(op_name(n->op), "_grad") ? "'" : "");
}

/* The name of a kind of step: "conv 3x3 48>48 1x128x128", "resize 1x64x64x96 > 1x128x128x96". */
static void shapes_text(strbuf *b, const node *n)
{
    const tensor *y = n->n_out ? n->out[0] : n->in[0];
    if (is_conv(n)) {
        const int64_t *w = n->op == OP_conv2d_grad_weight ? y->dim : n->in[1]->dim;
        /* The map on the convolution's output side. */
        bool up = n->op == OP_conv_transpose2d;
        const tensor *map = n->op == OP_conv2d || up ? y : n->in[n->op == OP_conv2d_grad_data ? 0 : 1];
        int64_t first = w[0], second = w[1] * n->attr.conv.groups;
        strbuf_addf(b, " %lld>%lld %lldx%lldx%lld", (long long)(up ? first : second), (long long)(up ? second : first),
                    (long long)map->dim[0], (long long)map->dim[1], (long long)map->dim[2]);
        return;
    }
    const tensor *x = n->n_in ? n->in[0] : NULL;
    bool same = x && tensor_count(x) == tensor_count(y);
    for (int k = same || !x ? 1 : 0; k < 2; k++) {
        const tensor *t = k ? y : x;
        for (int i = 0; i < t->rank; i++)
            strbuf_addf(b, "%s%lld", i ? "x" : " ", (long long)t->dim[i]);
        if (!k)
            strbuf_add(b, " >");
    }
}

static const char *name_of(const plan_step *s, layers_by by, arena *mem)
{
    const node *n = s->node;
    strbuf b = {.mem = mem};
    const char *scope = n->scope && *n->scope ? n->scope : "(model)";
    if (by == LAYERS_BY_MODULE)
        return scope;
    if (s->naive)
        strbuf_add(&b, "naive ");
    op_text(&b, n);
    if (by == LAYERS_BY_KIND)
        shapes_text(&b, n);
    else
        strbuf_addf(&b, " %s", scope);
    return b.failed ? NULL : b.text;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const layer *)a)->name, ((const layer *)b)->name);
}

static int by_time(const void *a, const void *b)
{
    const layer *x = a, *y = b;
    int d = (x->seconds < y->seconds) - (x->seconds > y->seconds);
    return d ? d : by_name(a, b);
}

static bool reads_bf16(const node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->type == DT_BF16)
            return true;
    return false;
}

static layer layer_of(const plan_step *s, const cpu_peak *peak, const char *name)
{
    layer l = {.name = name, .count = 1, .seconds = s->fastest};
    l.flops = 2.0 * node_multiply_adds(s->node);
    l.bytes = node_bytes(s->node);
    bool half = peak->bf16 > 0.0 && reads_bf16(s->node);
    double by_flops = l.flops / (half ? peak->bf16 : peak->flops), by_bytes = l.bytes / peak->bytes;
    l.by_bandwidth = by_bytes > by_flops;
    l.ideal = l.by_bandwidth ? by_bytes : by_flops;
    return l;
}

static void add_up(layer *to, const layer *l)
{
    to->count += l->count;
    to->seconds += l->seconds;
    to->share += l->share;
    to->flops += l->flops;
    to->bytes += l->bytes;
    to->ideal += l->ideal;
    to->by_bandwidth = to->flops == 0.0 || (to->by_bandwidth && l->by_bandwidth);
}

/* Rows of equal names become one. */
static void merge(layers *l)
{
    qsort(l->rows.at, l->rows.n, sizeof *l->rows.at, by_name);
    size_t n = 0;
    for (size_t i = 0; i < l->rows.n; i++) {
        if (n > 0 && strcmp(l->rows.at[n - 1].name, l->rows.at[i].name) == 0)
            add_up(&l->rows.at[n - 1], &l->rows.at[i]);
        else
            l->rows.at[n++] = l->rows.at[i];
    }
    l->rows.n = n;
}

cseg_status layers_collect(const bench *b, const bench_result *r, const cpu_peak *peak, layers_by by, arena *mem,
                           layers *out, cseg_error *err)
{
    const plan *p = bench_plan(b);
    double sum = r->optimizer;
    *out = (layers){0};
    for (size_t i = 0; i < plan_step_count(p); i++) {
        plan_step s = plan_step_at(p, i);
        if (!s.runs)
            continue;
        const char *name = name_of(&s, by, mem);
        if (!name || !vec_push(mem, &out->rows, layer_of(&s, peak, name)))
            return fail_memory(err);
        sum += s.fastest;
    }
    if (by != LAYERS_BY_STEP)
        merge(out);
    layer update = {.name = "(optimizer)", .count = 1, .seconds = r->optimizer};
    if (update.seconds > 0.0 && !vec_push(mem, &out->rows, update))
        return fail_memory(err);
    for (size_t i = 0; i < out->rows.n; i++)
        out->rows.at[i].share = out->rows.at[i].seconds / sum;
    out->seconds = sum;
    qsort(out->rows.at, out->rows.n, sizeof *out->rows.at, by_time);
    return CSEG_OK;
}

static void print_row(const layer *l, int width, FILE *out)
{
    char work[16] = "", rate[32] = "", peak[16] = "", count[24] = "";
    double per_second = (l->by_bandwidth ? l->bytes : l->flops) / l->seconds;
    if (l->ideal > 0.0) {
        snprintf(rate, sizeof rate, "%.1f %s", per_second / 1e9, l->by_bandwidth ? "GB/s" : "GF/s");
        snprintf(peak, sizeof peak, "%.0f%%", 100.0 * l->ideal / l->seconds);
    }
    if (l->flops > 0.0)
        snprintf(work, sizeof work, "%.3f", l->flops / 1e9);
    if (l->count > 1)
        snprintf(count, sizeof count, " (%d)", l->count);
    fprintf(out, "%9.3f %5.1f%% %8s %12s %5s  ", 1e3 * l->seconds, 100.0 * l->share, work, rate, peak);
    int room = width - FIXED_COLUMNS - (int)strlen(count), n = (int)strlen(l->name);
    /* Cut a long name in the middle: the op and the end say more. */
    const char *tail = strrchr(l->name, ' ');
    int head = tail && tail - l->name < room * 2 / 3 ? (int)(tail + 1 - l->name) : room / 3;
    if (n <= room)
        text_fprintf(out, "%s", l->name);
    else
        text_fprintf(out, "%.*s..%s", head, l->name, l->name + n - (room - head - 2));
    fprintf(out, "%s\n", count);
}

void layers_print(const layers *l, int width, FILE *out)
{
    width = width < 80 ? 80 : width;
    fprintf(out, "%9s %6s %8s %12s %5s  %s\n", "ms", "share", "GFLOP", "rate", "peak", "layer (steps)");
    layer others = {.count = 0};
    for (size_t i = 0; i < l->rows.n; i++) {
        if (i < SHOWN || l->rows.n == SHOWN + 1)
            print_row(&l->rows.at[i], width, out);
        else
            add_up(&others, &l->rows.at[i]);
    }
    others.name = "all others";
    if (others.count)
        print_row(&others, width, out);
}

void layers_print_json(const layers *l, FILE *out)
{
    fputc('[', out);
    for (size_t i = 0; i < l->rows.n; i++) {
        const layer *r = &l->rows.at[i];
        fprintf(out, "%s{\"layer\": ", i ? ", " : "");
        parity_print_string(out, r->name);
        fprintf(out,
                ", \"steps\": %d, \"ms\": %.4f, \"share\": %.5f, \"gflop\": %.4f, \"mib\": %.3f, \"of_peak\": %.3f}",
                r->count, 1e3 * r->seconds, r->share, r->flops / 1e9, r->bytes / 0x1p20, r->ideal / r->seconds);
    }
    fputc(']', out);
}
