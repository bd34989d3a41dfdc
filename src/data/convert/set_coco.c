/* COCO-Stuff 10k and 164k. */
#include <string.h>

#include "base/file.h"
#include "data/convert/convert_make.h"
#include "io/volume/matlab.h"

/* Classes are numbered anew without the gaps; other values stay. `gaps` ends with 0. */
static cseg_status close_gaps(image *m, const uint8_t *gaps, int from, int until, const char *name, cseg_error *err)
{
    uint8_t to[256];
    int next = from;
    for (int i = 0; i < 256; i++)
        to[i] = (uint8_t)i;
    for (int i = from; i <= until; i++) {
        if (i == *gaps)
            gaps++;
        else
            to[i] = (uint8_t)next++;
    }
    return convert_look_up(m, to, name, err);
}

/* ---- 164k ---------------------------------------------------------------------------------------------------------
 */

static cseg_status map_164k(image *m, const char *name, cseg_error *err)
{
    static const uint8_t gaps[] = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90, 0};
    return close_gaps(m, gaps, 0, 181, name, err);
}

static const convert_form form_164k = {.make = convert_whole,
                                       .flags = IMAGE_UNCHANGED | IMAGE_PILLOW,
                                       .map = map_164k,
                                       .ending = "_labelTrainIds.png",
                                       .is_mask = true};
static const convert_rule coco_164k[] = {{.under = "annotations/train2017",
                                          .members = "*.png",
                                          .without = "_labelTrainIds",
                                          .to = "annotations/train2017",
                                          .name = convert_first,
                                          .form = &form_164k,
                                          .count = 118287},
                                         {.under = "annotations/val2017",
                                          .members = "*.png",
                                          .without = "_labelTrainIds",
                                          .to = "annotations/val2017",
                                          .name = convert_first,
                                          .form = &form_164k,
                                          .count = 5000},
                                         {.form = NULL}};

/* Into another folder the images are copied, with their folders. */
static char *keep_path(const char *member, arena *mem)
{
    return arena_strdup(mem, member);
}

static cseg_status plan_164k(convert_plan *p, cseg_error *err)
{
    static const convert_rule images = {
        .under = "images", .members = "**", .to = "images", .name = keep_path, .form = &convert_form_copy};
    return strcmp(p->out, p->o->sources[0]) == 0 ? CSEG_OK : convert_apply(p, &images, err);
}

const converter converter_coco_stuff164k = {
    .name = "coco_stuff164k",
    .about = "the folder of images/ and annotations/, each with train2017/ and val2017/",
    .sources = {""},
    .one_by_one = true,
    .insists = true,
    .out = "",
    .rules = coco_164k,
    .plan = plan_164k,
};

/* ---- 10k ----------------------------------------------------------------------------------------------------------
 */

static cseg_status map_10k(image *m, const char *name, cseg_error *err)
{
    static const uint8_t gaps[] = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91, 0};
    return close_gaps(m, gaps, 0, 182, name, err);
}

static cseg_status decode_10k(convert_task *t, image *out, cseg_error *err)
{
    matlab_value s;
    TRY(matlab_find(t->bytes, t->n, t->name, "S", t->mem, &s, err));
    return matlab_u8(&s, out, err);
}

static const convert_form form_10k = {
    .make = convert_whole, .decode = decode_10k, .map = map_10k, .ending = "_labelTrainIds.png", .is_mask = true};

typedef struct half {
    const char *list, *to;
    int64_t count;
} half;

static cseg_status plan_half(convert_plan *p, const half *h, const archive *images, const archive *masks,
                             cseg_error *err)
{
    char *path = path_join(p->mem, p->o->sources[0], h->list), **names;
    char *image_to = arena_printf(p->mem, "images/%s", h->to), *mask_to = arena_printf(p->mem, "annotations/%s", h->to);
    size_t n;
    if (!path || !image_to || !mask_to)
        return fail_memory(err);
    TRY(convert_lines(path, p->mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *jpg = arena_printf(p->mem, "%s.jpg", names[i]), *mat = arena_printf(p->mem, "%s.mat", names[i]);
        if (!jpg || !mat)
            return fail_memory(err);
        const archive_member *m = archive_find(images, jpg), *label = archive_find(masks, mat);
        if (!m || !label)
            return fail(err, CSEG_NOT_FOUND, "%s: line %zu names '%s', but %s is missing in %s", path, i + 1, names[i],
                        m ? mat : jpg, m ? masks->path : images->path);
        TRY(convert_add(p, images, m, &convert_form_copy, image_to, jpg, err));
        TRY(convert_add(p, masks, label, &form_10k, mask_to, convert_first(mat, p->mem), err));
    }
    convert_count(p, h->list, (int64_t)n, h->count);
    return CSEG_OK;
}

static cseg_status plan_10k(convert_plan *p, cseg_error *err)
{
    static const half halves[] = {{"imageLists/train.txt", "train2014", 9000},
                                  {"imageLists/test.txt", "test2014", 1000}};
    const archive *images, *masks;
    const char *root = p->o->sources[0];
    char *a = path_join(p->mem, root, "images"), *b = path_join(p->mem, root, "annotations");
    if (!a || !b)
        return fail_memory(err);
    TRY(convert_open(p, a, &images, err));
    TRY(convert_open(p, b, &masks, err));
    for (int i = 0; i < 2; i++)
        TRY(plan_half(p, &halves[i], images, masks, err));
    return CSEG_OK;
}

const converter converter_coco_stuff10k = {
    .name = "coco_stuff10k",
    .about = "the folder of images/, annotations/ and imageLists/",
    .sources = {""},
    .one_by_one = true,
    .insists = true,
    .out = "",
    .plan = plan_10k,
};
