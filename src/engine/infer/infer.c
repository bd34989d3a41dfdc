#include "engine/infer/infer.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "data/datasets/dataset.h"
#include "engine/infer/infer_internal.h"
#include "engine/setup/weights.h"

enum { STEPS_DEEP = 4 };

/* Returns whether a new image skips this step: it loads labels, or changes a size that shall stay. Resizing to a
 * multiple stays, since the model needs that. */
static bool is_left_out(const char *type, bool own_size)
{
    bool resizes = strstr(type, "Resize") && !strstr(type, "ResizeToMultiple");
    return strstr(type, "LoadAnnotations") || (own_size && resizes);
}

static value *image_steps(const value *steps, bool own_size, int depth, arena *mem);

/* Copies a step without those of its own transforms that are skipped. NULL: out of memory. */
static value *image_step(const value *step, bool own_size, int depth, arena *mem)
{
    const value *inner = value_get(step, "transforms");
    value *copy = value_copy(mem, step);
    if (!copy || !value_is_list(inner) || depth >= STEPS_DEEP)
        return copy;
    value *kept = image_steps(inner, own_size, depth + 1, mem);
    return kept && value_set(mem, copy, "transforms", kept) ? copy : NULL;
}

/* Returns the transforms for a new image: those of the test pipeline without the skipped ones, also inside of
 * TestTimeAug. NULL: out of memory. */
static value *image_steps(const value *steps, bool own_size, int depth, arena *mem)
{
    value *list = value_new(mem, V_LIST, steps->at);
    for (size_t i = 0; list && i < value_count(steps); i++) {
        const value *step = value_item(steps, i);
        const char *type = value_type_name(step);
        if (type && is_left_out(type, own_size))
            continue;
        bool is_list = value_is_list(step) && depth < STEPS_DEEP;
        value *copy = is_list ? image_steps(step, own_size, depth + 1, mem) : image_step(step, own_size, depth, mem);
        if (copy && is_list && !value_count(copy))
            continue;
        if (!copy || !value_append(mem, list, copy))
            return NULL;
    }
    return list;
}

static cseg_status open_pipeline(infer *x, const infer_options *o, cseg_error *err)
{
    const experiment *e = x->e;
    const value *cfg = dataset_innermost(e->test.dataset ? e->test.dataset : e->val.dataset);
    const value *steps = value_get(cfg, "pipeline");
    if (!steps)
        steps = value_get(e->cfg, "test_pipeline");
    if (o->tta && e->profile->tta_is_a_pipeline)
        steps = e->tta_pipeline;
    if (!steps)
        return fail(err, CSEG_CONFIG, "%s: there is no %s in this config", e->path,
                    o->tta ? "tta_pipeline" : "test pipeline");
    steps = image_steps(steps, o->own_size, 0, x->mem);
    if (!steps)
        return fail_memory(err);
    return pipeline_build(steps, &e->profile->data->steps, x->mem, &x->steps, err);
}

/* Names and colours come from the config, which the user edits, not from the checkpoint. */
static cseg_status open_classes(infer *x, cseg_error *err)
{
    const experiment *e = x->e;
    const value *cfg = experiment_meta(e);
    x->classes = (int)model_head_at(x->m, -1)->num_classes;
    x->names = ARENA_ARRAY(x->mem, (size_t)x->classes + 1, const char *);
    x->palette = ARENA_ARRAY(x->mem, 3 * (size_t)x->classes + 3, uint8_t);
    if (!x->names || !x->palette)
        return fail_memory(err);
    dataset_random_palette(x->classes, x->palette);
    dataset_meta meta;
    if (!cfg)
        return CSEG_OK;
    /* A dataset that cannot be read is not treated as one without classes: names and colours would be wrong. */
    if (dataset_meta_read(cfg, e->profile->data, x->mem, &meta, err) != CSEG_OK)
        return fail_within(err, "names and colours of the classes: ");
    for (int64_t i = 0; i < x->classes && i < meta.n_classes; i++) {
        x->names[i] = meta.classes[i];
        memcpy(x->palette + 3 * i, meta.palette + 3 * i, 3);
    }
    return CSEG_OK;
}

static cseg_status open_all(infer *x, const char *checkpoint, const infer_options *o, cseg_error *err)
{
    TRY(build_backend(o->backend,
                      &(cpu_options){.threads = o->threads, .deterministic = x->e->deterministic, .bf16 = o->bf16},
                      &x->b, err));
    TRY(build_model(x->e, x->b, true, &x->m, err));
    TRY(weights_load_from(x->m, checkpoint, NULL, WEIGHTS_EXACT, err));
    TRY(build_preprocessor(x->e, x->mem, &x->pre, err));
    TRY(open_pipeline(x, o, err));
    TRY(input_watch_open(&x->watch, checkpoint, x->steps, &x->pre, false, err));
    x->watch.refuses = o->refuses;
    TRY(open_classes(x, err));
    return build_predictor(x->m, x->b, &x->p, err);
}

cseg_status infer_open(const experiment *e, const char *checkpoint, const infer_options *o, arena *mem, infer **out,
                       cseg_error *err)
{
    infer *x = ARENA_NEW(mem, infer);
    if (!x)
        return fail_memory(err);
    x->mem = mem;
    x->e = e;
    x->checkpoint = checkpoint;
    x->bf16 = o->bf16;
    x->threads = o->threads;
    cseg_status status = open_all(x, checkpoint, o, err);
    if (status != CSEG_OK)
        infer_close(x);
    else
        *out = x;
    return status;
}

