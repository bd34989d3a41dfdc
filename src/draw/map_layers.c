#include "draw/map_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw/canvas.h"
#include "geo/ground.h"
#include "io/raster/raster_ground.h"
#include "io/raster/raster_small.h"

static void release_later(void *m)
{
    image_release(m);
}

/* An image that goes with `mem`; `out` must live as long. */
static cseg_status new_image(int64_t h, int64_t w, int64_t c, image_type t, arena *mem, image *out, cseg_error *err)
{
    TRY(image_new(h, w, c, t, out, err));
    return arena_defer(mem, release_later, out) ? CSEG_OK : fail_memory(err);
}

/* ---- the grid -------------------------------------------------------------------------------------------------- */

/* Columns of a pixel's width for a row of its height, on the ground; 1 if nothing is known. */
static double pixel_shape(const raster_info *i)
{
    const double *t = i->place.transform;
    double shape = i->place.has_transform ? hypot(t[1], t[4]) / hypot(t[2], t[5]) : 1;
    return shape >= 0.1 && shape <= 10 ? shape : 1;
}

static int64_t side(double v, int64_t most)
{
    int64_t n = llround(v);
    return n < 1 ? 1 : n > most ? most : n;
}

static void choose_grid(const map_layers_options *how, map_layers *l)
{
    double shape = pixel_shape(l->info), w = (double)l->info->w * fmax(shape, 1),
           h = (double)l->info->h / fmin(shape, 1);
    double scale = fmin((double)how->most_w / w, (double)how->most_h / h);
    if (!how->enlarge)
        scale = fmin(scale, 1);
    l->w = side(w * scale, how->most_w);
    l->h = side(h * scale, how->most_h);
}

/* b_to_a of raster_place_onto: whether the two grids are one. */
static bool is_same_grid(const raster_info *a, const raster_info *b, const double *m)
{
    double reach = (double)(a->w > a->h ? a->w : a->h);
    return a->w == b->w && a->h == b->h && fabs(m[0]) < 0.5 && fabs(m[3]) < 0.5 &&
           (fabs(m[1] - 1) + fabs(m[2]) + fabs(m[4]) + fabs(m[5] - 1)) * reach < 0.5;
}

/* The size at which a raster that lies by b_to_a has pixels as large as the grid's. */
static void choose_size(const map_layers *l, const raster_info *b, const double *m, int64_t *h, int64_t *w)
{
    double sx = (double)l->w / (double)l->info->w, sy = (double)l->h / (double)l->info->h;
    *w = side((double)b->w * hypot(m[1] * sx, m[4] * sy), b->w < CANVAS_MOST ? b->w : CANVAS_MOST);
    *h = side((double)b->h * hypot(m[2] * sx, m[5] * sy), b->h < CANVAS_MOST ? b->h : CANVAS_MOST);
}

/* Copies what lies at the middle of each pixel of the grid; other pixels keep what they have. `from` is the whole of
 * the raster b. */
static void bring_over(const map_layers *l, const raster_info *b, const double *m, const image *from, image *to)
{
    double det = m[1] * m[5] - m[2] * m[4];
    size_t size = (size_t)from->c * image_type_size(from->type);
    for (int64_t y = 0; y < to->h; y++)
        for (int64_t x = 0; x < to->w; x++) {
            double u = ((double)x + 0.5) * (double)l->info->w / (double)l->w - m[0];
            double v = ((double)y + 0.5) * (double)l->info->h / (double)l->h - m[3];
            double col = (m[5] * u - m[2] * v) / det * (double)from->w / (double)b->w;
            double row = (m[1] * v - m[4] * u) / det * (double)from->h / (double)b->h;
            if (col >= 0 && row >= 0 && col < (double)from->w && row < (double)from->h)
                memcpy(image_at(to, y, x), image_at(from, (int64_t)row, (int64_t)col), size);
        }
}

