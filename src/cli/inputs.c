#include "cli/inputs.h"

#include <string.h>

#include "base/file.h"
#include "base/str.h"

enum { DEEPEST = 100 };

static const char *const image_endings[] = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp",
                                            ".jp2", ".img", ".vrt",  ".gif", ".pgm",  ".ppm"};

bool inputs_is_image(const char *path)
{
    char ending[16];
    const char *from = path_ext(path);
    size_t n = strlen(from);
    if (n >= sizeof ending)
        return false;
    for (size_t i = 0; i <= n; i++)
        ending[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + 32) : from[i];
    for (size_t i = 0; i < sizeof image_endings / sizeof *image_endings; i++)
        if (strcmp(ending, image_endings[i]) == 0)
            return true;
    return false;
}

typedef struct search {
    outputs *o;
    arena *mem;
    VEC(const char *) roots; /* every data_root of the config */
    cseg_error *err;
} search;

static cseg_status find_roots(search *s, const value *v, int depth)
{
    const char *root = value_text(value_get(v, "data_root"));
    if (root && !vec_push(s->mem, &s->roots, root))
        return fail_memory(s->err);
    for (size_t i = 0; depth < DEEPEST && value_is_list(v) && i < v->as.list.n; i++)
        TRY(find_roots(s, v->as.list.item[i], depth + 1));
    for (size_t i = 0; depth < DEEPEST && v->kind == V_DICT && i < v->as.dict.n; i++)
        TRY(find_roots(s, v->as.dict.entry[i].item, depth + 1));
    return CSEG_OK;
}

static cseg_status add_file(search *s, const char *path)
{
    return path && file_exists(path) && !file_is_dir(path)
               ? outputs_add_input(s->o, path, "what the config reads,", s->err)
               : CSEG_OK;
}

/* The path of a list or a class file is relative to its dataset's data_root, or stands by itself. */
static cseg_status add_named(search *s, const char *text)
{
    TRY(add_file(s, text));
    for (size_t i = 0; i < s->roots.n; i++) {
        char *path = path_join(s->mem, s->roots.at[i], text);
        if (!path)
            return fail_memory(s->err);
        TRY(add_file(s, path));
    }
    return CSEG_OK;
}

static bool names_file(const char *key)
{
    static const char *const keys[] = {"ann_file",  "split",      "classes",     "checkpoint",
                                       "load_from", "pretrained", "resume_from", "label_map"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static cseg_status find_files(search *s, const value *v, bool named, int depth)
{
    if (named && v->kind == V_STR && v->as.str.n > 0)
        return add_named(s, v->as.str.text);
    for (size_t i = 0; depth < DEEPEST && value_is_list(v) && i < v->as.list.n; i++)
        TRY(find_files(s, v->as.list.item[i], named, depth + 1));
    for (size_t i = 0; depth < DEEPEST && v->kind == V_DICT && i < v->as.dict.n; i++)
        TRY(find_files(s, v->as.dict.entry[i].item, names_file(v->as.dict.entry[i].key), depth + 1));
    return CSEG_OK;
}

cseg_status inputs_add_config(outputs *o, const value *cfg, const char *own, arena *mem, cseg_error *err)
{
    search s = {.o = o, .mem = mem, .err = err};
    const char **files;
    size_t n;
    TRY(config_files(cfg, mem, &files, &n, err));
    for (size_t i = 0; i < n; i++)
        if (!own || strcmp(files[i], own) != 0)
            TRY(outputs_add_input(o, files[i], "the config", err));
    TRY(find_roots(&s, cfg, 0));
    return find_files(&s, cfg, false, 0);
}

cseg_status inputs_add_dataset(outputs *o, const dataset *ds, cseg_error *err)
{
    for (int64_t i = 0; i < dataset_sources(ds); i++) {
        dataset_item item = dataset_source_at(ds, i);
        TRY(outputs_add_input(o, item.path, "the image", err));
        if (item.path2)
            TRY(outputs_add_input(o, item.path2, "the second date's image", err));
        for (int k = 0; k < item.n_maps; k++)
            if (item.maps[k].path)
                TRY(outputs_add_input(o, item.maps[k].path, item.maps[k].is_weight ? "the weight map" : "the label map",
                                      err));
    }
    return CSEG_OK;
}
