/* Makes the map of borders between labels, for CE2P (Liu et al. 2018). */
#include "data/transforms/transform.h"

typedef struct edge_conf {
    int64_t edge_width, ignore_index;
} edge_conf;

static const field edge_fields[] = {
    FIELD_RANGE(edge_conf, F_INT, edge_width, "3", 1, 1000, "pixels"),
    FIELD_RANGE(edge_conf, F_INT, ignore_index, "255", -1000000, 1000000, "label that has no border"),
};
static const field_table edge_table = FIELDS(edge_fields, edge_conf);

static bool differs(const image *m, int64_t ignore, int64_t y, int64_t x, int64_t y2, int64_t x2)
{
    uint8_t a = *image_u8(m, y, x), b = *image_u8(m, y2, x2);
    return a != b && a != ignore && b != ignore;
}

/* Compares each pixel with the ones above, to the right, and below right; and the pixel below it with its right
 * neighbour. */
static void find_edges(const image *m, int64_t ignore, image *out)
{
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++) {
            bool edge = y > 0 && differs(m, ignore, y, x, y - 1, x);
            edge = edge || (x < m->w - 1 && differs(m, ignore, y, x, y, x + 1));
            edge = edge || (y < m->h - 1 && x < m->w - 1 && differs(m, ignore, y, x, y + 1, x + 1));
            edge = edge || (y < m->h - 1 && x > 0 && differs(m, ignore, y, x, y + 1, x - 1));
            *image_u8(out, y, x) = edge;
        }
}

static cseg_status edge_apply(const transform *t, sample *s, cseg_error *err)
{
    const edge_conf *c = t->conf;
    sample_map *labels = sample_find(s, "gt_semantic_seg"), *to = sample_find(s, "gt_edge_map");
    if (!labels || !labels->map.data)
        return fail(err, CSEG_CONFIG, "there are no labels; put LoadAnnotations in front of it");
    TRY(sample_settle_image(&labels->map, &labels->todo, err));
    if (!to)
        to = sample_add_map(s, "gt_edge_map", NULL, false);
    if (!to)
        return fail(err, CSEG_CONFIG, "a sample holds %d maps at most", SAMPLE_MAX_LABELS);
    image thin, thick;
    TRY(imgproc_new(labels->map.h, labels->map.w, 1, IMAGE_U8, &thin, err));
    find_edges(&labels->map, c->ignore_index, &thin);
    cseg_status status = imgproc_dilate(&thin, (int)c->edge_width, &thick, err);
    image_release(&thin);
    if (status != CSEG_OK) {
        image_release(&thick);
        return status;
    }
    picture_replace(&to->map, thick);
    to->todo = (delayed){0};
    return CSEG_OK;
}

const transform_kind transform_generate_edge = {&edge_table, "Adds `gt_edge_map`: 1 where labels meet, 0 elsewhere.",
                                                NULL, edge_apply, WINDOWS_WHOLE};
