/* What the tests of transforms share: golden records, and pipelines from text. */
#ifndef TRANSFORM_TEST_H
#define TRANSFORM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config/config.h"
#include "data/rules.h"
#include "data/transforms/photometric.h"
#include "data/transforms/pipeline.h"
#include "data/transforms/transform.h"
#include "io/imgproc/imgproc.h"

#include <cmocka.h> /* last: it makes fail() a macro */

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        err.text[0] = 0;                                                                                               \
        if ((call) != CSEG_OK)                                                                                         \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, err.text);                                            \
    } while (0)

/* One record of a golden file. text: its bytes, NUL-terminated. */
typedef struct record {
    const char *key, *text;
    image m;
} record;

typedef struct goldens {
    arena *mem;
    record *at;
    size_t n;
} goldens;

static inline goldens goldens_read(const char *name)
{
    cseg_error err;
    goldens g = {.mem = arena_new()};
    char *data, path[512], key[128], type[8];
    size_t n, cap = 0;
    snprintf(path, sizeof path, TEST_DATA "/data/%s", name);
    OK(file_read(path, 0, g.mem, &data, &n, &err));
    for (size_t at = 0; at < n;) {
        long h, w, c;
        int used;
        assert_int_equal(5, sscanf(data + at, "%127s %7s %ld %ld %ld%n", key, type, &h, &w, &c, &used));
        at += (size_t)used + 1;
        g.at = arena_grow(g.mem, g.at, g.n, &cap, g.n + 1, sizeof *g.at);
        record *r = &g.at[g.n++];
        *r = (record){.key = arena_strdup(g.mem, key)};
        image_type t = !strcmp(type, "u2")   ? IMAGE_U16
                       : !strcmp(type, "i4") ? IMAGE_I32
                       : !strcmp(type, "f4") ? IMAGE_F32
                                             : IMAGE_U8;
        size_t bytes = (size_t)(h * w * c) * image_type_size(t);
        void *copy = arena_alloc(g.mem, bytes + 1);
        memcpy(copy, data + at, bytes);
        if (!strcmp(type, "text"))
            r->text = copy;
        else
            r->m = (image){.h = h, .w = w, .c = c, .type = t, .data = copy};
        at += bytes;
    }
    return g;
}

/* NULL if there is none. */
static inline const record *goldens_find(const goldens *g, const char *name, const char *part)
{
    char key[256];
    snprintf(key, sizeof key, "%s/%s", name, part);
    for (size_t i = 0; i < g->n; i++)
        if (!strcmp(g->at[i].key, key))
            return &g->at[i];
    return NULL;
}

static inline const image *goldens_image(const goldens *g, const char *name, const char *part)
{
    const record *r = goldens_find(g, name, part);
    if (!r)
        fail_msg("no record %s/%s", name, part);
    return &r->m;
}

static inline image copy_of(const image *m)
{
    cseg_error err;
    image out;
    OK(image_copy(m, &out, &err));
    return out;
}

static inline const pipeline_rules *rules_of(config_dialect dialect)
{
    return dialect == DIALECT_0X ? &data_rules_0x.steps : &data_rules_1x.steps;
}

static inline pipeline *pipeline_of(const char *text, config_dialect dialect, arena *mem)
{
    cseg_error err;
    value *list;
    pipeline *p;
    OK(config_parse_literal(text, "test.py", mem, &list, &err));
    OK(pipeline_build(list, rules_of(dialect), mem, &p, &err));
    return p;
}

/* A sample that holds copies of img and (if not NULL) labels. */
static inline sample sample_of(const image *img, const image *labels, arena *mem)
{
    sample s = {.mem = mem, .random = rng_derive(1, 2, 3), .path = "memory", .n_images = 1, .img = copy_of(img)};
    s.ori_h = s.img_h = s.pad_h = img->h;
    s.ori_w = s.img_w = s.pad_w = img->w;
    s.scale_x = s.scale_y = 1;
    if (labels)
        sample_add_map(&s, "gt_semantic_seg", NULL, false)->map = copy_of(labels);
    return s;
}

static inline void assert_same_image(const char *what, const image *a, const image *b)
{
    if (a->h != b->h || a->w != b->w || a->c != b->c || a->type != b->type)
        fail_msg("%s: %lldx%lldx%lld %s, expected %lldx%lldx%lld %s", what, (long long)a->h, (long long)a->w,
                 (long long)a->c, image_type_name(a->type), (long long)b->h, (long long)b->w, (long long)b->c,
                 image_type_name(b->type));
    int64_t n = a->h * a->w * a->c, differ = 0, first = -1;
    size_t size = image_type_size(a->type);
    for (int64_t i = 0; i < n; i++)
        if (memcmp((char *)a->data + (size_t)i * size, (char *)b->data + (size_t)i * size, size)) {
            differ++;
            first = first < 0 ? i : first;
        }
    if (differ)
        fail_msg("%s: %lld of %lld samples differ, first at row %lld, column %lld: %.9g, expected %.9g", what,
                 (long long)differ, (long long)n, (long long)(first / a->c / a->w), (long long)(first / a->c % a->w),
                 image_get(a, 0, first / a->c, first % a->c), image_get(b, 0, first / a->c, first % a->c));
}

#endif
