/* Writes the lines of the JSON logs, and figures for TensorBoard. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/train/log/run_log_internal.h"

/* As json.dumps does: ASCII only. */
static void add_string(strbuf *b, const char *text)
{
    text_add_json(b, text, strlen(text), true);
}

/* As json.dumps writes it: NaN and Infinity too. */
static void add_number(strbuf *b, double v, bool whole, bool rounded)
{
    char text[400];
    if (isnan(v) || isinf(v)) {
        strbuf_add(b, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
        return;
    }
    if (whole) {
        strbuf_addf(b, "%.0f", v);
        return;
    }
    if (rounded) {
        snprintf(text, sizeof text, "%.5f", v);
        v = strtod(text, NULL);
    }
    str_double(v, text);
    strbuf_add(b, text);
}

cseg_status run_log_json(run_log *l, const char *mode, const log_items *items, cseg_error *err)
{
    strbuf b = {.mem = l->line_mem};
    const char *between = "";
    strbuf_add(&b, "{");
    if (mode) {
        strbuf_addf(&b, "\"mode\": \"%s\"", mode);
        between = ", ";
    }
    for (size_t i = 0; i < items->n; i++, between = ", ") {
        strbuf_add(&b, between);
        add_string(&b, items->at[i].name);
        strbuf_add(&b, ": ");
        add_number(&b, items->at[i].value, items->at[i].whole, mode != NULL);
    }
    strbuf_add(&b, "}\n");
    if (b.failed)
        return fail_memory(err);
    TRY(log_file_append(&l->json, b.text, b.n, err));
    return l->scalars.fd >= 0 ? log_file_append(&l->scalars, b.text, b.n, err) : CSEG_OK;
}

cseg_status run_log_json_meta(run_log *l, uint64_t seed, const char *environment, cseg_error *err)
{
    strbuf b = {.mem = l->line_mem};
    char *cfg = value_python(l->line_mem, l->e->cfg);
    if (!cfg)
        return fail_memory(err);
    strbuf_add(&b, "{\"env_info\": ");
    add_string(&b, environment);
    strbuf_addf(&b, ", \"seed\": %llu, \"exp_name\": ", (unsigned long long)seed);
    add_string(&b, path_base(l->e->path));
    strbuf_add(&b, ", \"config\": ");
    add_string(&b, cfg);
    strbuf_add(&b, "}\n");
    return b.failed ? fail_memory(err) : log_file_append(&l->json, b.text, b.n, err);
}

cseg_status run_log_board(run_log *l, const char *prefix, const log_items *items, int64_t step, cseg_error *err)
{
    for (size_t i = 0; l->board && i < items->n; i++) {
        char *tag = arena_printf(l->line_mem, "%s%s", prefix, items->at[i].name);
        if (!tag)
            return fail_memory(err);
        TRY(events_scalar(l->board, tag, items->at[i].value, step, err));
    }
    return CSEG_OK;
}
