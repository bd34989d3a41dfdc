#include "engine/infer/input_watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

/* Values that no sensible normalisation gives: far from 0, or nearly constant. */
static const double FAR = 30, FAR_IN_MEAN = 8, FLAT = 0.1;

cseg_status input_watch_open(input_watch *w, const char *checkpoint, const pipeline *steps, const preprocessor *pre,
                             bool of_dataset, cseg_error *err)
{
    const pipeline_info *info = pipeline_describe(steps);
    *w = (input_watch){.flags = info->flags, .of_dataset = of_dataset};
    for (int i = 0; i < pre->n; i++)
        w->std = fmax(w->std, fabs(pre->std[i]));
    for (int i = 0; i < info->norm_n; i++)
        w->std = fmax(w->std, fabs(info->std[i]));
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
static bool differs(const input_watch *w, const char *path, const image_facts *f)
{
    const learned_from *l = &w->learned;
    int64_t n = learned_from_bands(f);
    char types[64], bands[64];
    if ((l->types[f->type] && n >= l->bands[0] && n <= l->bands[1]) || is_usual_gray(w, f))
        return false;
    log_say(LOG_WARNING,
            "%s: holds %lld band%s of %s, but the model learned from images of %s band%s of %s, so that its answer may "
            "mean nothing; give it images like those, or train it on images like this",
            path, (long long)n, n == 1 ? "" : "s", image_type_name(f->type), list_bands(l, bands),
            l->bands[1] == 1 ? "" : "s", list_types(l, types));
    return true;
}

/* If the checkpoint says nothing: whether the loader drops something of the file. */
static bool loses(const input_watch *w, const char *path, const image_facts *f)
{
    bool colour = !(w->flags & (IMAGE_GRAYSCALE | IMAGE_UNCHANGED)), reduced = !(w->flags & IMAGE_UNCHANGED);
    int64_t n = learned_from_bands(f);
    if (reduced && f->type == IMAGE_U16)
        log_say(LOG_WARNING,
                "%s: holds samples of %s, which the config's loader brings down to 8 bits, full scale to full scale; "
                "if the model learned from 8-bit images, scale the values that matter to 0 ... 255 first, else load "
                "with color_type='unchanged' or LoadSingleRSImageFromFile",
                path, image_type_name(f->type));
    else if (reduced && n > 3)
        log_say(LOG_WARNING,
                "%s: holds %lld bands, of which the config's loader takes the first three as red, green and blue; "
                "if they are others, choose them with gdal_translate -b",
                path, (long long)n);
    else if (colour && n < 3 && !is_usual_gray(w, f))
        log_say(LOG_WARNING,
                "%s: holds %lld band%s, and the config's loader repeats the first as red, green and blue; a model that "
                "learned from colours may be wrong on it",
                path, (long long)n, n == 1 ? "" : "s");
    else
        return false;
    return true;
}

static void look_at(input_watch *w, const char *path, const image_facts *f)
{
    w->type = f->type;
    w->n = 0;
    w->size = 0;
    if (!w->told_file)
        w->told_file = w->learned.has_images ? differs(w, path, f) : loses(w, path, f);
}

void input_watch_file(input_watch *w, const char *path)
{
    image_facts f;
    if (image_describe(path, &f, NULL) == CSEG_OK)
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
    float low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n && !w->told_file && !w->told_values && !w->skips_values; i++) {
        if (!isfinite(v[i]))
            continue;
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
        w->size += (double)fabsf(v[i]);
    }
    if (!(low <= high))
        return;
    w->low = w->n ? fmin(w->low, (double)low) : (double)low;
    w->high = w->n ? fmax(w->high, (double)high) : (double)high;
    w->n += n;
}

/* Images of one colour and dark images are not a different kind of image: only types that may have any scale are judged
 * by how little they vary. */
static bool out_of_learned(const input_watch *w, bool all)
{
    const double *r = w->learned.range, span = r[1] - r[0];
    bool small = all && w->type != IMAGE_U8 && w->high > w->low && w->high - w->low < span / 16;
    return w->high > r[1] + span || w->low < r[0] - span || small;
}

static bool out_of_sense(const input_watch *w, bool all)
{
    if (w->std <= 0)
        return false;
    if (w->type == IMAGE_U8)
        return !(w->flags & IMAGE_UNCHANGED) ? false : w->std > 255;
    double far = fmax(fabs(w->low), fabs(w->high)), mean = w->size / (double)w->n;
    bool flat = all && w->high > w->low && w->high - w->low < FLAT;
    return far > FAR || (all && mean > FAR_IN_MEAN) || flat;
}

void input_watch_judge(input_watch *w, const char *path, bool all)
{
    path = path ? path : "the image in memory";
    if (w->told_file || w->told_values || !w->n)
        return;
    if (w->learned.has_range) {
        w->told_values = out_of_learned(w, all);
        if (w->told_values)
            log_say(LOG_WARNING,
                    "%s: goes into the model as numbers from %.3g to %.3g, but it learned from %.3g to %.3g; bring its "
                    "values to the scale of the training images",
                    path, w->low, w->high, w->learned.range[0], w->learned.range[1]);
        return;
    }
    w->told_values = out_of_sense(w, all);
    if (w->told_values)
        log_say(LOG_WARNING,
                "%s: its samples of %s become numbers from %.3g to %.3g, for which the config's mean and std cannot be "
                "meant; scale it as the images were that it learned from",
                path, image_type_name(w->type), w->low, w->high);
}
