/* PASCAL Context: run lengths in trainval_merged.json become maps of 59 classes and 0, as the Detail API makes them. */
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/file.h"
#include "data/convert/convert_make.h"
#include "io/file_map.h"
#include "io/json_items.h"

/* A category's place in this list is its label. */
static const uint16_t categories[] = {0,   2,   9,   18,  19,  22,  23,  25,  31,  33,  34,  44,  45,  46,  59,
                                      65,  68,  72,  80,  85,  98,  104, 105, 113, 115, 144, 158, 159, 162, 187,
                                      189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326, 347, 349,
                                      354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458};
enum { N_CATEGORIES = sizeof categories / sizeof *categories };

/* One region of an image; its text is parsed when the image is drawn. */
typedef struct region {
    int64_t image, order;
    const char *text;
    size_t n;
    int category;
} region;

typedef struct picture {
    int64_t id, h, w;
    const region *regions;
    size_t n;
} picture;

typedef struct context {
    const char *text; /* the file */
    size_t n;
    const char *path;
    VEC(region) regions;
    VEC(char *) train, val;
} context;

/* ---- drawing ------------------------------------------------------------------------------------------------------
 */

/* The next number of COCO's packed run lengths: groups of five bits, from 48 on, the sixth says that more follow. */
static bool next_packed(const char **s, int64_t *v)
{
    bool more = true;
    int shift = 0;
    *v = 0;
    for (; more; shift += 5, ++*s) {
        int c = (unsigned char)**s - 48;
        if (c < 0 || c > 63 || shift > 30)
            return false;
        *v |= (int64_t)(c & 0x1f) << shift;
        more = c & 0x20;
        if (!more && c & 0x10)
            *v |= -((int64_t)1 << (shift + 5));
    }
    return true;
}

/* Draws a run beginning at pixel `at`, counted down the columns. */
static bool draw_run(image *m, int64_t at, int64_t n, uint8_t label)
{
    if (n < 0 || n > m->h * m->w - at)
        return false;
    for (int64_t i = at; label && i < at + n; i++)
        *image_u8(m, i % m->h, i / m->h) = label;
    return true;
}

/* Lengths of runs outside and inside by turns; from the fourth on, the difference to the one before the last. */
static bool draw_packed(image *m, const char *s, uint8_t label)
{
    int64_t before[2] = {0}, at = 0;
    for (int64_t i = 0; *s; i++) {
        int64_t n;
        if (!next_packed(&s, &n))
            return false;
        n += i > 2 ? before[i % 2] : 0;
        if (!draw_run(m, at, n, i % 2 ? label : 0))
            return false;
        at += n;
        before[i % 2] = n;
    }
    return at == m->h * m->w;
}

static bool draw_region(image *m, const cJSON *segmentation, uint8_t label)
{
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(segmentation, "counts");
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(segmentation, "size");
    const cJSON *h = cJSON_GetArrayItem(size, 0), *w = cJSON_GetArrayItem(size, 1);
    if (!cJSON_IsString(counts) || !cJSON_IsNumber(h) || !cJSON_IsNumber(w) || h->valuedouble != (double)m->h ||
        w->valuedouble != (double)m->w)
        return false;
    return draw_packed(m, counts->valuestring, label);
}

static int label_of(int category)
{
    for (int i = 0; i < N_CATEGORIES; i++)
        if (categories[i] == category)
            return i;
    return -1;
}

static cseg_status make_context(convert_task *t, cseg_error *err)
{
    const picture *p = t->job->arg;
    image m = {0};
    cseg_status status = CSEG_OK;
    if (convert_has(t, t->job->out))
        return CSEG_OK;
    TRY(image_check_size(p->h, p->w, 1, IMAGE_U8, t->name, err));
    TRY_DONE(image_new(p->h, p->w, 1, IMAGE_U8, &m, err));
    for (size_t i = 0; i < p->n; i++) {
        const region *r = &p->regions[i];
        cJSON *one = cJSON_ParseWithLength(r->text, r->n);
        bool drawn =
            draw_region(&m, cJSON_GetObjectItemCaseSensitive(one, "segmentation"), (uint8_t)label_of(r->category));
        cJSON_Delete(one);
        if (!drawn) {
            status = fail(err, CSEG_CORRUPT,
                          "%s: region %lld of image %lld cannot be drawn: its run lengths are damaged, "
                          "or do not fit %lld x %lld pixels",
                          t->name, (long long)r->order, (long long)p->id, (long long)p->w, (long long)p->h);
            goto done;
        }
    }
    TRY_DONE(convert_write(t, t->job->out, &m, NULL, err));
done:
    image_release(&m);
    return status;
}

static const convert_form form_context = {.make = make_context, .ending = "", .is_mask = true};

/* ---- planning ------------------------------------------------------------------------------------------------------
 */

static bool number_of(const cJSON *object, const char *key, int64_t *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
    *out = cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
    return cJSON_IsNumber(v);
}

static cseg_status damaged(const context *c, const char *item, const char *what, cseg_error *err)
{
    return fail(err, CSEG_CORRUPT, "%s: %s (byte %zu of %zu)", c->path, what, (size_t)(item - c->text), c->n);
}

