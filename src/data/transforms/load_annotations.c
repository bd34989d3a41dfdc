/* Loads label maps and weight maps. */
#include <stdlib.h>
#include <string.h>

#include "data/transforms/transform.h"

typedef struct annotations_conf {
    value *reduce_zero_label, *reduce_semantic_zero_label;
    const char *imdecode_backend;
    double weight_scale;
    const pipeline_rules *rules;
    bool open_cd;
    bool reduce; /* asked for here */
} annotations_conf;

static const field annotation_fields[] = {
    FIELD(annotations_conf, F_VALUE, reduce_zero_label, "None",
          "0 becomes 255 (ignored) and every other label one less. 1.x: None takes the dataset's word"),
    FIELD(annotations_conf, F_VALUE, reduce_semantic_zero_label, "None",
          "Open-CD: the same for the maps of each date. None takes the dataset's word"),
    FIELD_CHOICE(annotations_conf, imdecode_backend, "'pillow'", "cv2|pillow|tifffile|gdal",
                 "cv2 turns palettes into colours, the others give their indices"),
    FIELD_RANGE(annotations_conf, F_FLOAT, weight_scale, "1.0", 1e-9, 1e9,
                "weight maps are multiplied with it: 1/255 for 8-bit maps whose 255 means 1"),
    FIELD_LOCAL(file_client_args, "files are read from disk"),
    FIELD_LOCAL(backend_args, "files are read from disk"),
};
static const field_table annotation_table = FIELDS(annotation_fields, annotations_conf);

static cseg_status annotations_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    annotations_conf *c = conf;
    (void)t;
    value *flags[] = {c->reduce_zero_label, c->reduce_semantic_zero_label};
    for (int i = 0; i < 2; i++)
        if (flags[i] && flags[i]->kind != V_BOOL)
            return transform_fail(b, err, "whether to reduce the zero label is True, False or None");
    c->rules = b->rules;
    c->open_cd = strncmp(b->name, "MultiImg", 8) == 0;
    c->reduce = value_true(c->reduce_zero_label);
    b->info->loads_labels = true;
    b->info->reduce_zero_label |= c->reduce;
    return CSEG_OK;
}

/* Guesses what a file with several channels is. */
static const char *several_channels(const image *m)
{
    int64_t colours = m->c >= 3 ? 3 : 1;
    for (int64_t y = 0; y < m->h && m->c <= 4; y++)
        for (int64_t x = 0; x < m->w; x++)
            for (int64_t k = 1; k < colours; k++)
                if (image_get(m, y, x, k) != image_get(m, y, x, 0))
                    return "it looks like a picture in colours; labels are images of class numbers";
    return m->c <= 4 ? "it is gray, with all colours alike (or with alpha); write one channel of it, as PNG"
                     : "labels are images of class numbers";
}

/* Reduces to one channel of whole numbers of 8 bits, as the reference keeps labels. */
static cseg_status as_labels(const char *path, image *m, cseg_error *err)
{
    if (m->c != 1)
        return fail(err, CSEG_DATA, "%s has %lld channels where labels have one: %s", path, (long long)m->c,
                    several_channels(m));
    if (m->type == IMAGE_U8)
        return CSEG_OK;
    image done;
    TRY(imgproc_new(m->h, m->w, 1, IMAGE_U8, &done, err));
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++) {
            double v = image_get(m, y, x, 0);
            if (!(v >= 0 && v <= 255) || v != (double)(int)v) {
                image_release(&done);
                return fail(err, CSEG_DATA, "%s: label %g at row %lld, column %lld is no number from 0 to 255", path, v,
                            (long long)y, (long long)x);
            }
            *image_u8(&done, y, x) = (uint8_t)v;
        }
    picture_replace(m, done);
    return CSEG_OK;
}

static void fill_reduce(uint8_t table[256])
{
    for (int i = 0; i < 256; i++)
        table[i] = table[i] == 0 || table[i] == 255 ? 255 : (uint8_t)(table[i] - 1);
}

static void fill_map(uint8_t table[256], const value *label_map)
{
    uint8_t before[256];
    memcpy(before, table, 256);
    for (size_t i = 0; i < value_count(label_map); i++) {
        const value_entry *e = &label_map->as.dict.entry[i];
        int64_t from = -1, to = -1;
        if (e->key_value)
            value_integer(e->key_value, &from);
        else
            from = strtol(e->key, NULL, 10);
        if (!value_integer(e->item, &to))
            continue;
        for (int v = 0; v < 256; v++)
            if (before[v] == from)
                table[v] = (uint8_t)to; /* -1 is 255, as in the reference's bytes */
    }
}

