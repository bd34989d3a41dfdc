/* What the tests of scenes share: rasters whose samples tell where they are. Include last. */
#ifndef SCENE_TEST_H
#define SCENE_TEST_H

#include "data_test.h"
#include "io/raster/raster.h"

enum { SCENE_H = 150, SCENE_W = 200 };

/* What the mask has at a pixel: a little of class 1, a stripe of class 2, the rest 0; 255 is its nodata. */
static inline int mask_at(int64_t y, int64_t x)
{
    if (y >= 20 && y < 26 && x >= 30 && x < 36)
        return 1;
    if (x >= 180)
        return 2;
    return y >= 70 && y < 80 && x < 50 ? 255 : 0;
}
/* Where the scene itself has no data. */
static inline bool scene_hole(int64_t y, int64_t x)
{
    return y + x < 25;
}
static inline double scene_at(int64_t y, int64_t x, int64_t band)
{
    return scene_hole(y, x) ? 0 : band == 0 ? (double)y + 1 : band == 1 ? (double)x + 1 : 7;
}
/* What is learned there. */
static inline int label_at(int64_t y, int64_t x)
{
    return scene_hole(y, x) ? 255 : mask_at(y, x);
}

typedef struct raster_like {
    int64_t h, w, bands;
    image_type type;
    double (*at)(int64_t y, int64_t x, int64_t band);
    bool has_nodata;
    double nodata, left; /* of its place; negative: none */
} raster_like;

static inline double mask_value(int64_t y, int64_t x, int64_t band)
{
    (void)band;
    return mask_at(y, x);
}

static inline void write_raster(const char *name, raster_like l)
{
    raster_place place = {.has_transform = l.left >= 0, .transform = {l.left, 10, 0, 5000, 0, -10}};
    raster_spec spec = {.h = l.h,
                        .w = l.w,
                        .bands = l.bands,
                        .type = l.type,
                        .place = &place,
                        .has_nodata = l.has_nodata,
                        .nodata = l.nodata};
    raster_writer *w;
    image m, done;
    assert_int_equal(image_new(l.h, l.w, l.bands, IMAGE_F32, &m, &err), CSEG_OK);
    for (int64_t y = 0; y < l.h; y++)
        for (int64_t x = 0; x < l.w; x++)
            for (int64_t k = 0; k < l.bands; k++)
                image_f32(&m, y, x)[k] = (float)l.at(y, x, k);
    assert_int_equal(image_convert(&m, l.type, &done, &err), CSEG_OK);
    if (raster_create(in_folder(name), &spec, mem, &w, &err) != CSEG_OK ||
        raster_write(w, 0, 0, 0, &done, &err) != CSEG_OK || raster_commit(w, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    image_release(&m);
    image_release(&done);
}

static inline void write_scene(void)
{
    write_raster("scene.tif", (raster_like){SCENE_H, SCENE_W, 3, IMAGE_U8, scene_at, true, 0, 100});
    write_raster("mask.tif", (raster_like){SCENE_H, SCENE_W, 1, IMAGE_U8, mask_value, true, 255, 100});
}

#define SCENES "scenes=[dict(img='scene.tif', ann='mask.tif')]"
#define SCENE_DICT(more)                                                                                               \
    "dict(type='SceneDataset', data_root='@', metainfo=dict(classes=['a', 'b', 'c']), " SCENES ", pipeline=["          \
    "dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')], " more ")"

/* Loads a sample; the caller releases it. */
static inline sample take_sample(const dataset *ds, int64_t index, uint64_t epoch)
{
    sample s;
    if (dataset_get(ds, index, 5, epoch, mem, &s, &err) != CSEG_OK || sample_settle(&s, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return s;
}

#endif
