/* Cityscapes: polygons become maps of the classes to train on, as cityscapesScripts' json2labelImg draws them. */
#include <math.h>
#include <string.h>

#include <cJSON.h>

#include "base/file.h"
#include "data/convert/convert_make.h"
#include "io/imgproc/imgproc.h"

/* Classes that are not trained on are 255, as is what no polygon covers. "license plate" is not drawn. */
static const struct {
    const char *name;
    uint8_t id;
} labels[] = {{"unlabeled", 255},  {"ego vehicle", 255}, {"rectification border", 255},
              {"out of roi", 255}, {"static", 255},      {"dynamic", 255},
              {"ground", 255},     {"road", 0},          {"sidewalk", 1},
              {"parking", 255},    {"rail track", 255},  {"building", 2},
              {"wall", 3},         {"fence", 4},         {"guard rail", 255},
              {"bridge", 255},     {"tunnel", 255},      {"pole", 5},
              {"polegroup", 255},  {"traffic light", 6}, {"traffic sign", 7},
              {"vegetation", 8},   {"terrain", 9},       {"sky", 10},
              {"person", 11},      {"rider", 12},        {"car", 13},
              {"truck", 14},       {"bus", 15},          {"caravan", 255},
              {"trailer", 255},    {"train", 16},        {"motorcycle", 17},
              {"bicycle", 18}};
static const char not_drawn[] = "license plate";

static bool is_label(const char *name, size_t n, uint8_t *id)
{
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (strlen(labels[i].name) == n && memcmp(labels[i].name, name, n) == 0) {
            *id = labels[i].id;
            return true;
        }
    return false;
}

/* A name that is not known may be that of a group: "cargroup". */
static bool find_label(const char *name, uint8_t *id)
{
    size_t n = strlen(name);
    return is_label(name, n, id) || (str_ends(name, "group") && is_label(name, n - 5, id));
}

static cseg_status read_corners(const cJSON *polygon, arena *mem, const char *name, int **xy, int *n, cseg_error *err)
{
    const cJSON *corner;
    *n = 0;
    *xy = ARENA_ARRAY(mem, 2 * (size_t)cJSON_GetArraySize(polygon) + 1, int);
    if (!*xy)
        return fail_memory(err);
    cJSON_ArrayForEach(corner, polygon)
    {
        for (int k = 0; k < 2; k++) {
            const cJSON *v = cJSON_GetArrayItem(corner, k);
            if (!cJSON_IsNumber(v) || !(fabs(v->valuedouble) <= IMGPROC_FARTHEST))
                return fail(err, CSEG_CORRUPT, "%s: corner %d of a polygon is no point", name, *n);
            (*xy)[2 * *n + k] = (int)v->valuedouble;
        }
        ++*n;
    }
    return *n < 2 ? fail(err, CSEG_CORRUPT, "%s: a polygon has %d corners", name, *n) : CSEG_OK;
}

static cseg_status draw_object(const cJSON *object, arena *mem, const char *name, image *to, cseg_error *err)
{
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(object, "label");
    const cJSON *deleted = cJSON_GetObjectItemCaseSensitive(object, "deleted");
    const char *text = cJSON_GetStringValue(label);
    uint8_t id;
    int *xy, n;
    if (!text)
        return fail(err, CSEG_CORRUPT, "%s: an object has no label", name);
    if (cJSON_IsTrue(deleted) || (cJSON_IsNumber(deleted) && deleted->valuedouble != 0.0))
        return CSEG_OK;
    if (strcmp(text, not_drawn) == 0 || strcmp(text, "license plategroup") == 0)
        return CSEG_OK;
    if (!find_label(text, &id))
        return fail(err, CSEG_DATA, "%s: '%s' is no label of Cityscapes", name, text);
    TRY(read_corners(cJSON_GetObjectItemCaseSensitive(object, "polygon"), mem, name, &xy, &n, err));
    return imgproc_fill_polygon(to, xy, n, id, err);
}

