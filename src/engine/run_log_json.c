/* Lines of the JSON logs, and figures for TensorBoard. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/run_log_internal.h"

static void add_string(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", f);
        else if (c < 0x20)
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

/* As json.dumps writes it: NaN and Infinity too. */
static void add_number(FILE *f, double v, bool whole, bool rounded)
{
    char text[64];
    if (isnan(v) || isinf(v)) {
        fputs(isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity", f);
        return;
    }
    if (whole) {
        fprintf(f, "%.0f", v);
        return;
    }
    if (rounded) {
        snprintf(text, sizeof text, "%.5f", v);
        v = strtod(text, NULL);
    }
    str_double(v, text);
    fputs(text, f);
}

static cseg_status write_object(const run_log *l, FILE *f, const char *mode, const log_items *items, cseg_error *err)
{
    const char *between = "";
    fputc('{', f);
    if (mode) {
        fprintf(f, "\"mode\": \"%s\"", mode);
        between = ", ";
    }
    for (int i = 0; i < items->n; i++, between = ", ") {
        fputs(between, f);
        add_string(f, items->at[i].name);
        fputs(": ", f);
        add_number(f, items->at[i].value, items->at[i].whole, mode != NULL);
    }
    fputs("}\n", f);
    if (fflush(f) != 0 || ferror(f))
        return fail_errno(err, l->folder, "write the JSON log");
    return CSEG_OK;
}

cseg_status run_log_json(run_log *l, const char *mode, const log_items *items, cseg_error *err)
{
    TRY(write_object(l, l->json, mode, items, err));
    return l->scalars ? write_object(l, l->scalars, mode, items, err) : CSEG_OK;
}

cseg_status run_log_json_meta(run_log *l, uint64_t seed, const char *environment, cseg_error *err)
{
    FILE *f = l->json;
    char *cfg = value_python(l->mem, l->e->cfg);
    if (!cfg)
        return fail_memory(err);
    fputs("{\"env_info\": ", f);
    add_string(f, environment);
    fputs(", \"config\": ", f);
    add_string(f, cfg);
    fprintf(f, ", \"seed\": %llu, \"exp_name\": ", (unsigned long long)seed);
    add_string(f, path_base(l->e->path));
    fputs("}\n", f);
    return fflush(f) == 0 && !ferror(f) ? CSEG_OK : fail_errno(err, l->folder, "write the JSON log");
}

cseg_status run_log_board(run_log *l, const char *prefix, const log_items *items, int64_t step, cseg_error *err)
{
    char tag[256];
    for (int i = 0; l->board && i < items->n; i++) {
        snprintf(tag, sizeof tag, "%s%s", prefix, items->at[i].name);
        TRY(events_scalar(l->board, tag, items->at[i].value, step, err));
    }
    return CSEG_OK;
}
