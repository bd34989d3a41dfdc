/* Answers where the values of a finished config come from, and which dialect it is written in. */
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "config/value_internal.h"

enum { SHOWN = 60 };

static void describe(strbuf *out, const char *head, const char *key, const value *v)
{
    strbuf text = {.mem = out->mem};
    long budget = 1000;
    value_repr(&text, v, &budget);
    if (text.failed || !text.text) {
        out->failed = true;
        return;
    }
    size_t shown = text.n;
    bool cut = shown > SHOWN;
    for (shown = cut ? SHOWN : shown; cut && shown && ((unsigned char)text.text[shown] & 0xC0) == 0x80;)
        shown--;
    strbuf_add(out, head);
    text_add(out, key, strlen(key), false);
    strbuf_addf(out, " = %.*s%s", (int)shown, text.text, cut ? "..." : "");
    if (v->at.file && v->at.line > 0) {
        strbuf_add(out, "  # ");
        text_add(out, v->at.file, strlen(v->at.file), false);
        strbuf_addf(out, ":%d:%d", v->at.line, v->at.column);
    } else {
        strbuf_add(out, "  # --cfg-options");
    }
}

static cseg_status no_such_key(const value *box, const char *key, size_t from, size_t n, arena *mem, cseg_error *err)
{
    char *part = arena_strndup(mem, key + from, n);
    const char **names = ARENA_ARRAY(mem, value_count(box), const char *);
    if (!part || !names)
        return fail_memory(err);
    size_t count = box->kind == V_DICT ? box->as.dict.n : 0;
    for (size_t i = 0; i < count; i++)
        names[i] = box->as.dict.entry[i].key;
    const char *near = str_nearest(part, names, count);
    if (near)
        return fail(err, CSEG_NOT_FOUND, "the config has no '%.*s'; is '%.*s%s' meant?", (int)(from + n), key,
                    (int)from, key, near);
    return value_is_list(box) ? fail(err, CSEG_NOT_FOUND, "the config has no '%.*s': '%.*s' is a list of %zu",
                                     (int)(from + n), key, from ? (int)from - 1 : 0, key, value_count(box))
                              : fail(err, CSEG_NOT_FOUND, "the config has no '%.*s'", (int)(from + n), key);
}

cseg_status config_where(const value *cfg, const char *key, arena *mem, char **out, cseg_error *err)
{
    const value *v = cfg;
    const value_entry *entry = NULL;
    size_t from = 0;
    for (;;) {
        size_t n = strcspn(key + from, ".");
        const value *next = value_step(v, key + from, n);
        if (!next)
            return no_such_key(v, key, from, n, mem, err);
        entry = NULL;
        for (size_t i = 0; v->kind == V_DICT && i < v->as.dict.n; i++)
            if (v->as.dict.entry[i].item == next && strncmp(v->as.dict.entry[i].key, key + from, n) == 0)
                entry = &v->as.dict.entry[i];
        v = next;
        if (!key[from + n])
            break;
        from += n + 1;
    }
    strbuf text = {.mem = mem};
    describe(&text, "", key, v);
    for (const value_entry *e = entry ? entry->over : NULL; e; e = e->over)
        describe(&text, "\n  in place of ", e->key, e->item);
    if (text.failed)
        return fail_memory(err);
    *out = text.text;
    return CSEG_OK;
}

config_dialect config_dialect_of(const value *cfg)
{
    static const char *const old[] = {
        "data",       "runner",           "lr_config", "total_iters", "total_epochs", "checkpoint_config",
        "log_config", "optimizer_config", "workflow",  "dist_params"};
    static const char *const recent[] = {"train_dataloader", "val_dataloader", "test_dataloader", "optim_wrapper",
                                         "param_scheduler",  "default_hooks",  "env_cfg",         "train_pipeline",
                                         "val_evaluator",    "test_evaluator", "default_scope",   "log_processor",
                                         "visualizer"};
    int score = 0;
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        score -= value_get(cfg, old[i]) != NULL;
    for (size_t i = 0; i < sizeof recent / sizeof *recent; i++)
        score += value_get(cfg, recent[i]) != NULL;
    return score < 0 ? DIALECT_0X : DIALECT_1X;
}
