#include "data/transforms/sample.h"

#include <string.h>

#include "base/str.h"
#include "io/imgproc/imgproc.h"

void sample_release(sample *s)
{
    image_release(&s->img);
    for (int i = 0; i < s->n_maps; i++)
        image_release(&s->maps[i].map);
}

/* The name that a map is stored under: gt_seg_map, gt_seg_map_from... are the 1.x dialect's names for it. */
static bool same_key(const char *a, const char *b)
{
    if (str_starts(a, "gt_seg_map") && str_starts(b, "gt_semantic_seg"))
        return strcmp(a + strlen("gt_seg_map"), b + strlen("gt_semantic_seg")) == 0;
    if (str_starts(b, "gt_seg_map") && str_starts(a, "gt_semantic_seg"))
        return same_key(b, a);
    return strcmp(a, b) == 0;
}

sample_map *sample_find(sample *s, const char *key)
{
    for (int i = 0; i < s->n_maps; i++)
        if (same_key(s->maps[i].key, key))
            return &s->maps[i];
    return NULL;
}

sample_map *sample_add_map(sample *s, const char *key, const char *path, bool is_weight)
{
    if (s->n_maps == SAMPLE_MAX_LABELS)
        return NULL;
    sample_map *m = &s->maps[s->n_maps++];
    *m = (sample_map){.key = key, .path = path, .is_weight = is_weight};
    return m;
}

cseg_status sample_nodata(sample *s, image_nodata *out, cseg_error *err)
{
    if (!s->nodata.asked && s->path)
        TRY(image_nodata_read(s->path, &s->nodata.of_file, err));
    s->nodata.asked = true;
    *out = s->nodata.reduced ? (image_nodata){0} : s->nodata.of_file;
    return CSEG_OK;
}

int64_t sample_height(const sample *s)
{
    return s->todo.any ? s->todo.h : s->img.h;
}

int64_t sample_width(const sample *s)
{
    return s->todo.any ? s->todo.w : s->img.w;
}

delayed delayed_or_whole(const delayed *todo, const image *m)
{
    return todo->any ? *todo : (delayed){.any = true, .full_h = m->h, .full_w = m->w, .h = m->h, .w = m->w};
}

cseg_status sample_settle_image(image *m, delayed *todo, cseg_error *err)
{
    if (!todo->any && !m->coded)
        return CSEG_OK;
    image done;
    cseg_status status =
        todo->any ? imgproc_settle(m, todo, &done, err) : image_decode_part(m, 0, 0, m->h, m->w, &done, err);
    if (status != CSEG_OK) {
        image_release(&done);
        return status;
    }
    image_release(m);
    *m = done;
    *todo = (delayed){0};
    return CSEG_OK;
}

cseg_status sample_settle(sample *s, cseg_error *err)
{
    TRY(sample_settle_image(&s->img, &s->todo, err));
    for (int i = 0; i < s->n_maps; i++)
        TRY(sample_settle_image(&s->maps[i].map, &s->maps[i].todo, err));
    return CSEG_OK;
}

cseg_status sample_copy(const sample *s, sample *out, cseg_error *err)
{
    *out = *s;
    out->img = (image){0};
    for (int i = 0; i < s->n_maps; i++)
        out->maps[i].map = (image){0};
    if (image_exists(&s->img))
        TRY(image_copy(&s->img, &out->img, err));
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].map.data)
            TRY(image_copy(&s->maps[i].map, &out->maps[i].map, err));
    return CSEG_OK;
}
