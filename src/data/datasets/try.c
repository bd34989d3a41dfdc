/* Sends a few samples through all that a run does to samples, before the run begins. */
#include <string.h>

#include "data/datasets/leaf.h"

enum { TRIED = 8 };

/* The samples to try: the first of each leaf, as long as there is room, and the last. */
static int choose(const dataset *ds, int64_t at[TRIED])
{
    int n = 0;
    int64_t count = dataset_count(ds);
    const dataset_meta *before = NULL;
    for (int64_t i = 0; i < count; i++) {
        const dataset_meta *meta = dataset_item_at(ds, i).meta;
        if ((meta != before && n < TRIED - 1) || i == count - 1)
            at[n++] = i;
        before = meta;
    }
    return n;
}

static cseg_status pack_maps(const dataset_try_options *o, sample *s, int64_t h, int64_t w, float *room,
                             cseg_error *err)
{
    for (int i = 0; i < s->n_maps; i++) {
        const sample_map *m = &s->maps[i];
        if (!m->map.data || !o->training)
            continue;
        if (m->is_weight)
            TRY(pipeline_pack_weights(s, m->key, h, w, room, err));
        else
            TRY(pipeline_pack_labels(o->pre, s, m->key, h, w, (int32_t *)(void *)room, err));
    }
    return CSEG_OK;
}

static cseg_status check_wanted(const dataset_try_options *o, sample *s, cseg_error *err)
{
    for (int i = 0; i < o->n_wanted && o->training; i++) {
        const dataset_wanted *w = &o->wanted[i];
        const sample_map *m = sample_find(s, w->key);
        if (!m || !m->map.data)
            return fail(err, CSEG_CONFIG,
                        "%s: %s learns from %s beside the labels, and the pipeline delivers none: put dict(type='%s') "
                        "into it, behind the steps that resize, cut out and flip, and in front of what delivers "
                        "(Collect, where there is one, must name it)",
                        s->path ? s->path : "the sample", w->by, w->key, w->maker);
    }
    return CSEG_OK;
}

/* Packs as the loader does, into memory that is thrown away. */
static cseg_status pack(const dataset_try_options *o, sample *s, cseg_error *err)
{
    int64_t h, w;
    TRY(check_wanted(o, s, err));
    if (o->training || o->truth)
        TRY(sample_check_maps(s, o->training, err));
    TRY(preprocessor_size(o->pre, &(const sample *){s}, 1, o->training, &h, &w, err));
    if (o->takes.n)
        TRY(channels_compare(s->path, (channel_count){s->img.c, s->n_images == 2 ? 2 : 1}, o->takes, err));
    float *room = mem_alloc((size_t)(h * w * s->img.c) * sizeof(float));
    if (!room)
        return fail_memory(err);
    cseg_status status = pipeline_pack(o->pre, s, h, w, room, err);
    if (status == CSEG_OK)
        status = pack_maps(o, s, h, w, room, err);
    mem_free(room);
    return status;
}

static bool has_labels(const sample *s)
{
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].map.data && !s->maps[i].is_weight)
            return true;
    return false;
}

static cseg_status try_variants(const dataset *ds, const dataset_try_options *o, int64_t index, int variants,
                                arena *mem, cseg_error *err)
{
    sample *all = ARENA_ARRAY(mem, (size_t)variants, sample);
    if (!all)
        return fail_memory(err);
    cseg_status status = dataset_get_variants(ds, index, o->seed, 0, mem, all, err);
    for (int i = 0; i < variants; i++) {
        if (status == CSEG_OK)
            status = pack(o, &all[i], err);
        sample_release(&all[i]);
    }
    return status;
}

/* Loads the labels that evaluation reads itself if the pipeline loads none. */
static cseg_status try_truth(const dataset *ds, int64_t index, arena *mem, cseg_error *err)
{
    sample s;
    cseg_status status = dataset_get_truth(ds, index, mem, &s, err);
    sample_release(&s);
    return status;
}

/* Tries one sample; *out is kept for the batch, and released by the caller. */
static cseg_status try_one(const dataset *ds, const dataset_try_options *o, int64_t index, arena *mem, sample *out,
                           cseg_error *err)
{
    int variants = pipeline_describe(dataset_pipeline(ds))->variants;
    if (variants > 1)
        return try_variants(ds, o, index, variants, mem, err);
    TRY(dataset_get(ds, index, o->seed, 0, mem, out, err));
    TRY(pack(o, out, err));
    return o->truth && !has_labels(out) ? try_truth(ds, index, mem, err) : CSEG_OK;
}

/* Checks that the samples that were tried fit into one batch. */
static cseg_status try_batch(const dataset_try_options *o, const sample *samples, int n, cseg_error *err)
{
    const sample *all[TRIED];
    int64_t h, w;
    for (int i = 0; i < n; i++)
        all[i] = &samples[i];
    bool alone = o->batch_size < 2 || n < 2 || !image_exists(&samples[0].img);
    return alone ? CSEG_OK : preprocessor_size(o->pre, all, n, o->training, &h, &w, err);
}

cseg_status dataset_try(const dataset *ds, const dataset_try_options *options, cseg_error *err)
{
    int64_t at[TRIED];
    int n = choose(ds, at);
    sample samples[TRIED];
    arena *mem = arena_new();
    cseg_status status = CSEG_OK;
    if (!mem)
        return fail_memory(err);
    memset(samples, 0, sizeof samples);
    for (int i = 0; i < n && status == CSEG_OK; i++)
        status = try_one(ds, options, at[i], mem, &samples[i], err);
    if (status == CSEG_OK)
        status = try_batch(options, samples, n, err);
    for (int i = 0; i < n; i++)
        sample_release(&samples[i]);
    arena_free(mem);
    return status;
}
