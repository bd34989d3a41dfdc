#include "engine/train/check_fills.h"

#include <math.h>
#include <stdio.h>

#include "base/log.h"

enum { USUAL_FILL = 255 };

typedef struct check {
    const model *m;
    bool bytes; /* label maps are still bytes: no other value can be written */
} check;

static bool takes(const model_labels *l, double with)
{
    if (with != floor(with))
        return false;
    return (with >= 0 && with < (double)l->classes) || with == (double)l->ignore_index ||
           (l->has_ignored && with == (double)l->ignored) || (with < 0 && l->ignores_negative);
}

static cseg_status check_fill(const check *c, const pipeline_fill *f, cseg_error *err)
{
    char place[512], allowed[96];
    for (size_t i = 0; i < c->m->labels.n; i++) {
        const model_labels *l = &c->m->labels.at[i];
        bool written = !c->bytes || (f->with >= 0 && f->with <= 255);
        if (written && takes(l, f->with))
            continue;
        snprintf(allowed, sizeof allowed, "a class (0 to %lld) nor its ignore_index (%lld)", (long long)l->classes - 1,
                 (long long)l->ignore_index);
        if (f->with != USUAL_FILL)
            return fail(err, CSEG_CONFIG,
                        "%s%s fills labels with %s=%g, which to %s is neither %s%s; fill with its ignore_index",
                        value_place(f->at, place), f->step, f->field, f->with, l->head->name, allowed,
                        written ? "" : ", and no byte, which labels are");
        log_say(LOG_WARNING,
                "%s%s fills labels with %s=255, which to %s is neither %s: a batch in which it fills "
                "anything will be refused; fill with its ignore_index",
                value_place(f->at, place), f->step, f->field, l->head->name, allowed);
        return CSEG_OK;
    }
    return CSEG_OK;
}

static cseg_status check_pipeline(void *arg, const pipeline *p, const dataset *of, cseg_error *err)
{
    (void)of;
    const pipeline_info *info = pipeline_describe(p);
    for (size_t i = 0; i < info->fills.n; i++)
        TRY(check_fill(arg, &info->fills.at[i], err));
    return CSEG_OK;
}

cseg_status check_fills(const model *m, const dataset *ds, const preprocessor *pre, const value *preprocessor_cfg,
                        cseg_error *err)
{
    check c = {.m = m, .bytes = true};
    TRY(dataset_each_pipeline(ds, check_pipeline, &c, err));
    if (!pre || (!pre->h && !pre->divisor))
        return CSEG_OK;
    c.bytes = false;
    const value *at = value_get(preprocessor_cfg, "seg_pad_val");
    return check_fill(&c,
                      &(pipeline_fill){.step = "data_preprocessor",
                                       .field = "seg_pad_val",
                                       .with = (double)pre->seg_pad_val,
                                       .at = at ? at : preprocessor_cfg},
                      err);
}
