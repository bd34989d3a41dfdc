/* Loads images: single ones, pairs (second date's channels behind the first's), rasters. */
#include <string.h>

#include "data/transforms/transform.h"

typedef struct load_conf {
    bool to_float32;
    const char *color_type, *imdecode_backend;
    bool ignore_empty;
    ints bands;
    image_flags flags; /* of color_type and imdecode_backend */
} load_conf;

#define BANDS_FIELD(struct_)                                                                                           \
    FIELD_RANGE(                                                                                                       \
        struct_, F_INTS, bands, "None", 1, IMAGE_MAX_CHANNELS,                                                         \
        "the file's bands to take, from 1, as if it had these alone; None: as they are. Not of pixels in memory")

/* What the loader takes, for those that read windows of files. */
static void tell(pipeline_info *info, image_flags flags, bool to_float32, const ints *bands)
{
    info->loads_image = true;
    info->flags = flags;
    info->reduced = !(flags & IMAGE_UNCHANGED);
    info->to_float32 = to_float32;
    info->bands = bands->at;
    info->n_bands = bands->n;
}

static const field load_fields[] = {
    FIELD(load_conf, F_BOOL, to_float32, "False", "pixels become float32"),
    FIELD_CHOICE(load_conf, color_type, "'color'",
                 "color|grayscale|unchanged|color_ignore_orientation|grayscale_ignore_orientation",
                 "what is asked of the decoder; all channels and bits with 'unchanged'"),
    FIELD_CHOICE(load_conf, imdecode_backend, "'cv2'", "cv2|pillow|turbojpeg|tifffile|gdal",
                 "whose results to give; tifffile and gdal keep all channels in the file's order"),
    FIELD(load_conf, F_BOOL, ignore_empty, "False", "only False: a file that cannot be read stops the run"),
    BANDS_FIELD(load_conf),
    FIELD_LOCAL(file_client_args, "files are read from disk"),
    FIELD_LOCAL(backend_args, "files are read from disk"),
};
static const field_table load_table = FIELDS(load_fields, load_conf);

static cseg_status load_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    load_conf *c = conf;
    const char *type = c->color_type, *backend = c->imdecode_backend;
    (void)t;
    if (c->ignore_empty)
        return transform_fail(b, err, "ignore_empty=True is not supported: remove the files that cannot be read");
    c->flags = strncmp(type, "color", 5) == 0  ? IMAGE_COLOR
               : strncmp(type, "gray", 4) == 0 ? IMAGE_GRAYSCALE
                                               : IMAGE_UNCHANGED;
    if (strstr(type, "ignore_orientation"))
        c->flags |= IMAGE_IGNORE_ORIENTATION;
    if (strcmp(backend, "tifffile") == 0 || strcmp(backend, "gdal") == 0)
        c->flags = IMAGE_UNCHANGED | IMAGE_RGB;
    if (strcmp(backend, "pillow") == 0 && c->flags == IMAGE_UNCHANGED)
        c->flags |= IMAGE_PILLOW;
    tell(b->info, c->flags, c->to_float32, &c->bands);
    b->size = (known_size){0};
    return CSEG_OK;
}

static cseg_status to_float(image *m, bool wanted, cseg_error *err)
{
    if (!wanted || m->type == IMAGE_F32)
        return CSEG_OK;
    image done;
    TRY(image_convert(m, IMAGE_F32, &done, err));
    picture_replace(m, done);
    return CSEG_OK;
}

/* The sample begins with these pixels. */
static void start(sample *s, image m, image_flags flags)
{
    picture_replace(&s->img, m);
    s->todo = (delayed){0};
    s->norm.n = 0;
    s->ori_h = s->img_h = s->pad_h = m.h;
    s->ori_w = s->img_w = s->pad_w = m.w;
    s->scale_x = s->scale_y = 1;
    s->nodata.reduced = !(flags & IMAGE_UNCHANGED);
}

static cseg_status read_one(const sample *s, const char *path, const ints *bands, image_flags flags, bool float32,
                            image *out, cseg_error *err)
{
    *out = (image){0};
    if (!path)
        return fail(err, CSEG_CONFIG, "the sample has no image file");
    cseg_status status = s->window ? s->window->read(s->window, path, false, bands->at, bands->n, flags, out, err)
                                   : image_read_bands(path, bands->at, bands->n, flags, out, err);
    if (status == CSEG_OK)
        status = to_float(out, float32, err);
    if (status != CSEG_OK)
        image_release(out);
    return status;
}

