/* Makes a pair for change detection from one scene and its land and water mask: the first date is the scene, the second
 * the same scene under other light, with patches of land that became water and patches of water that became land.
 *
 *     make_pair SCENE MASK FOLDER [PATCHES] [SEED]
 *
 * writes FOLDER/A/scene.tif, FOLDER/B/scene.tif (the two dates), FOLDER/change.tif (0 unchanged, 1 changed),
 * FOLDER/from.tif and FOLDER/to.tif (0 land, 1 water at each date); 255 where the mask has it. The same seed gives the
 * same bytes.
 *
 * Light: each band becomes gain * v + offset, with gains of 0.80 to 1.15 and offsets of -4 to 8, and noise of one grey
 * value. Patches: discs with a wavy edge, 6 to 20 pixels in radius, whose pixels are copied from a place of the other
 * class at least as large, so that texture is real. Nodata stays nodata. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "io/raster/raster.h"

enum { LAND = 0, WATER = 1, IGNORE = 255, BANDS = 3, WAVES = 4, TRIES = 20000 };

typedef struct pair {
    image scene, second, from, to, change;
    raster_place place;
    rng random;
} pair;

typedef struct patch {
    int64_t y, x;
    double radius, wave[WAVES], phase[WAVES];
} patch;

static patch draw_patch(pair *p)
{
    patch c = {.y = rng_below(&p->random, p->scene.h),
               .x = rng_below(&p->random, p->scene.w),
               .radius = rng_range(&p->random, 6.0, 20.0)};
    for (int i = 0; i < WAVES; i++) {
        c.wave[i] = rng_range(&p->random, 0.0, 0.2 / (i + 1));
        c.phase[i] = rng_range(&p->random, 0.0, 6.283185307179586);
    }
    return c;
}

static bool in_patch(const patch *c, int64_t dy, int64_t dx)
{
    double angle = atan2((double)dy, (double)dx), r = c->radius;
    for (int i = 0; i < WAVES; i++)
        r += c->radius * c->wave[i] * sin((i + 2) * angle + c->phase[i]);
    return hypot((double)dy, (double)dx) <= r;
}

static int label_at(const image *m, int64_t y, int64_t x)
{
    return y < 0 || x < 0 || y >= m->h || x >= m->w ? IGNORE : *image_u8(m, y, x);
}

/* Share of the patch's pixels, moved to (y, x), that have the class; 0 where its centre has not. */
static double share_of(const image *labels, const patch *c, int64_t y, int64_t x, int class_id)
{
    int64_t reach = (int64_t)(2.0 * c->radius), all = 0, good = 0;
    if (label_at(labels, y, x) != class_id)
        return 0.0;
    for (int64_t dy = -reach; dy <= reach; dy++)
        for (int64_t dx = -reach; dx <= reach; dx++)
            if (in_patch(c, dy, dx)) {
                all++;
                good += label_at(labels, y + dy, x + dx) == class_id;
            }
    return all ? (double)good / (double)all : 0.0;
}

/* Copies the pixels around (y, x), which have class `to`, over the patch. */
static void paste(pair *p, const patch *c, int64_t y, int64_t x, int to)
{
    int64_t reach = (int64_t)(2.0 * c->radius);
    for (int64_t dy = -reach; dy <= reach; dy++)
        for (int64_t dx = -reach; dx <= reach; dx++) {
            int64_t v = c->y + dy, u = c->x + dx;
            int was = label_at(&p->from, v, u);
            if (!in_patch(c, dy, dx) || was == IGNORE || was == to || label_at(&p->from, y + dy, x + dx) != to)
                continue;
            memcpy(image_u8(&p->second, v, u), image_u8(&p->scene, y + dy, x + dx), BANDS);
            *image_u8(&p->to, v, u) = (uint8_t)to;
            *image_u8(&p->change, v, u) = 1;
        }
}

static bool add_patch(pair *p, int from, int to)
{
    for (int i = 0; i < TRIES; i++) {
        patch c = draw_patch(p);
        if (share_of(&p->to, &c, c.y, c.x, from) < 0.8)
            continue;
        for (int k = 0; k < TRIES; k++) {
            int64_t y = rng_below(&p->random, p->scene.h), x = rng_below(&p->random, p->scene.w);
            if (share_of(&p->from, &c, y, x, to) < 0.9)
                continue;
            paste(p, &c, y, x, to);
            return true;
        }
    }
    return false;
}

