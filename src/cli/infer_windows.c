#include "cli/infer_windows.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

bool windows_asked(const window_args *o)
{
    return o->always || o->window || o->overlap || o->blend || o->flip || o->batch || o->memory || o->resume ||
           o->confidence || o->probabilities;
}

/* 800M, 2G, 1.5GiB: in powers of 1024. */
static cseg_status read_size(const char *text, size_t *out, cseg_error *err)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    bool good = end != text && errno == 0 && isfinite(v) && v > 0 && unit &&
                (!end[1] || strcmp(end + 1, "B") == 0 || strcmp(end + 1, "iB") == 0);
    if (good)
        v *= pow(1024, (double)(unit - units + 1));
    if (!good || v < (double)(1 << 20) || v > 1e15)
        return fail(err, CSEG_USAGE, "--memory %s: give a size such as 2G or 800M", text);
    *out = (size_t)v;
    return CSEG_OK;
}

static cseg_status read_overlap(const char *text, infer_scene *s, cseg_error *err)
{
    char *end;
    long v = strtol(text, &end, 10);
    if (end == text || *end || v < 0 || v > 16384)
        return fail(err, CSEG_USAGE, "--overlap %s: give a number of pixels, 0 or more", text);
    s->has_overlap = true;
    s->overlap = v;
    return CSEG_OK;
}

cseg_status windows_options(const window_args *o, infer_scene *s, cseg_error *err)
{
    s->window = o->window;
    s->batch = (int)o->batch;
    s->flips = o->flip;
    s->resume = o->resume;
    s->plain = o->plain;
    s->warp = o->warp;
    s->scores_bytes = o->probabilities && strcmp(o->probabilities, "u8") == 0;
    if (o->blend)
        s->blend = strcmp(o->blend, "smooth") == 0 ? INFER_BLEND_SMOOTH
                   : strcmp(o->blend, "mean") == 0 ? INFER_BLEND_LOGITS
                                                   : INFER_BLEND_CUT;
    if (o->overlap)
        TRY(read_overlap(o->overlap, s, err));
    if (o->memory)
        TRY(read_size(o->memory, &s->memory, err));
    if (s->blend == INFER_BLEND_LOGITS && o->flip)
        return fail(err, CSEG_USAGE, "--flip joins probabilities: it goes with --blend smooth or cut, not with mean");
    return CSEG_OK;
}

static cseg_status show(void *arg, infer_stage stage, int64_t done, int64_t all, cseg_error *err)
{
    (void)arg;
    progress_show(&(progress){.done = done, .all = all, .what = stage == INFER_WINDOWS ? "windows" : "writing"});
    return interrupt_seen(NULL) ? fail(err, CSEG_INTERRUPTED, "stopped by a signal") : CSEG_OK;
}

cseg_status windows_run(infer *x, const window_args *o, infer_scene *s, cseg_error *err)
{
    TRY(windows_options(o, s, err));
    s->progress = show;
    if (s->resume && file_exists(s->mask_path)) {
        char folder[4200];
        snprintf(folder, sizeof folder, "%s.windows", s->mask_path);
        if (!file_exists(folder)) {
            log_say(LOG_INFO, "%s: was finished before, in %s", s->path, s->mask_path);
            return CSEG_OK;
        }
    }
    cseg_status status = infer_run_scene(x, s, err);
    progress_clear();
    if (status == CSEG_INTERRUPTED)
        return fail(err, status, "%s: stopped by a signal; the same command with --resume goes on from there", s->path);
    return status;
}