/* The steps from file to class. */
static void fill_table(const annotations_conf *c, const sample *s, const char *key, uint8_t table[256])
{
    bool date = strcmp(key, "gt_semantic_seg") != 0;
    bool reduce = c->reduce || (!c->rules->loader_reduces && !c->reduce_zero_label && s->reduce_zero_label);
    if (c->open_cd && date)
        reduce =
            c->reduce_semantic_zero_label ? value_true(c->reduce_semantic_zero_label) : s->reduce_semantic_zero_label;
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)i;
    if (c->rules->maps_before_reducing)
        fill_map(table, s->label_map);
    if (reduce)
        fill_reduce(table);
    for (int i = 0; i < 256 && s->to_binary && !date; i++)
        table[i] = table[i] >= 128;
    if (!c->rules->maps_before_reducing && !(c->open_cd && date))
        fill_map(table, s->label_map);
}

static bool is_identity(const uint8_t table[256])
{
    for (int i = 0; i < 256; i++)
        if (table[i] != i)
            return false;
    return true;
}

static cseg_status as_weights(const char *path, double scale, image *m, cseg_error *err)
{
    if (m->c != 1)
        return fail(err, CSEG_DATA, "%s has %lld channels where weights have one", path, (long long)m->c);
    if (m->type != IMAGE_F32) {
        image done;
        TRY(image_convert(m, IMAGE_F32, &done, err));
        picture_replace(m, done);
    }
    float *v = m->data, by = (float)scale;
    for (int64_t i = 0; i < m->h * m->w; i++) {
        v[i] *= by;
        if (!(v[i] >= 0 && v[i] < 1e30f))
            return fail(err, CSEG_NUMERIC, "%s: the weight at row %lld, column %lld is %g; weights are 0 or more", path,
                        (long long)(i / m->w), (long long)(i % m->w), (double)v[i]);
    }
    return CSEG_OK;
}

static image_flags weight_flags(const annotations_conf *c)
{
    return IMAGE_UNCHANGED | (strcmp(c->imdecode_backend, "cv2") == 0 ? 0 : IMAGE_PILLOW);
}

static image_flags label_flags(const annotations_conf *c)
{
    return c->open_cd ? IMAGE_GRAYSCALE : weight_flags(c);
}

void annotations_describe(const transform *t, const sample *like, const char *key, label_reading *out)
{
    out->flags = label_flags(t->conf);
    out->weight_flags = weight_flags(t->conf);
    fill_table(t->conf, like, key, out->seen);
}

static cseg_status load_one(const annotations_conf *c, sample *s, sample_map *m, cseg_error *err)
{
    image_flags flags = m->is_weight ? weight_flags(c) : label_flags(c);
    image_release(&m->map);
    m->todo = (delayed){0};
    TRY(s->window ? s->window->read(s->window, m->path, !m->is_weight, NULL, 0, flags, &m->map, err)
                  : image_read(m->path, flags, &m->map, err));
    if (m->is_weight)
        TRY(as_weights(m->path, c->weight_scale, &m->map, err));
    else
        TRY(as_labels(m->path, &m->map, err));
    if (image_exists(&s->img) && (m->map.h != s->ori_h || m->map.w != s->ori_w))
        return fail(err, CSEG_DATA, "%s is %lld x %lld, but its image %s is %lld x %lld (width x height)", m->path,
                    (long long)m->map.w, (long long)m->map.h, s->path ? s->path : "", (long long)s->ori_w,
                    (long long)s->ori_h);
    if (m->is_weight)
        return CSEG_OK;
    uint8_t table[256];
    fill_table(c, s, m->key, table);
    if (!is_identity(table))
        imgproc_lut(m->map.data, m->map.h * m->map.w, table);
    return s->window ? s->window->blank(s->window, m->path, &m->map, err) : CSEG_OK;
}

/* 1.x: the dataset decides; the reference too refuses a step that says otherwise. */
static cseg_status check_reduce(const annotations_conf *c, const sample *s, cseg_error *err)
{
    const value *said = c->rules->loader_reduces ? NULL : c->reduce_zero_label;
    char place[512];
    if (value_is_none(said) || value_true(said) == s->reduce_zero_label)
        return CSEG_OK;
    return fail(
        err, CSEG_CONFIG,
        "%sLoadAnnotations has reduce_zero_label=%s, its dataset %s; leave it out of the pipeline, and set it in "
        "the dataset, which decides",
        value_place(said, place), c->reduce ? "True" : "False", c->reduce ? "False" : "True");
}

static cseg_status annotations_apply(const transform *t, sample *s, cseg_error *err)
{
    const annotations_conf *c = t->conf;
    int loaded = 0;
    TRY(check_reduce(c, s, err));
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].path) {
            TRY(load_one(c, s, &s->maps[i], err));
            loaded++;
        }
    if (!loaded)
        return fail(err, CSEG_CONFIG, "%s: the dataset names no labels for it", s->path ? s->path : "the sample");
    return CSEG_OK;
}

const transform_kind transform_load_annotations = {
    &annotation_table,
    "Reads the label maps that the dataset found, and the weight map (`seg_weight_map`) where it has one. Labels keep "
    "their numbers through all geometry (nearest sample); weights, float32, are interpolated linearly.",
    annotations_build, annotations_apply, WINDOWS_POINTWISE};