static cseg_status draw(const cJSON *file, arena *mem, const char *name, image *out, cseg_error *err)
{
    const cJSON *w = cJSON_GetObjectItemCaseSensitive(file, "imgWidth"), *object;
    const cJSON *h = cJSON_GetObjectItemCaseSensitive(file, "imgHeight");
    const cJSON *objects = cJSON_GetObjectItemCaseSensitive(file, "objects");
    if (!cJSON_IsNumber(w) || !cJSON_IsNumber(h) || !cJSON_IsArray(objects))
        return fail(err, CSEG_CORRUPT, "%s: has no imgWidth, imgHeight and objects: is it a file of polygons?", name);
    TRY(image_check_size((int64_t)h->valuedouble, (int64_t)w->valuedouble, 1, IMAGE_U8, name, err));
    TRY(image_new((int64_t)h->valuedouble, (int64_t)w->valuedouble, 1, IMAGE_U8, out, err));
    memset(out->data, 255, image_bytes(out));
    cJSON_ArrayForEach(object, objects) TRY(draw_object(object, mem, name, out, err));
    return CSEG_OK;
}

static cseg_status decode_polygons(convert_task *t, image *out, cseg_error *err)
{
    const char *end = NULL;
    cJSON *file = cJSON_ParseWithLengthOpts((const char *)t->bytes, t->n, &end, false);
    cseg_status status = file ? draw(file, t->mem, t->name, out, err)
                              : fail(err, CSEG_CORRUPT, "%s: is no JSON, or is cut off (byte %zu of %zu)", t->name,
                                     end ? (size_t)(end - (const char *)t->bytes) : 0, t->n);
    cJSON_Delete(file);
    return status;
}

static const convert_form polygons = {
    .make = convert_whole, .decode = decode_polygons, .ending = "_labelTrainIds.png", .is_mask = true};

static const char suffix[] = "_polygons.json";

/* Label maps lie beside their polygons, where configs look for them; only the lists go to the output. */
static cseg_status plan_cityscapes(convert_plan *p, cseg_error *err)
{
    static const struct {
        const char *split;
        int64_t fine, coarse;
    } wanted[] = {{"train", 2975, 2975}, {"val", 500, 500}, {"test", 1525, 0}, {"train_extra", 0, 19998}};
    int64_t found[4] = {0};
    const char *root = path_join(p->mem, p->o->sources[0], p->o->gt_dir), *out = p->out;
    const archive *a;
    if (!root)
        return fail_memory(err);
    TRY(convert_open(p, root, &a, err));
    p->out = root;
    p->own = (void *)a;
    for (size_t i = 0; i < a->n; i++) {
        const char *name = a->members[i].name;
        if (!str_ends(name, suffix) || path_base(name)[0] == '.')
            continue;
        TRY(convert_add(p, a, &a->members[i], &polygons, "", convert_without(name, suffix, p->mem), err));
        for (int k = 0; k < 4; k++) {
            size_t n = strlen(wanted[k].split);
            found[k] += strncmp(name, wanted[k].split, n) == 0 && name[n] == '/';
        }
    }
    bool coarse = strstr(p->o->gt_dir, "oarse") != NULL;
    for (int k = 0; k < 4; k++)
        convert_count(p, wanted[k].split, found[k], coarse ? wanted[k].coarse : wanted[k].fine);
    p->out = out;
    return CSEG_OK;
}

/* train.txt, val.txt and test.txt: names as CITY/CITY_000000_000019. */
static cseg_status write_lists(convert_plan *p, cseg_error *err)
{
    static const char *const splits[] = {"train/", "val/", "test/"};
    const archive *a = p->own;
    for (int k = 0; k < 3; k++) {
        VEC(char *) lines = {0};
        for (size_t i = 0; i < a->n; i++) {
            const char *name = a->members[i].name;
            if (!str_starts(name, splits[k]) || !str_ends(name, suffix) || path_base(name)[0] == '.')
                continue;
            char *line = convert_without(name + strlen(splits[k]), "_gtFine_polygons.json", p->mem);
            if (!line || !vec_push(p->mem, &lines, line))
                return fail_memory(err);
        }
        char *file = arena_printf(p->mem, "%s/%.*s.txt", p->out, (int)strlen(splits[k]) - 1, splits[k]);
        TRY(convert_write_lines(file, lines.at, lines.n, p->mem, err));
    }
    return CSEG_OK;
}

const converter converter_cityscapes = {
    .name = "cityscapes",
    .about = "the folder of gtFine/ and leftImg8bit/",
    .sources = {""},
    .one_by_one = true,
    .has_gt_dir = true,
    .out = "",
    .plan = plan_cityscapes,
    .finish = write_lists,
};
