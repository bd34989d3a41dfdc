#include "data/scan/scan_place.h"

#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "io/raster/raster.h"

/* What was found so far. */
typedef struct places {
    arena *mem; /* of one sample */
    raster *image;
    int64_t elsewhere;
    char first[512], of[512];
    place_difference how;
} places;

/* Pictures know no place, and most datasets consist of pictures: these cost nothing. */
static bool may_know_its_place(const char *path)
{
    static const char *const pictures[] = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".npy"};
    const char *ending = path_ext(path);
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (strcasecmp(ending, pictures[i]) == 0)
            return false;
    return true;
}

static void compare(places *p, const char *of, const char *other)
{
    raster *r;
    place_difference how;
    cseg_error ignored;
    if (!may_know_its_place(other) || (!p->image && raster_open(of, p->mem, &p->image, &ignored) != CSEG_OK) ||
        raster_open(other, p->mem, &r, &ignored) != CSEG_OK)
        return;
    const raster_info *a = raster_describe(p->image), *b = raster_describe(r);
    if (a->h == b->h && a->w == b->w && raster_place_compare(a, b, &how) == PLACE_ELSEWHERE && p->elsewhere++ == 0) {
        snprintf(p->first, sizeof p->first, "%s", other);
        snprintf(p->of, sizeof p->of, "%s", of);
        p->how = how;
    }
    raster_close(r);
}

int64_t scan_places(const dataset *ds, bool (*stop)(void *arg), void *arg)
{
    places p = {0};
    for (int64_t i = 0; i < dataset_sources(ds); i++) {
        dataset_item item = dataset_source_at(ds, i);
        if (stop && i % 64 == 0 && stop(arg))
            break;
        if (item.of_scenes || !may_know_its_place(item.path) || !(p.mem = arena_new()))
            continue;
        p.image = NULL;
        for (int m = 0; m < item.n_maps; m++)
            compare(&p, item.path, item.maps[m].path);
        if (item.path2)
            compare(&p, item.path, item.path2);
        arena_free(p.mem);
    }
    if (p.elsewhere)
        log_say(LOG_WARNING,
                "%s does not lie where its image %s lies, by their georeferences (%lld such files): the one %s, the "
                "other %s",
                p.first, p.of, (long long)p.elsewhere, p.how.b, p.how.a);
    return p.elsewhere;
}
