/* Pipelines from arbitrary text, on a small image with labels and weights. They must be refused or run, and what comes
 * out must be as large as it says. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "data/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sizes of a thousand and more are legal, and would only show that memory ends. */
static int has_large_number(const char *text)
{
    int digits = 0;
    for (; *text; text++) {
        digits = isdigit((unsigned char)*text) ? digits + 1 : 0;
        if (digits > 3 ||
            ((*text == 'e' || *text == '*' || *text == 'x') && digits == 0 && isdigit((unsigned char)text[1])))
            return 1;
    }
    return 0;
}

static cseg_status fill(sample *s, cseg_error *err)
{
    enum { H = 13, W = 17 };
    sample_map *labels = sample_add_map(s, "gt_semantic_seg", NULL, false);
    sample_map *weights = sample_add_map(s, "seg_weight_map", NULL, true);
    cseg_status status = image_new(H, W, 3, IMAGE_U8, &s->img, err);
    if (status == CSEG_OK)
        status = image_new(H, W, 1, IMAGE_U8, &labels->map, err);
    if (status == CSEG_OK)
        status = image_new(H, W, 1, IMAGE_F32, &weights->map, err);
    for (int i = 0; i < H * W && status == CSEG_OK; i++) {
        ((uint8_t *)labels->map.data)[i] = (uint8_t)(i / 20);
        ((uint8_t *)s->img.data)[3 * i] = (uint8_t)(37 * i);
        ((float *)weights->map.data)[i] = (float)i;
    }
    s->ori_h = s->img_h = s->pad_h = H;
    s->ori_w = s->img_w = s->pad_w = W;
    s->n_images = 1;
    return status;
}

static cseg_status pack(sample *s, cseg_error *err)
{
    preprocessor plain = {.seg_pad_val = 255};
    const sample *one[] = {s};
    int64_t h, w;
    cseg_status status = preprocessor_size(&plain, one, 1, true, &h, &w, err);
    if (status != CSEG_OK || h * w * s->img.c > 1 << 24)
        return status;
    float *slot = malloc((size_t)(h * w * s->img.c) * sizeof *slot);
    status = slot ? pipeline_pack(&plain, s, h, w, slot, err) : CSEG_NO_MEMORY;
    free(slot);
    return status;
}

static void run(const value *list, const pipeline_rules *rules, arena *mem)
{
    enum { MOST = 256 };
    cseg_error err;
    pipeline *p;
    static sample views[MOST];
    sample s = {.mem = mem, .random = rng_derive(1, 2, 3)};
    if (pipeline_build(list, rules, mem, &p, &err) != CSEG_OK)
        return;
    int n = pipeline_describe(p)->variants;
    if (n > 16)
        return;
    memset(views, 0, sizeof views);
    if (fill(&s, &err) == CSEG_OK && pipeline_apply_variants(p, &s, views, &err) == CSEG_OK)
        for (int i = 0; i < n; i++)
            if (views[i].img.data)
                pack(&views[i], &err);
    for (int i = 0; i < n; i++)
        sample_release(&views[i]);
    sample_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cseg_error err;
    value *list;
    arena *mem = arena_new();
    char *text = mem ? arena_strndup(mem, (const char *)data, size) : NULL;
    if (text && !has_large_number(text) && config_parse_literal(text, "fuzz.py", mem, &list, &err) == CSEG_OK) {
        run(list, &data_rules_0x.steps, mem);
        run(list, &data_rules_1x.steps, mem);
    }
    arena_free(mem);
    return 0;
}
