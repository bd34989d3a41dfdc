/* Every allocation of a pipeline that chooses, stretches and computes bands may fail, also by windows. */
#include "transform_test.h"

#include "data/transforms/windows.h"
#include "io/raster/raster.h"

#include "../out_of_memory.h"

static const char steps[] = "[dict(type='LoadSingleRSImageFromFile', bands=[3, 1]), dict(type='AddIndices', "
                            "indices=['NDVI', 'b1 / b2'], bands=dict(nir=1, red=2)), dict(type='Stretch'), "
                            "dict(type='Rerange')]";

static cseg_status build(arena *mem, pipeline **p, cseg_error *err)
{
    value *list;
    TRY(config_parse_literal("[]", "test.py", mem, &list, err));
    TRY(config_parse_literal(steps, "test.py", mem, &list, err));
    TRY(pipeline_set_bands(list, (const int64_t[]){2, 3}, 2, mem, err));
    return pipeline_build(list, rules_of(DIALECT_1X), mem, p, err);
}

static cseg_status whole(void *arg, cseg_error *err)
{
    (void)arg;
    arena *mem = arena_new();
    pipeline *p;
    if (!mem)
        return fail_memory(err);
    sample s = {.mem = mem, .path = "bands.tif", .n_images = 1};
    cseg_status status = build(mem, &p, err);
    if (status == CSEG_OK)
        status = pipeline_apply(p, &s, err);
    sample_release(&s);
    arena_free(mem);
    return status;
}

static cseg_status read_file(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    return raster_read_as(arg, "bands.tif", y, x, h, w, IMAGE_UNCHANGED | IMAGE_RGB | IMAGE_PILLOW, out, err);
}

static cseg_status windows(void *arg, cseg_error *err)
{
    (void)arg;
    arena *mem = arena_new();
    pipeline *p;
    raster *r;
    windowed *w;
    sample s = {0};
    cseg_status status = CSEG_OK;
    if (!mem)
        return fail_memory(err);
    TRY_DONE(build(mem, &p, err));
    TRY_DONE(raster_open("bands.tif", mem, &r, err));
    const pipeline_info *info = pipeline_describe(p);
    TRY_DONE(raster_select(r, info->bands, info->n_bands, err));
    window_source from = {.path = "bands.tif",
                          .h = 30,
                          .w = 20,
                          .bands = info->bands,
                          .n_bands = info->n_bands,
                          .read = read_file,
                          .arg = r};
    TRY_DONE(windowed_open(p, &from, mem, &w, err));
    TRY_DONE(windowed_read(w, 3, 4, 10, 10, &s, err));
done:
    sample_release(&s);
    arena_free(mem);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    raster_writer *w;
    image m;
    raster_spec spec = {.h = 30, .w = 20, .bands = 3, .type = IMAGE_U16, .has_nodata = true};
    OK(image_new(30, 20, 3, IMAGE_U16, &m, &err));
    for (size_t i = 0; i < image_bytes(&m); i++)
        ((uint8_t *)m.data)[i] = (uint8_t)(i * 11 % 97);
    OK(raster_create("bands.tif", &spec, mem, &w, &err));
    OK(raster_write(w, 0, 0, 0, &m, &err));
    OK(raster_commit(w, &err));
    image_release(&m);
    arena_free(mem);
    fail_each_allocation("a whole image", whole, NULL, 400);
    fail_each_allocation("windows", windows, NULL, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
