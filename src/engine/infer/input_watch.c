#include "engine/infer/input_watch.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

/* Values that no sensible normalisation gives: far from 0, or nearly constant. */
static const double FAR = 30, FAR_IN_MEAN = 8, FLAT = 0.1;
/* A sixteenth of what 8 bits hold: less is left of a deeper file that had few of its own bits in use. */
static const double FEW_VALUES = 16;

/* Says what is odd: as a warning or, if it is nonsense and such files are refused, as the verdict. */
static void input_say(input_watch *w, bool nonsense, const char *fmt, ...) CSEG_PRINTF(3, 4);
static void input_say(input_watch *w, bool nonsense, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    log_level level = LOG_WARNING;
    va_start(ap, fmt);
    text_vprint(text, sizeof text, fmt, ap);
    va_end(ap);
    if (nonsense && w->refuses)
        fail(&w->refusal, CSEG_DATA, "%-s; --force segments it all the same", text);
    else
        log_say(level, "%-s", text);
}

cseg_status input_watch_verdict(const input_watch *w, cseg_error *err)
{
    if (w->refusal.code == CSEG_OK)
        return CSEG_OK;
    return fail(err, w->refusal.code, "%-s", w->refusal.text);
}

static bool all_alike(const double v[3])
{
    return v[0] == v[1] && v[1] == v[2];
}

cseg_status input_watch_open(input_watch *w, const char *checkpoint, const pipeline *steps, const preprocessor *pre,
                             bool of_dataset, cseg_error *err)
{
    const pipeline_info *info = pipeline_describe(steps);
    *w = (input_watch){.flags = info->flags, .of_dataset = of_dataset, .bands = info->bands, .n_bands = info->n_bands};
    for (int i = 0; i < pre->n; i++)
        w->std = fmax(w->std, fabs(pre->std[i]));
    for (int i = 0; i < info->norm_n; i++)
        w->std = fmax(w->std, fabs(info->std[i]));
    w->channels = pre->n > 0 ? pre->n : info->norm_n > 0 ? info->norm_n : 1;
    w->colours = (pre->n == 3 && !all_alike(pre->mean)) || (info->norm_n == 3 && !all_alike(info->mean));
    return learned_from_load(checkpoint, &w->learned, err);
}

static const char *list_types(const learned_from *l, char out[static 64])
{
    size_t n = 0;
    out[0] = 0;
    for (int t = 0; t < IMAGE_TYPES; t++)
        if (l->types[t] && n < 48)
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? " and " : "", image_type_name((image_type)t));
    return out;
}

static const char *list_bands(const learned_from *l, char out[static 64])
{
    if (l->bands[0] == l->bands[1])
        snprintf(out, 64, "%lld", (long long)l->bands[0]);
    else
        snprintf(out, 64, "%lld to %lld", (long long)l->bands[0], (long long)l->bands[1]);
    return out;
}

static bool is_usual_gray(const input_watch *w, const image_facts *f)
{
    return w->of_dataset && f->picture && f->type == IMAGE_U8 && learned_from_bands(f) == 1;
}

/* If the checkpoint says what the model was trained on: whether the file differs. */
static bool differs(input_watch *w, const char *path, const image_facts *f)
{
    const learned_from *l = &w->learned;
    int64_t n = learned_from_bands(f);
    char types[64], bands[64];
    if ((l->types[f->type] && n >= l->bands[0] && n <= l->bands[1]) || is_usual_gray(w, f))
        return false;
    bool few = n < l->bands[0];
    if (w->told_file && !(few && w->refuses))
        return true;
    input_say(
        w, few,
        "%s: holds %lld band%s of %s, but the model learned from images of %s band%s of %s, so that its answer may "
        "mean nothing; give it images like those, choose others of its bands (--bands), or train it on images like "
        "this",
        path, (long long)n, n == 1 ? "" : "s", image_type_name(f->type), list_bands(l, bands),
        l->bands[1] == 1 ? "" : "s", list_types(l, types));
    return true;
}

/* If the checkpoint says nothing: whether the loader drops something of the file. */
static bool loses(input_watch *w, const char *path, const image_facts *f)
{
    bool colour = !(w->flags & (IMAGE_GRAYSCALE | IMAGE_UNCHANGED)), reduced = !(w->flags & IMAGE_UNCHANGED);
    int64_t n = learned_from_bands(f);
    bool few = colour && n < 3 && !is_usual_gray(w, f), nonsense = few && w->colours && !f->picture;
    if (w->told_file && !(nonsense && w->refuses))
        return true;
    bool verdict = nonsense && w->refuses; /* before all else that is odd */
    bool deep = !verdict && reduced && f->type == IMAGE_U16, many = !verdict && reduced && n > 3;
    if (deep)
        input_say(w, false,
                  "%s: holds samples of %s, which the config's loader brings down to 8 bits, full scale to full scale; "
                  "if the model learned from 8-bit images, scale the values that matter to 0 ... 255 first, else load "
                  "with color_type='unchanged' or LoadSingleRSImageFromFile",
                  path, image_type_name(f->type));
    else if (many)
        input_say(w, false,
                  "%s: holds %lld bands, of which the config's loader takes the first three as red, green and blue; "
                  "if they are others, choose them with --bands",
                  path, (long long)n);
    else if (few)
        input_say(
            w, nonsense,
            "%s: holds %lld band%s, and the config's loader repeats the first as red, green and blue; a model that "
            "learned from colours may be wrong on it",
            path, (long long)n, n == 1 ? "" : "s");
    return deep || many || few;
}