/* ---- pictures -------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

typedef struct limits {
    double low, high;
} limits;

/* The percentiles of the values that have data. room: [h*w]. */
static limits find_limits(const image *mean, const float *cover, int64_t band, const stretch *s, float *room)
{
    size_t n = 0;
    for (int64_t i = 0; i < mean->h * mean->w; i++)
        if (cover[i] > 0.5f)
            room[n++] = ((const float *)mean->data)[i * mean->c + band];
    if (!n)
        return (limits){0, 1};
    qsort(room, n, sizeof *room, by_value);
    limits found = {room[llround((double)(n - 1) * s->low / 100)], room[llround((double)(n - 1) * s->high / 100)]};
    if (!(found.high > found.low))
        found.high = found.low + 1;
    return found;
}

static limits plain_limits(image_type t)
{
    static const double most[IMAGE_TYPES] = {255, 65535, 32767, 2147483647.0, 1};
    return (limits){0, most[t]};
}

static uint8_t to_byte(double v, limits l)
{
    double part = (v - l.low) / (l.high - l.low) * 255;
    return part >= 255 ? 255 : part > 0 ? (uint8_t)(part + 0.5) : 0;
}

/* to: RGBA of mean's size. */
static cseg_status paint(const image *mean, const float *cover, image_type type, stretch s, image *to, cseg_error *err)
{
    int64_t n = mean->h * mean->w;
    float *room = mem_alloc_raw((size_t)n * sizeof *room);
    if (!room)
        return fail_memory(err);
    if (s.how == STRETCH_DEFAULT)
        s = type == IMAGE_U8 ? (stretch){.how = STRETCH_NONE} : (stretch){STRETCH_PERCENT, 2, 98};
    for (int64_t k = 0; k < 3; k++) {
        int64_t band = mean->c == 1 ? 0 : k;
        limits l = s.how == STRETCH_NONE ? plain_limits(type) : find_limits(mean, cover, band, &s, room);
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)to->data)[4 * i + k] = to_byte(((const float *)mean->data)[i * mean->c + band], l);
    }
    for (int64_t i = 0; i < n; i++)
        ((uint8_t *)to->data)[4 * i + 3] = to_byte(cover[i], (limits){0, 1});
    mem_free(room);
    return CSEG_OK;
}

static cseg_status check_bands(const map_layers_options *how, const char *path, const raster_info *i, cseg_error *err)
{
    for (int k = 0; k < how->n_bands; k++)
        if (how->bands[k] < 0 || how->bands[k] >= i->bands)
            return fail(err, CSEG_USAGE, "%s: has no band %d; its bands are 1 to %lld", path, how->bands[k] + 1,
                        (long long)i->bands);
    return CSEG_OK;
}

static cseg_status read_lying(const map_layers_options *how, const char *path, raster *r, image *to, cseg_error *err)
{
    const raster_info *i = raster_describe(r);
    int64_t colours = i->bands - i->has_alpha;
    bool palette = i->bands == 1 && i->palette && i->type == IMAGE_U8 && !how->n_bands;
    image mean = {0};
    cseg_status status = CSEG_OK;
    TRY(check_bands(how, path, i, err));
    float *cover = mem_alloc((size_t)(to->h * to->w) * sizeof *cover);
    if (!cover)
        return fail_memory(err);
    TRY_DONE(image_new(to->h, to->w,
                       how->n_bands              ? how->n_bands
                       : palette || colours >= 3 ? 3
                                                 : 1,
                       IMAGE_F32, &mean, err));
    TRY_DONE(raster_read_mean(r, how->n_bands ? how->bands : NULL, &mean, cover, err));
    TRY_DONE(paint(&mean, cover, i->type, palette ? (stretch){.how = STRETCH_NONE} : how->stretch, to, err));
done:
    mem_free(cover);
    image_release(&mean);
    return status;
}

/* What a raster is once it stands upright. */
static cseg_status describe_upright(raster *r, arena *mem, const raster_info **out, cseg_error *err)
{
    const raster_info *lying = raster_describe(r);
    *out = lying;
    if (raster_orientation(r) < 5)
        return CSEG_OK;
    raster_info *i = ARENA_NEW(mem, raster_info);
    if (!i)
        return fail_memory(err);
    *i = *lying;
    i->h = lying->w;
    i->w = lying->h;
    *out = i;
    return CSEG_OK;
}

