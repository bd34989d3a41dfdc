/* Maps that the backend writes, on their way to the host. */
#include "base/error.h"
#include "engine/infer/predict_internal.h"

cseg_status map_new(backend *b, int64_t h, int64_t w, int64_t c, image_type type, answer_map *out, cseg_error *err)
{
    *out = (answer_map){0};
    if (b->memory->of_host) {
        TRY(image_new(h, w, c, type, &out->host, err));
        out->at = out->host.data;
        return CSEG_OK;
    }
    TRY(image_check_size(h, w, c, type, "image", err));
    out->host = (image){.h = h, .w = w, .c = c, .type = type};
    out->at = b->memory->alloc(b, image_bytes(&out->host), true);
    return out->at ? CSEG_OK : fail_memory(err);
}

cseg_status map_get(backend *b, answer_map *m, int64_t rows, cseg_error *err)
{
    if (b->memory->of_host)
        return b->memory->synchronise(b, err);
    if (!m->host.data)
        TRY(image_new(m->host.h, m->host.w, m->host.c, m->host.type, &m->host, err));
    image some = m->host;
    some.h = rows;
    return b->memory->get(b, m->host.data, m->at, image_bytes(&some), err);
}

cseg_status map_take(backend *b, answer_map *m, image *out, cseg_error *err)
{
    TRY(map_get(b, m, m->host.h, err));
    *out = m->host;
    m->host = (image){0};
    map_release(b, m);
    return CSEG_OK;
}

void map_release(backend *b, answer_map *m)
{
    if (!b->memory->of_host)
        b->memory->free(b, m->at);
    image_release(&m->host);
    m->at = NULL;
}

image_type answer_image_type(const model_head *head)
{
    return head->num_classes <= 256 ? IMAGE_U8 : IMAGE_I32;
}

cseg_status answer_labels_new(backend *b, const model_head *head, int64_t h, int64_t w, answer_map *out,
                              cseg_error *err)
{
    return map_new(b, h, w, 1, answer_image_type(head), out, err);
}

dtype answer_label_type(const answer_map *labels)
{
    return labels->host.type == IMAGE_U8 ? DT_U8 : DT_I32;
}