void infer_close(infer *x)
{
    if (!x)
        return;
    predictor_free(x->p);
    model_free(x->m);
    backend_free(x->b);
    mem_free(x->room);
    x->p = NULL;
    x->m = NULL;
    x->b = NULL;
    x->room = NULL;
}

int64_t infer_classes(const infer *x)
{
    return x->classes;
}

const char *infer_class_name(const infer *x, int64_t i)
{
    return i >= 0 && i < x->classes ? x->names[i] : NULL;
}

const uint8_t *infer_palette(const infer *x)
{
    int64_t n;
    return infer_head_palette(x, -1, &n);
}

const uint8_t *infer_head_palette(const infer *x, int head, int64_t *n)
{
    const model_head *h = model_head_at(x->m, head);
    *n = h->palette ? h->num_classes : x->classes;
    return h->palette ? h->palette : x->palette;
}

const char *const *infer_head_classes(const infer *x, int head, arena *mem, int *n)
{
    *n = (int)model_head_at(x->m, head)->num_classes;
    const char **names = ARENA_ARRAY(mem, (size_t)*n + 1, const char *);
    for (int i = 0; names && i < *n; i++) {
        const char *name = infer_class_name(x, i);
        names[i] = name ? name : "";
    }
    return names;
}

const model *infer_model(const infer *x)
{
    return x->m;
}

static float *room_for(infer *x, size_t n)
{
    if (n > x->room_floats) {
        mem_free(x->room);
        x->room = mem_alloc_raw(n * sizeof(float));
        x->room_floats = x->room ? n : 0;
    }
    return x->room;
}

/* Packs the views that the pipeline made and answers them. */
static cseg_status answer(infer *x, sample *views, int n, int head, bool want_scores, prediction *out, cseg_error *err)
{
    predict_view v[INFER_VIEWS];
    size_t total = 0, at = 0;
    int64_t h[INFER_VIEWS], w[INFER_VIEWS];
    for (int i = 0; i < n; i++) {
        TRY(preprocessor_size(&x->pre, &(const sample *){&views[i]}, 1, false, &h[i], &w[i], err));
        total += (size_t)(h[i] * w[i] * views[i].img.c);
    }
    float *room = room_for(x, total);
    if (!room)
        return fail_memory(err);
    for (int i = 0; i < n; i++) {
        sample *s = &views[i];
        TRY(pipeline_pack(&x->pre, s, h[i], w[i], room + at, err));
        v[i] = (predict_view){.img = room + at,
                              .file = s->path,
                              .h = h[i],
                              .w = w[i],
                              .c = s->img.c,
                              .dates = s->n_images,
                              .img_h = s->img_h,
                              .img_w = s->img_w,
                              .flip = s->flip ? s->flip_direction : 0};
        input_watch_values(&x->watch, room + at, h[i] * w[i] * s->img.c);
        input_watch_nonsense(views[0].path ? views[0].path : "the image in memory", room + at, h[i] * w[i] * s->img.c,
                             &x->watch.told_nonsense);
        at += (size_t)(h[i] * w[i] * s->img.c);
    }
    input_watch_judge(&x->watch, views[0].path, true);
    TRY(input_watch_verdict(&x->watch, err));
    return predictor_run(x->p, v, n, views[0].ori_h, views[0].ori_w, head, want_scores, out, err);
}

static cseg_status segment(infer *x, sample *s, int head, bool want_scores, prediction *out, cseg_error *err)
{
    int variants = pipeline_describe(x->steps)->variants;
    sample views[INFER_VIEWS];
    memset(views, 0, sizeof views);
    if (variants > INFER_VIEWS)
        return fail(err, CSEG_UNSUPPORTED, "test-time augmentation with more than %d views of an image", INFER_VIEWS);
    cseg_status status;
    if (variants <= 1) {
        status = pipeline_apply(x->steps, s, err);
        if (status == CSEG_OK)
            status = answer(x, s, 1, head, want_scores, out, err);
        return status;
    }
    status = pipeline_apply_variants(x->steps, s, views, err);
    if (status == CSEG_OK)
        status = answer(x, views, variants, head, want_scores, out, err);
    for (int i = 0; i < variants; i++)
        sample_release(&views[i]);
    return status;
}

static cseg_status watch_file(infer *x, const char *path, cseg_error *err)
{
    input_watch_file(&x->watch, path);
    return input_watch_verdict(&x->watch, err);
}

cseg_status infer_file(infer *x, const char *path, const char *path2, int head, bool want_scores, prediction *out,
                       cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    sample s = {.mem = mem, .path = path, .path2 = path2, .n_images = path2 ? 2 : 1};
    cseg_status status = path2 ? watch_file(x, path2, err) : CSEG_OK;
    if (status == CSEG_OK)
        status = watch_file(x, path, err);
    if (status == CSEG_OK)
        status = segment(x, &s, head, want_scores, out, err);
    sample_release(&s);
    arena_free(mem);
    return status;
}

cseg_status infer_pixels(infer *x, const image *img, bool rgb, int head, prediction *out, cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    /* Both dates of a pair come in the channels of one image: pixels in memory have no other way. */
    sample s = {.mem = mem, .n_images = x->m->dates};
    input_watch_pixels(&x->watch, img->c);
    cseg_status status = image_copy(img, &s.img, err);
    /* The order in which the pipeline's loader gives channels. */
    bool wants_rgb = pipeline_describe(x->steps)->flags & IMAGE_RGB;
    if (status == CSEG_OK && rgb != wants_rgb && (img->c == 3 || img->c == 4))
        image_swap_red_blue(&s.img);
    if (status == CSEG_OK)
        status = segment(x, &s, head, false, out, err);
    sample_release(&s);
    arena_free(mem);
    return status;
}