/* Reads a raster as a picture of to->h x to->w, upright. */
static cseg_status read_picture(const map_layers_options *how, const char *path, raster *r, image *to, cseg_error *err)
{
    int orientation = raster_orientation(r);
    image lying = {0};
    if (orientation == 1)
        return read_lying(how, path, r, to, err);
    TRY(image_new(orientation < 5 ? to->h : to->w, orientation < 5 ? to->w : to->h, 4, IMAGE_U8, &lying, err));
    cseg_status status = read_lying(how, path, r, &lying, err);
    if (status == CSEG_OK)
        status = image_upright(&lying, orientation, err);
    if (status == CSEG_OK)
        memcpy(to->data, lying.data, image_bytes(to));
    image_release(&lying);
    return status;
}

static cseg_status read_second(const map_layers_options *how, arena *mem, map_layers *l, cseg_error *err)
{
    raster *r;
    double m[6];
    int64_t h, w;
    const raster_info *i;
    TRY(raster_open(how->second, mem, &r, err));
    TRY(describe_upright(r, mem, &i, err));
    TRY(raster_date(r, mem, &l->second_date, err));
    TRY(raster_place_onto(how->scene, l->info, how->second, i, m, err));
    TRY(new_image(l->h, l->w, 4, IMAGE_U8, mem, &l->second, err));
    if (is_same_grid(l->info, i, m))
        return read_picture(how, how->second, r, &l->second, err);
    image own = {0};
    choose_size(l, i, m, &h, &w);
    TRY(image_new(h, w, 4, IMAGE_U8, &own, err));
    cseg_status status = read_picture(how, how->second, r, &own, err);
    if (status == CSEG_OK)
        bring_over(l, i, m, &own, &l->second);
    image_release(&own);
    return status;
}

/* ---- maps ------------------------------------------------------------------------------------------------------ */

/* For classes to which nobody gives a colour: ten that differ well, also for most eyes that do not see all colours. */
static const uint8_t some_colours[][3] = {{0, 114, 178},   {230, 159, 0},  {0, 158, 115},  {213, 94, 0},
                                          {204, 121, 167}, {86, 180, 233}, {240, 228, 66}, {120, 94, 240},
                                          {140, 140, 140}, {166, 86, 40}};

static void choose_colour(const map_layers_options *how, const raster_info *mask, map_class *c)
{
    size_t id = (size_t)c->id;
    if (c->id >= 0 && id < how->n_colours)
        memcpy(c->colour, how->palette + 3 * id, 3);
    else if (c->id >= 0 && !how->n_colours && mask->palette && c->id < mask->palette_n)
        memcpy(c->colour, mask->palette + 3 * id, 3);
    else
        memcpy(c->colour, some_colours[id % (sizeof some_colours / sizeof *some_colours)], 3);
}

static cseg_status name_classes(const map_layers_options *how, raster *r, const raster_ids *found, arena *mem,
                                map_layers *l, cseg_error *err)
{
    const raster_info *mask = raster_describe(r);
    const char *const *names = how->n_names ? how->names : mask->categories;
    size_t n_names = how->n_names ? how->n_names : (size_t)mask->categories_n;
    l->n_classes = found->n;
    l->unclassified = found->holes;
    if (!(l->classes = ARENA_ARRAY(mem, found->n, map_class)))
        return fail_memory(err);
    for (size_t i = 0; i < found->n; i++) {
        map_class *c = &l->classes[i];
        int32_t id = found->id[i];
        bool named = id >= 0 && (size_t)id < n_names && names[id] && *names[id];
        *c = (map_class){.id = id, .pixels = found->pixels[i], .area = found->area[i], .confidence = NAN};
        c->name = named ? names[id] : arena_printf(mem, "class %d", id);
        if (!c->name)
            return fail_memory(err);
        choose_colour(how, mask, c);
    }
    return CSEG_OK;
}

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = ((const map_class *)b)->id;
    return (x > y) - (x < y);
}

static void ids_to_rows(map_layers *l, image *map)
{
    int32_t *at = map->data;
    for (int64_t i = 0; i < map->h * map->w; i++) {
        const map_class *c = bsearch(&at[i], l->classes, l->n_classes, sizeof *l->classes, by_id);
        at[i] = c ? (int32_t)(c - l->classes) : -1;
    }
}