/* The bytes may stay encoded until it is known which part of them is needed. */
static cseg_status read_single(const sample *s, const load_conf *c, image *out, cseg_error *err)
{
    bool later = s->path && !s->window && !c->to_float32 && !c->bands.n;
    return later ? image_read_later(s->path, c->flags, out, err)
                 : read_one(s, s->path, &c->bands, c->flags, c->to_float32, out, err);
}

/* Both dates in one image, channels of the first in front. */
cseg_status sample_join_dates(const image *a, const image *b, const char *path, const char *path2, image *out,
                              cseg_error *err)
{
    if (a->h != b->h || a->w != b->w || a->c != b->c || a->type != b->type)
        return fail(err, CSEG_DATA,
                    "%s is %lld x %lld with %lld channels of %s, but %s is %lld x %lld with %lld of %s; "
                    "the images of a pair must be alike",
                    path, (long long)a->h, (long long)a->w, (long long)a->c, image_type_name(a->type), path2,
                    (long long)b->h, (long long)b->w, (long long)b->c, image_type_name(b->type));
    TRY(imgproc_new(a->h, a->w, 2 * a->c, a->type, out, err));
    size_t pixel = (size_t)a->c * image_type_size(a->type), n = (size_t)(a->h * a->w);
    const char *from = a->data, *from2 = b->data;
    char *to = out->data;
    for (size_t i = 0; i < n; i++) {
        memcpy(to + 2 * i * pixel, from + i * pixel, pixel);
        memcpy(to + (2 * i + 1) * pixel, from2 + i * pixel, pixel);
    }
    return CSEG_OK;
}

static cseg_status read_pair(sample *s, const ints *bands, image_flags flags, bool float32, cseg_error *err)
{
    if (!s->path2)
        return fail(err, CSEG_CONFIG, "%s has no second image; use a dataset of pairs, or LoadImageFromFile",
                    s->path ? s->path : "the sample");
    image a = {0}, b = {0}, both = {0};
    cseg_status status = read_one(s, s->path, bands, flags, float32, &a, err);
    if (status == CSEG_OK)
        status = read_one(s, s->path2, bands, flags, float32, &b, err);
    if (status == CSEG_OK)
        status = sample_join_dates(&a, &b, s->path, s->path2, &both, err);
    if (status == CSEG_OK) {
        start(s, both, flags);
        s->n_images = 2;
    }
    image_release(&a);
    image_release(&b);
    return status;
}

/* Pixels without a path were in memory already. */
static cseg_status take_given(sample *s, image_flags flags, bool float32, cseg_error *err)
{
    image m = s->img;
    s->img = (image){0};
    cseg_status status = to_float(&m, float32, err);
    start(s, m, flags);
    return status;
}

static cseg_status load_apply(const transform *t, sample *s, cseg_error *err)
{
    const load_conf *c = t->conf;
    image m;
    if (!s->path && s->img.data)
        return take_given(s, c->flags, c->to_float32, err);
    TRY(read_single(s, c, &m, err));
    start(s, m, c->flags);
    s->n_images = 1;
    return CSEG_OK;
}

static cseg_status load_pair_apply(const transform *t, sample *s, cseg_error *err)
{
    const load_conf *c = t->conf;
    if (!s->path && s->img.data)
        return take_given(s, c->flags, c->to_float32, err);
    return read_pair(s, &c->bands, c->flags, c->to_float32, err);
}

/* The image is in the sample already. */
static cseg_status load_given_apply(const transform *t, sample *s, cseg_error *err)
{
    const load_conf *c = t->conf;
    TRY(sample_need_image(s, err));
    TRY(to_float(&s->img, c->to_float32, err));
    image m = s->img;
    s->img = (image){0};
    start(s, m, c->flags);
    return CSEG_OK;
}

static cseg_status load_inferencer_apply(const transform *t, sample *s, cseg_error *err)
{
    if (s->img.data)
        return load_given_apply(t, s, err);
    return s->path2 ? load_pair_apply(t, s, err) : load_apply(t, s, err);
}

const transform_kind transform_load_image = {
    &load_table, "Reads the image, blue first as OpenCV has it. JPEG, PNG, TIFF and whatever GDAL reads.", load_build,
    load_apply, WINDOWS_LOADS};
const transform_kind transform_load_pair = {&load_table, "Reads both dates of a pair.", load_build, load_pair_apply,
                                            WINDOWS_LOADS_PAIR};
const transform_kind transform_load_given = {&load_table, "Takes the image that the caller gave.", load_build,
                                             load_given_apply, WINDOWS_WHOLE};
const transform_kind transform_load_inferencer = {&load_table, "Takes the image that the caller gave, or reads it.",
                                                  load_build, load_inferencer_apply, WINDOWS_LOADS};

/* ---- rasters: every band, in the file's order and type ---- */