static cseg_status add_region(context *c, const char *item, size_t n, arena *mem, cseg_error *err)
{
    int64_t category;
    region r = {.order = (int64_t)c->regions.n, .text = item, .n = n};
    cJSON *one = cJSON_ParseWithLength(item, n);
    bool good = number_of(one, "image_id", &r.image) && number_of(one, "category_id", &category);
    cJSON_Delete(one);
    if (!good)
        return damaged(c, item, "a region has no image_id or no category_id", err);
    r.category = (int)category;
    if (label_of(r.category) < 0)
        return fail(err, CSEG_DATA, "%s: category %lld is none of the 59 classes; is it trainval_merged.json?", c->path,
                    (long long)category);
    return vec_push(mem, &c->regions, r) ? CSEG_OK : fail_memory(err);
}

static int by_image(const void *a, const void *b)
{
    const region *x = a, *y = b;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Later regions are drawn over earlier ones: the order within an image stays. */
static cseg_status read_regions(context *c, arena *mem, cseg_error *err)
{
    json_items items;
    const char *item;
    size_t n;
    TRY(json_items_begin(&items, c->text, c->n, "annos_segmentation", c->path, err));
    while (json_items_next(&items, &item, &n))
        TRY(add_region(c, item, n, mem, err));
    TRY(json_items_end(&items, err));
    if (c->regions.n)
        qsort(c->regions.at, c->regions.n, sizeof *c->regions.at, by_image);
    return CSEG_OK;
}

/* The first region whose image is not before `id`. */
static size_t first_of(const context *c, int64_t id)
{
    size_t low = 0, high = c->regions.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->regions.at[middle].image < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* str.replace('jpg', 'png') */
static char *png_name(const char *file, arena *mem)
{
    char *name = arena_strdup(mem, file);
    for (char *at = name ? strstr(name, "jpg") : NULL; at; at = strstr(at + 3, "jpg"))
        *at = 'p', at[1] = 'n';
    return name;
}

static cseg_status add_picture(convert_plan *p, context *c, const archive *from, const cJSON *one, const char *item,
                               cseg_error *err)
{
    picture *at = ARENA_NEW(p->mem, picture);
    const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "file_name"));
    const char *phase = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "phase"));
    if (!at)
        return fail_memory(err);
    if (!file || !phase || !number_of(one, "image_id", &at->id) || !number_of(one, "height", &at->h) ||
        !number_of(one, "width", &at->w))
        return damaged(c, item, "an image lacks file_name, phase, image_id, height or width", err);
    bool train = strcmp(phase, "train") == 0;
    if (!train && strcmp(phase, "val") != 0)
        return CSEG_OK;
    size_t first = first_of(c, at->id);
    at->regions = c->regions.at + first;
    at->n = first_of(c, at->id + 1) - first;
    TRY(convert_add(p, from, NULL, &form_context, "", png_name(file, p->mem), err));
    p->jobs.at[p->jobs.n - 1].arg = at;
    char *line = convert_stem(file, p->mem);
    if (!line || !(train ? vec_push(p->mem, &c->train, line) : vec_push(p->mem, &c->val, line)))
        return fail_memory(err);
    return CSEG_OK;
}

static cseg_status plan_context(convert_plan *p, cseg_error *err)
{
    context *c = ARENA_NEW(p->mem, context);
    archive *from = ARENA_NEW(p->mem, archive); /* the file, for names and times; it has no members */
    const uint8_t *bytes;
    json_items items;
    const char *item;
    size_t n;
    if (!c || !from)
        return fail_memory(err);
    from->path = c->path = p->o->sources[1];
    TRY(file_map(c->path, p->mem, &bytes, &c->n, err));
    c->text = (const char *)bytes;
    TRY(read_regions(c, p->mem, err));
    TRY(json_items_begin(&items, c->text, c->n, "images", c->path, err));
    while (json_items_next(&items, &item, &n)) {
        cJSON *one = cJSON_ParseWithLength(item, n);
        cseg_status status = add_picture(p, c, from, one, item, err);
        cJSON_Delete(one);
        if (status != CSEG_OK)
            return status;
    }
    TRY(json_items_end(&items, err));
    convert_count(p, "images to train on", (int64_t)c->train.n, 4998);
    convert_count(p, "images to validate on", (int64_t)c->val.n, 5105);
    p->own = c;
    return CSEG_OK;
}

static cseg_status write_lists(convert_plan *p, cseg_error *err)
{
    const context *c = p->own;
    char *dir = path_join(p->mem, p->o->sources[0], "VOC2010/ImageSets/SegmentationContext");
    if (!dir)
        return fail_memory(err);
    TRY(dir_create(dir, err));
    TRY(convert_write_lines(path_join(p->mem, dir, "train.txt"), c->train.at, c->train.n, p->mem, err));
    return convert_write_lines(path_join(p->mem, dir, "val.txt"), c->val.at, c->val.n, p->mem, err);
}

const converter converter_pascal_context = {
    .name = "pascal_context",
    .about = "VOCdevkit and trainval_merged.json",
    .sources = {"VOCdevkit", "trainval_merged.json"},
    .one_by_one = true,
    .out = "VOC2010/SegmentationClassContext",
    .plan = plan_context,
    .finish = write_lists,
};