static double run_area(const void *g, int64_t y, int64_t from, int64_t to)
{
    return ground_run_area(g, y, from, to);
}

static bool is_placed(const raster_info *i)
{
    return i->place.has_transform || i->place.n_gcps;
}

/* GROUND_UNKNOWN, without a warning, if the raster says no place at all. */
static cseg_status find_ground(const raster_info *i, const char *name, ground *out, cseg_error *err)
{
    *out = (ground){.kind = GROUND_UNKNOWN};
    return is_placed(i) ? ground_of(i, name, out, err) : CSEG_OK;
}

static cseg_status measure_pixel(const map_layers_options *how, map_layers *l, cseg_error *err)
{
    ground g;
    double m[4];
    TRY(find_ground(l->info, how->scene, &g, err));
    l->metres[0] = l->metres[1] = NAN;
    if (g.kind == GROUND_UNKNOWN)
        return CSEG_OK;
    ground_metric(&g, (double)l->info->h / 2, (double)l->info->w / 2, m);
    l->metres[0] = hypot(m[0], m[2]);
    l->metres[1] = hypot(m[1], m[3]);
    return CSEG_OK;
}

static cseg_status read_mask(const map_layers_options *how, arena *mem, map_layers *l, cseg_error *err)
{
    raster *r;
    raster_ids found;
    double m[6];
    int64_t h = l->h, w = l->w;
    TRY(raster_open(how->mask, mem, &r, err));
    const raster_info *i = raster_describe(r);
    if (i->bands != 1)
        return fail(err, CSEG_DATA, "%s: has %lld bands; a map of classes has one", how->mask, (long long)i->bands);
    TRY(raster_place_onto(how->scene, l->info, how->mask, i, m, err));
    bool same = is_same_grid(l->info, i, m);
    if (!same)
        choose_size(l, i, m, &h, &w);
    ground g; /* a mask without a place of its own lies on the scene */
    TRY(find_ground(is_placed(i) || !same ? i : l->info, how->mask, &g, err));
    image own = {0};
    TRY(image_new(h, w, 1, IMAGE_I32, &own, err));
    cseg_status status = raster_read_ids(r, &(raster_ruler){run_area, &g}, &own, &found, mem, err);
    if (status == CSEG_OK)
        status = name_classes(how, r, &found, mem, l, err);
    if (status == CSEG_OK)
        status = new_image(l->h, l->w, 1, IMAGE_I32, mem, &l->map, err);
    if (status == CSEG_OK) {
        ids_to_rows(l, &own);
        memset(l->map.data, 0xff, image_bytes(&l->map)); /* -1 */
        bring_over(l, i, m, &own, &l->map);
    }
    image_release(&own);
    return status;
}

cseg_status map_layers_open(const map_layers_options *how, arena *mem, map_layers **out, cseg_error *err)
{
    raster *r;
    map_layers *l = ARENA_NEW(mem, map_layers);
    if (!l)
        return fail_memory(err);
    TRY(raster_open(how->scene, mem, &r, err));
    TRY(raster_describe_rpc(r, err));
    TRY(describe_upright(r, mem, &l->info, err));
    TRY(raster_date(r, mem, &l->date, err));
    choose_grid(how, l);
    TRY(measure_pixel(how, l, err));
    TRY(new_image(l->h, l->w, 4, IMAGE_U8, mem, &l->scene, err));
    TRY(read_picture(how, how->scene, r, &l->scene, err));
    if (how->second)
        TRY(read_second(how, mem, l, err));
    if (how->mask)
        TRY(read_mask(how, mem, l, err));
    *out = l;
    return CSEG_OK;
}

void map_layers_take_areas(map_layers *l, const area_report *report)
{
    for (size_t i = 0; i < l->n_classes; i++)
        for (int k = 0; k < report->n_classes; k++)
            if (report->classes[k].id == l->classes[i].id) {
                l->classes[i].area = report->classes[k].m2;
                l->classes[i].confidence = report->classes[k].confidence;
            }
}
