/* Checks that the files of a dataset exist, before a run begins. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/datasets/leaf.h"

typedef struct missing {
    const char *first, *what; /* NULL: nothing is missing */
    const char *of;           /* the image that it belongs to */
    int64_t n;
} missing;

static void look_for(missing *m, const char *path, const char *what, const char *of)
{
    if (!path || file_exists(path))
        return;
    if (!m->n++)
        *m = (missing){.first = path, .what = what, .of = of, .n = 1};
}

static cseg_status check_leaf(const dataset *ds, bool measured, missing *m, cseg_error *err)
{
    const pipeline_info *info = ds->run ? pipeline_describe(ds->run) : NULL;
    bool learned = !ds->meta.test_mode && info && info->loads_labels;
    if ((learned || measured) && !ds->n_maps)
        return fail(err, CSEG_DATA, "%s has no labels to %s: %s is missing (first image: %s)", ds->meta.kind,
                    measured ? "measure against" : "learn from", ds->meta.rules->labels_key,
                    ds->count ? ds->files.image[0] : "none");
    for (int64_t i = 0; i < ds->files.n; i++) {
        const char *of = ds->files.image[i];
        look_for(m, of, "image", NULL);
        if (ds->files.image2)
            look_for(m, ds->files.image2[i], "second date's image", of);
        for (int k = 0; k < ds->n_maps; k++) {
            const dataset_map *map = &ds->files.maps[i * ds->n_maps + k];
            /* an image without labels can still be tested, only not measured */
            if (measured ? !map->is_weight : !ds->meta.test_mode || (info && info->loads_labels))
                look_for(m, map->path, map->is_weight ? "weight map" : "label", of);
        }
    }
    return CSEG_OK;
}

static cseg_status check_all(const dataset *ds, bool measured, missing *m, cseg_error *err)
{
    if (dataset_is_leaf(ds))
        return check_leaf(ds, measured, m, err);
    for (int i = 0; i < ds->n_parts; i++)
        TRY(check_all(ds->parts[i], measured, m, err));
    return CSEG_OK;
}

/* "a.jpg.jpg": the list has the suffixes in it already. */
static bool suffix_twice(const char *path)
{
    const char *ext = path_ext(path);
    size_t n = strlen(ext), all = strlen(path);
    return n && all >= 2 * n && memcmp(path + all - 2 * n, ext, n) == 0;
}

cseg_status dataset_check_files(const dataset *ds, bool measured, cseg_error *err)
{
    missing m = {0};
    char more[64] = "";
    TRY(check_all(ds, measured, &m, err));
    if (!m.n)
        return CSEG_OK;
    if (m.n > 1)
        snprintf(more, sizeof more, "; %lld more files are missing", (long long)(m.n - 1));
    return fail(err, CSEG_NOT_FOUND, "the %s '%s' does not exist%s%s%s%s%s", m.what, m.first,
                m.of ? " (it belongs to '" : "", m.of ? m.of : "", m.of ? "')" : "", more,
                suffix_twice(m.first) ? "; the list names files with their suffix: set img_suffix='' and "
                                        "seg_map_suffix to what replaces it, or take the suffix out of the list"
                                      : "");
}
