#include "engine/setup/learned_from.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "io/net/fetch.h"

enum { LOOKED_AT = 32 };

int64_t learned_from_bands(const image_facts *f)
{
    return f->palette ? 3 : f->alpha ? f->bands - 1 : f->bands;
}

static void add_image(learned_from *l, const char *path, const pipeline_info *how)
{
    image_facts f;
    if (!path || image_describe_bands(path, how ? how->bands : NULL, how ? how->n_bands : 0, &f, NULL) != CSEG_OK)
        return;
    int64_t n = learned_from_bands(&f);
    l->bands[0] = l->has_images && l->bands[0] < n ? l->bands[0] : n;
    l->bands[1] = l->has_images && l->bands[1] > n ? l->bands[1] : n;
    l->types[f.type] = true;
    l->has_images = true;
}

void learned_from_images(learned_from *l, const dataset *ds)
{
    int64_t n = dataset_sources(ds), some = n < LOOKED_AT ? n : LOOKED_AT;
    const pipeline *steps = dataset_pipeline(ds);
    for (int64_t i = 0; i < some; i++)
        add_image(l, dataset_source_at(ds, i * n / some).path, steps ? pipeline_describe(steps) : NULL);
}

void learned_from_batch(learned_from *l, const float *v, int64_t n)
{
    float low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    if (!(low <= high) || !isfinite(low) || !isfinite(high))
        return;
    l->range[0] = l->has_range ? fmin(l->range[0], (double)low) : (double)low;
    l->range[1] = l->has_range ? fmax(l->range[1], (double)high) : (double)high;
    l->has_range = true;
}

void learned_from_doubt(const learned_from *l)
{
    const double most = 300; /* a byte that was not normalised is at most 255 */
    for (int t = 0; t < IMAGE_TYPES; t++)
        if (l->types[t] != (t == IMAGE_U8))
            return;
    if (l->has_range && fmax(fabs(l->range[0]), fabs(l->range[1])) > most)
        log_say(LOG_WARNING,
                "images of 8 bits go into the model as numbers from %.4g to %.4g: mean and std seem to be those of "
                "images of 0 to 1; multiply both by 255",
                l->range[0], l->range[1]);
}

/* ---- in checkpoints -------------------------------------------------------------------------------------------- */

pth_value *learned_from_value(pth_builder *b, const learned_from *l)
{
    pth_value *d = pth_dict(b);
    if (l->has_images) {
        pth_value *bands = pth_list(b), *types = pth_list(b);
        for (int i = 0; i < 2; i++)
            pth_add(b, bands, pth_int(b, l->bands[i]));
        for (int t = 0; t < IMAGE_TYPES; t++)
            if (l->types[t])
                pth_add(b, types, pth_str(b, image_type_name((image_type)t)));
        pth_set(b, d, "bands", bands);
        pth_set(b, d, "types", types);
    }
    if (l->has_range) {
        pth_value *range = pth_list(b);
        for (int i = 0; i < 2; i++)
            pth_add(b, range, pth_float(b, l->range[i]));
        pth_set(b, d, "range", range);
    }
    return d;
}

static bool read_types(const pickle_node *list, bool types[IMAGE_TYPES])
{
    bool any = false;
    for (size_t i = 0; i < pickle_len(list); i++) {
        const char *name = pickle_str(pickle_item(list, i));
        for (int t = 0; name && t < IMAGE_TYPES; t++)
            if (strcmp(name, image_type_name((image_type)t)) == 0)
                any = types[t] = true;
    }
    return any;
}

static void read_own(const pickle_node *own, learned_from *out)
{
    const pickle_node *d = pickle_get(own, "learned_from"), *bands = pickle_get(d, "bands"),
                      *range = pickle_get(d, "range");
    *out = (learned_from){0};
    bool good = pickle_int(pickle_item(bands, 0), &out->bands[0]) && pickle_int(pickle_item(bands, 1), &out->bands[1]);
    out->has_images = good && out->bands[0] >= 1 && out->bands[0] <= out->bands[1] &&
                      out->bands[1] <= IMAGE_MAX_CHANNELS && read_types(pickle_get(d, "types"), out->types);
    good = pickle_number(pickle_item(range, 0), &out->range[0]) && pickle_number(pickle_item(range, 1), &out->range[1]);
    out->has_range = good && isfinite(out->range[0]) && isfinite(out->range[1]) && out->range[0] <= out->range[1];
}

cseg_status learned_from_load(const char *spec, learned_from *out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    arena *mem = arena_new();
    char *path;
    pth *file;
    *out = (learned_from){0};
    if (!mem)
        return fail_memory(err);
    TRY_DONE(fetch_weights(spec, mem, &path, err));
    TRY_DONE(pth_open(path, mem, &file, err));
    read_own(pickle_get(pth_root(file), "cseg"), out);
done:
    arena_free(mem);
    return status;
}