static void look_at(input_watch *w, const char *path, const image_facts *f)
{
    w->type = f->type;
    w->n = 0;
    w->size = 0;
    w->refusal.code = CSEG_OK;
    w->odd_type = w->learned.has_images && !w->learned.types[f->type];
    bool told = w->learned.has_images ? differs(w, path, f) : loses(w, path, f);
    w->told_file |= told;
}

void input_watch_file(input_watch *w, const char *path)
{
    image_facts f;
    if (image_describe_bands(path, w->bands, w->n_bands, &f, NULL) == CSEG_OK)
        look_at(w, path, &f);
}

void input_watch_pixels(input_watch *w, int64_t channels)
{
    look_at(w, "the image in memory", &(image_facts){.bands = channels, .type = IMAGE_U8});
}

bool input_watch_nonsense(const char *path, const float *v, int64_t n, bool *told)
{
    int64_t odd = 0;
    if (*told)
        return false;
    for (int64_t i = 0; i < n; i++)
        odd += !isfinite(v[i]);
    if (!odd)
        return false;
    *told = true;
    log_say(LOG_WARNING,
            "%s: %lld of the numbers that go into the model are infinite or not numbers: classes as far as they reach "
            "mean nothing; fill such pixels first (gdal_fillnodata.py, or with the images' mean)",
            path, (long long)odd);
    return true;
}

void input_watch_values(input_watch *w, const float *v, int64_t n)
{
    bool idle = w->skips_values || (!w->refuses && (w->told_file || w->told_values));
    bool any = false;
    w->channels = w->channels < 1 ? 1 : w->channels;
    for (int k = 0; k < w->channels && w->n == 0; k++) {
        w->least[k] = INFINITY;
        w->most[k] = -INFINITY;
    }
    for (int64_t i = 0; i < n && !idle; i++) {
        if (!isfinite(v[i]))
            continue;
        int k = (int)(i % w->channels);
        w->least[k] = (double)v[i] < w->least[k] ? (double)v[i] : w->least[k];
        w->most[k] = (double)v[i] > w->most[k] ? (double)v[i] : w->most[k];
        w->size += (double)fabsf(v[i]);
        any = true;
    }
    if (!any)
        return;
    w->low = w->least[0];
    w->high = w->most[0];
    for (int k = 1; k < w->channels; k++) {
        w->low = fmin(w->low, w->least[k]);
        w->high = fmax(w->high, w->most[k]);
    }
    w->n += n;
}

/* The most that a channel varies: means that differ between channels spread all of them. */
static double varies(const input_watch *w)
{
    double most = 0;
    for (int k = 0; k < w->channels; k++)
        most = fmax(most, w->most[k] - w->least[k]);
    return most;
}

/* Images of one colour and dark images are not a different kind of image: only types that may have any scale are judged
 * by how little they vary. */
static bool out_of_learned(const input_watch *w, bool all)
{
    const double *r = w->learned.range, span = r[1] - r[0];
    bool small = all && w->type != IMAGE_U8 && varies(w) > 0 && varies(w) < span / 16;
    return w->high > r[1] + span || w->low < r[0] - span || small;
}

static bool out_of_sense(const input_watch *w, bool all)
{
    if (w->std <= 0)
        return false;
    if (w->type == IMAGE_U8)
        return !(w->flags & IMAGE_UNCHANGED) ? false : w->std > 255;
    double far = fmax(fabs(w->low), fabs(w->high)), mean = w->size / (double)w->n;
    bool flat = all && varies(w) > 0 && varies(w) < FLAT;
    return far > FAR || (all && mean > FAR_IN_MEAN) || flat;
}

/* Beyond doubt: even the mean is far away, or a deeper file became an image of next to nothing. */
static bool is_senseless(const input_watch *w, bool all)
{
    if (w->std <= 0 || !all || w->type == IMAGE_U8)
        return false;
    bool squeezed = !(w->flags & IMAGE_UNCHANGED) && varies(w) > 0 && varies(w) < FEW_VALUES / w->std;
    return squeezed || w->size / (double)w->n > FAR_IN_MEAN;
}

void input_watch_judge(input_watch *w, const char *path, bool all)
{
    path = path ? path : "the image in memory";
    if (!w->n)
        return;
    bool stated = w->learned.has_range, odd = stated ? out_of_learned(w, all) : out_of_sense(w, all);
    bool nonsense = all && (stated ? odd && w->odd_type : is_senseless(w, all));
    bool told = w->told_file || w->told_values;
    if (nonsense && w->refuses ? w->refusal.code != CSEG_OK : told || !(odd || nonsense))
        return;
    w->told_values = true;
    if (stated)
        input_say(w, nonsense,
                  "%s: goes into the model as numbers from %.3g to %.3g, but it learned from %.3g to %.3g; bring its "
                  "values to the scale of the training images",
                  path, w->low, w->high, w->learned.range[0], w->learned.range[1]);
    else
        input_say(
            w, nonsense,
            "%s: its samples of %s become numbers from %.3g to %.3g, for which the config's mean and std cannot be "
            "meant; scale it as the images were that it learned from",
            path, image_type_name(w->type), w->low, w->high);
}