typedef struct raster_conf {
    bool to_float32;
    ints bands;
} raster_conf;

static const field raster_fields[] = {
    FIELD(raster_conf, F_BOOL, to_float32, "True", "pixels become float32; else they keep the file's type"),
    BANDS_FIELD(raster_conf),
};
static const field_table raster_table = FIELDS(raster_fields, raster_conf);

enum { ALL_BANDS = IMAGE_UNCHANGED | IMAGE_RGB | IMAGE_PILLOW };

static cseg_status raster_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    (void)t;
    (void)err;
    const raster_conf *c = conf;
    tell(b->info, ALL_BANDS, c->to_float32, &c->bands);
    b->size = (known_size){0};
    return CSEG_OK;
}

static cseg_status raster_apply(const transform *t, sample *s, cseg_error *err)
{
    const raster_conf *c = t->conf;
    image m;
    if (!s->path && s->img.data)
        return take_given(s, ALL_BANDS, c->to_float32, err);
    TRY(read_one(s, s->path, &c->bands, ALL_BANDS, c->to_float32, &m, err));
    start(s, m, ALL_BANDS);
    s->n_images = 1;
    return CSEG_OK;
}

static cseg_status raster_pair_apply(const transform *t, sample *s, cseg_error *err)
{
    const raster_conf *c = t->conf;
    if (!s->path && s->img.data)
        return take_given(s, ALL_BANDS, c->to_float32, err);
    return read_pair(s, &c->bands, ALL_BANDS, c->to_float32, err);
}

const transform_kind transform_load_raster = {&raster_table, "Reads all bands of a raster.", raster_build, raster_apply,
                                              WINDOWS_LOADS};
const transform_kind transform_load_raster_pair = {&raster_table, "Reads all bands of both rasters of a pair.",
                                                   raster_build, raster_pair_apply, WINDOWS_LOADS_PAIR};

/* ---- pairs ---- */

typedef struct concat_conf {
    char nothing; /* a struct may not be empty */
} concat_conf;

static const field concat_fields[] = {
    FIELD_FIXED(input_keys, "('img', 'img2')", "both dates are in one image already, the first one first"),
};
static const field_table concat_table = FIELDS(concat_fields, concat_conf);

static cseg_status concat_apply(const transform *t, sample *s, cseg_error *err)
{
    (void)t;
    TRY(sample_need_image(s, err));
    if (s->n_images != 2)
        return fail(err, CSEG_CONFIG,
                    "there is one image, not a pair; load it with LoadMultipleRSImageFromFile or "
                    "MultiImgLoadImageFromFile");
    return CSEG_OK;
}

const transform_kind transform_concat_pair = {&concat_table,
                                              "Joins the channels of a pair: second date behind the first.", NULL,
                                              concat_apply, WINDOWS_POINTWISE};

typedef struct exchange_conf {
    double prob;
} exchange_conf;

static const field exchange_fields[] = {
    FIELD_RANGE(exchange_conf, F_FLOAT, prob, "0.5", 0, 1, "how often"),
};
static const field_table exchange_table = FIELDS(exchange_fields, exchange_conf);

static cseg_status exchange_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    (void)conf;
    (void)t;
    (void)err;
    b->info->random = true;
    return CSEG_OK;
}

static cseg_status exchange_apply(const transform *t, sample *s, cseg_error *err)
{
    const exchange_conf *c = t->conf;
    TRY(sample_need_image(s, err));
    if (s->n_images != 2)
        return fail(err, CSEG_CONFIG, "there is one image, not a pair, so there are no dates to exchange");
    if (!(rng_uniform(&s->random) < c->prob))
        return CSEG_OK;
    size_t half = (size_t)(s->img.c / 2) * image_type_size(s->img.type), n = (size_t)(s->img.h * s->img.w);
    char *p = s->img.data;
    for (size_t i = 0; i < n; i++, p += 2 * half)
        for (size_t k = 0; k < half; k++) {
            char keep = p[k];
            p[k] = p[half + k];
            p[half + k] = keep;
        }
    sample_map *from = sample_find(s, "gt_semantic_seg_from"), *to = sample_find(s, "gt_semantic_seg_to");
    if (from && to && from->map.data && to->map.data) {
        image keep = from->map;
        delayed todo = from->todo;
        from->map = to->map;
        from->todo = to->todo;
        to->map = keep;
        to->todo = todo;
    }
    return CSEG_OK;
}

const transform_kind transform_exchange_time = {&exchange_table,
                                                "Now and then exchanges the two dates of a pair, and their labels.",
                                                exchange_build, exchange_apply, WINDOWS_WHOLE};