static void change_light(pair *p)
{
    double gain[BANDS], offset[BANDS];
    for (int k = 0; k < BANDS; k++) {
        gain[k] = rng_range(&p->random, 0.80, 1.15);
        offset[k] = rng_range(&p->random, -4.0, 8.0);
    }
    for (int64_t i = 0, n = p->second.h * p->second.w; i < n; i++) {
        uint8_t *v = (uint8_t *)p->second.data + i * BANDS;
        if (!v[0] && !v[1] && !v[2])
            continue;
        for (int k = 0; k < BANDS; k++) {
            double light = gain[k] * v[k] + offset[k] + rng_normal(&p->random);
            v[k] = (uint8_t)(light < 1.0 ? 1.0 : light > 255.0 ? 255.0 : light);
        }
    }
}

static cseg_status read_all(pair *p, const char *scene, const char *mask, arena *mem, cseg_error *err)
{
    raster *r, *m;
    TRY(raster_open(scene, mem, &r, err));
    TRY(raster_open(mask, mem, &m, err));
    const raster_info *i = raster_describe(r);
    p->place = i->place;
    if (i->bands < BANDS)
        return fail(err, CSEG_DATA, "%s has %lld bands, three are needed", scene, (long long)i->bands);
    TRY(image_new(i->h, i->w, BANDS, IMAGE_U8, &p->scene, err));
    TRY(image_new(i->h, i->w, 1, IMAGE_U8, &p->from, err));
    TRY(raster_read(r, 0, 0, NULL, &p->scene, err));
    TRY(raster_read(m, 0, 0, NULL, &p->from, err));
    TRY(image_copy(&p->scene, &p->second, err));
    TRY(image_copy(&p->from, &p->to, err));
    TRY(image_copy(&p->from, &p->change, err));
    uint8_t *change = p->change.data;
    for (int64_t k = 0; k < p->change.h * p->change.w; k++)
        change[k] = change[k] == IGNORE ? IGNORE : 0;
    return CSEG_OK;
}

static cseg_status write_one(const pair *p, const char *folder, const char *name, const image *m, arena *mem,
                             cseg_error *err)
{
    raster_writer *w;
    char *path = arena_printf(mem, "%s/%s", folder, name);
    if (!path)
        return fail_memory(err);
    TRY(dir_create(path_dir(mem, path), err));
    bool labels = m->c == 1;
    raster_spec spec = {.h = m->h,
                        .w = m->w,
                        .bands = m->c,
                        .type = IMAGE_U8,
                        .place = &p->place,
                        .has_nodata = true,
                        .nodata = labels ? IGNORE : 0};
    TRY(raster_create(path, &spec, mem, &w, err));
    TRY(raster_write(w, 0, 0, 0, m, err));
    return raster_commit(w, err);
}

static cseg_status make(pair *p, const char *folder, int patches, arena *mem, cseg_error *err)
{
    for (int i = 0; i < patches; i++)
        if (!add_patch(p, i % 2 ? WATER : LAND, i % 2 ? LAND : WATER))
            return fail(err, CSEG_DATA, "no place for patch %d: the scene has too little land or water", i);
    change_light(p);
    TRY(write_one(p, folder, "A/scene.tif", &p->scene, mem, err));
    TRY(write_one(p, folder, "B/scene.tif", &p->second, mem, err));
    TRY(write_one(p, folder, "change.tif", &p->change, mem, err));
    TRY(write_one(p, folder, "from.tif", &p->from, mem, err));
    return write_one(p, folder, "to.tif", &p->to, mem, err);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: make_pair SCENE MASK FOLDER [PATCHES] [SEED]\n");
        return 2;
    }
    cseg_error err = {0};
    pair p = {.random = rng_derive(argc > 5 ? strtoull(argv[5], NULL, 10) : 0, 0, 0)};
    arena *mem = arena_new();
    cseg_status status = mem ? read_all(&p, argv[1], argv[2], mem, &err) : fail_memory(&err);
    if (status == CSEG_OK)
        status = make(&p, argv[3], argc > 4 ? atoi(argv[4]) : 60, mem, &err);
    if (status != CSEG_OK)
        fprintf(stderr, "make_pair: %s\n", err.text);
    image *const images[] = {&p.scene, &p.second, &p.from, &p.to, &p.change};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        image_release(images[i]);
    arena_free(mem);
    return status == CSEG_OK ? 0 : 1;
}
