#include "geo/area.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/text.h"
#include "geo/ground.h"

typedef struct sums {
    int64_t pixels, scored;
    uint64_t score;
    double m2;
} sums;

/* Runs of one class: a row's pixels of it all have the same area, or nearly so. */
static void add_row(sums *all, sums *nodata, const ground *g, int64_t y, const int32_t *labels, const uint8_t *scores,
                    int64_t w)
{
    for (int64_t x = 0, end; x < w; x = end) {
        int32_t label = labels[x];
        sums *s = label < 0 ? nodata : &all[label];
        for (end = x + 1; end < w && labels[end] == label;)
            end++;
        s->pixels += end - x;
        s->m2 += ground_run_area(g, y, x, end);
        for (int64_t k = x; scores && label >= 0 && k < end; k++)
            if (scores[k] != SCORE_NONE) {
                s->score += scores[k];
                s->scored++;
            }
    }
}

static area_class class_of(const sums *s, int64_t id, const char *name, const ground *g, int64_t all)
{
    area_class c = {.id = id, .name = name, .pixels = s->pixels, .m2 = s->m2};
    if (g->kind == GROUND_UNKNOWN)
        c.m2 = NAN;
    else if (g->kind == GROUND_PLANE) /* not a sum: exact */
        c.m2 = (double)s->pixels * ground_run_area(g, 0, 0, 1);
    c.share = all ? (double)s->pixels / (double)all : 0.0;
    c.confidence = s->scored ? (double)s->score / (double)s->scored / SCORE_MOST : NAN;
    return c;
}

static cseg_status fill(const mask_rows *rows, const sums *all, const sums *nodata, const ground *g, arena *mem,
                        area_report *out, cseg_error *err)
{
    VEC(area_class) list = {0};
    sums whole = {0};
    for (int i = 0; i < MASK_CLASSES; i++) {
        whole.pixels += all[i].pixels;
        whole.scored += all[i].scored;
        whole.score += all[i].score;
        whole.m2 += all[i].m2;
    }
    for (int i = 0; i < MASK_CLASSES; i++) {
        const char *name = mask_rows_name(rows, i);
        if (!name && !all[i].pixels)
            continue;
        area_class c = class_of(&all[i], i, name, g, whole.pixels);
        if (!vec_push(mem, &list, c))
            return fail_memory(err);
    }
    out->classes = list.at;
    out->n_classes = (int)list.n;
    out->all = class_of(&whole, -1, NULL, g, whole.pixels);
    out->nodata = class_of(nodata, -1, NULL, g, 0);
    return CSEG_OK;
}

cseg_status area_measure(const mask_source *source, arena *mem, area_report *out, cseg_error *err)
{
    mask_rows *rows;
    ground g;
    sums nodata = {0}, *all = ARENA_ARRAY(mem, MASK_CLASSES, sums);
    *out = (area_report){0};
    if (!all || !(out->mask = arena_strdup(mem, source->mask)))
        return fail_memory(err);
    TRY(mask_rows_open(source, mem, &rows, err));
    const raster_info *info = mask_rows_info(rows);
    TRY(ground_of(info, source->mask, &g, err));
    for (int64_t y = 0; mask_rows_left(rows); y++) {
        int32_t *labels;
        const uint8_t *scores;
        TRY(mask_rows_next(rows, &labels, &scores, err));
        add_row(all, &nodata, &g, y, labels, scores, info->w);
    }
    out->h = info->h;
    out->w = info->w;
    out->has_confidence = source->confidence != NULL;
    out->has_area = g.kind != GROUND_UNKNOWN;
    out->projection = g.projection;
    return fill(rows, all, &nodata, &g, mem, out, err);
}

/* ---- files ---- */

static void add_number(strbuf *b, double v, const char *unknown)
{
    char text[32];
    str_double(v, text);
    strbuf_add(b, isfinite(v) ? text : unknown);
}

static void add_figures(strbuf *b, const area_report *r, const area_class *c, bool has_share)
{
    strbuf_addf(b, "\"pixels\": %lld, \"m2\": ", (long long)c->pixels);
    add_number(b, c->m2, "null");
    strbuf_add(b, ", \"ha\": ");
    add_number(b, c->m2 / 1e4, "null");
    if (has_share) {
        strbuf_add(b, ", \"share\": ");
        add_number(b, c->share, "null");
    }
    if (has_share && r->has_confidence) {
        strbuf_add(b, ", \"confidence\": ");
        add_number(b, c->confidence, "null");
    }
    strbuf_add(b, "}");
}

cseg_status area_write_json(const char *path, const area_report *r, arena *mem, cseg_error *err)
{
    strbuf b = {.mem = mem};
    strbuf_add(&b, "{\n  \"mask\": ");
    text_add_json(&b, r->mask, strlen(r->mask), false);
    strbuf_addf(&b, ",\n  \"height\": %lld,\n  \"width\": %lld,\n  \"classes\": [", (long long)r->h, (long long)r->w);
    for (int i = 0; i < r->n_classes; i++) {
        const area_class *c = &r->classes[i];
        strbuf_addf(&b, "%s\n    {\"id\": %lld, \"name\": ", i ? "," : "", (long long)c->id);
        if (c->name)
            text_add_json(&b, c->name, strlen(c->name), false);
        else
            strbuf_add(&b, "null");
        strbuf_add(&b, ", ");
        add_figures(&b, r, c, true);
    }
    strbuf_add(&b, "\n  ],\n  \"all\": {");
    add_figures(&b, r, &r->all, true);
    strbuf_add(&b, ",\n  \"nodata\": {");
    add_figures(&b, r, &r->nodata, false);
    strbuf_add(&b, "\n}\n");
    return b.failed ? fail_memory(err) : file_replace_bytes(path, b.text, b.n, mem, err);
}

/* A cell as RFC 4180 has it. */
static void add_cell(strbuf *b, const char *s)
{
    if (!strpbrk(s, ",\"\n\r")) {
        strbuf_add(b, s);
        return;
    }
    strbuf_add(b, "\"");
    for (; *s; s++)
        strbuf_addn(b, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    strbuf_add(b, "\"");
}

static void add_line(strbuf *b, const area_report *r, const area_class *c, bool has_share)
{
    strbuf_addf(b, ",%lld,", (long long)c->pixels);
    add_number(b, c->m2, "");
    strbuf_add(b, ",");
    add_number(b, c->m2 / 1e4, "");
    strbuf_add(b, ",");
    if (has_share)
        add_number(b, c->share, "");
    if (r->has_confidence) {
        strbuf_add(b, ",");
        if (has_share)
            add_number(b, c->confidence, "");
    }
    strbuf_add(b, "\n");
}

cseg_status area_write_csv(const char *path, const area_report *r, arena *mem, cseg_error *err)
{
    strbuf b = {.mem = mem};
    strbuf_addf(&b, "id,class,pixels,m2,ha,share%s\n", r->has_confidence ? ",confidence" : "");
    for (int i = 0; i < r->n_classes; i++) {
        strbuf_addf(&b, "%lld,", (long long)r->classes[i].id);
        add_cell(&b, r->classes[i].name ? r->classes[i].name : "");
        add_line(&b, r, &r->classes[i], true);
    }
    strbuf_add(&b, ",nodata");
    add_line(&b, r, &r->nodata, false);
    return b.failed ? fail_memory(err) : file_replace_bytes(path, b.text, b.n, mem, err);
}
