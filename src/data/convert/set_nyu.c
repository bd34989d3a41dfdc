/* NYU Depth V2, as the reference's readers use it: colour images, and depths as PNG. */
#include <string.h>

#include "base/file.h"
#include "data/convert/convert_make.h"

/* "/kitchen_0028b/rgb_00045.jpg" -> kitchen_0028b_00045.jpg */
static cseg_status add_named(convert_plan *p, const archive *a, const char *prefix, char *item, const char *to,
                             const char *cut, const convert_form *form, cseg_error *err)
{
    while (*item == '/')
        item++;
    for (size_t n = strlen(item); n && item[n - 1] == '/'; n--)
        item[n - 1] = 0;
    char *name = arena_printf(p->mem, "%s%s", prefix, item);
    const archive_member *m = name ? archive_find(a, name) : NULL;
    if (!name)
        return fail_memory(err);
    if (!m)
        return fail(err, CSEG_NOT_FOUND, "%s: '%.200s' is in its list, but not in it", a->path, name);
    return convert_add(p, a, m, form, to, convert_without(item, cut, p->mem), err);
}

typedef struct part {
    const char *list, *images, *depths;
    int64_t count;
} part;

static cseg_status plan_part(convert_plan *p, const archive *a, const char *prefix, const part *at, cseg_error *err)
{
    static const char space[] = " \t\r\v\f";
    const uint8_t *bytes;
    size_t n;
    int64_t found = 0;
    char *name = arena_printf(p->mem, "%s%s", prefix, at->list);
    const archive_member *list = name ? archive_find(a, name) : NULL;
    if (!list)
        return fail(err, CSEG_NOT_FOUND, "%s: holds no %s%s", a->path, prefix, at->list);
    TRY(archive_read(a, list, p->mem, &bytes, &n, err));
    char *text = arena_strndup(p->mem, (const char *)bytes, n), *more, *words;
    for (char *line = text ? strtok_r(text, "\n", &more) : NULL; line; line = strtok_r(NULL, "\n", &more)) {
        char *first = strtok_r(line, space, &words), *second = first ? strtok_r(NULL, space, &words) : NULL;
        if (!first)
            continue;
        if (!second)
            return fail(err, CSEG_CORRUPT, "%s: %s: '%s' names no depths", a->path, name, first);
        TRY(add_named(p, a, prefix, first, at->images, "/rgb", &convert_form_copy, err));
        TRY(add_named(p, a, prefix, second, at->depths, "/sync_depth", &convert_form_copied_mask, err));
        found++;
    }
    convert_count(p, at->list, found, at->count);
    return text ? CSEG_OK : fail_memory(err);
}

static cseg_status plan_nyu(convert_plan *p, cseg_error *err)
{
    static const part parts[] = {{"nyu_train.txt", "images/train", "annotations/train", 24231},
                                 {"nyu_test.txt", "images/test", "annotations/test", 654}};
    const char *const *paths;
    size_t n;
    const archive *a;
    TRY(convert_source(p, 0, &paths, &n, err));
    TRY(convert_open(p, paths[0], &a, err));
    const char *prefix = a->kind == ARCHIVE_FOLDER && archive_find(a, parts[0].list) ? "" : "nyu/";
    for (int i = 0; i < 2; i++)
        TRY(plan_part(p, a, prefix, &parts[i], err));
    return CSEG_OK;
}

const converter converter_nyu = {
    .name = "nyu",
    .about = "nyu.zip, or the folder that it holds",
    .sources = {"nyu.zip"},
    .plan = plan_nyu,
};
