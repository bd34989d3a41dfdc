#include "data/scenes/scenes.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "data/scenes/scenes_internal.h"

enum { IDLE_FILES = 64, ALL_CELLS = 1 << 22, FEWEST_CELLS = 1024, MOST_SQUARES = 1 << 24 };

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* What is not a number would be nowhere a number any more after a convolution. */
static void clear_nan(image *m)
{
    float *v = m->data;
    for (int64_t i = 0, n = m->h * m->w * m->c; m->type == IMAGE_F32 && i < n; i++)
        if (isnan(v[i]))
            v[i] = 0;
}

static bool is_burnt(const scene_input *in, const char *path)
{
    return in->burn && strcmp(path, in->labels) == 0;
}

static cseg_status read_burnt(const scene_set *s, const scene_place *p, image *out, cseg_error *err)
{
    scene_loan loan;
    const scene_input *in = s->at[p->scene].in;
    TRY(scene_pool_take_burner(s->pool, in->labels, in->burn, in->image, &loan, err));
    cseg_status status = burner_read(loan.burner, p->at.y, p->at.x, p->at.h, p->at.w, out, err);
    scene_pool_give(s->pool, &loan, status == CSEG_OK);
    return status;
}

cseg_status scenes_read(const scene_set *s, const scene_place *p, const char *path, const int64_t *bands, size_t n,
                        image_flags flags, image *out, cseg_error *err)
{
    scene_loan loan;
    *out = (image){0};
    if (is_burnt(s->at[p->scene].in, path))
        return read_burnt(s, p, out, err);
    TRY(scene_pool_take(s->pool, path, bands, n, &loan, err));
    const one_scene *one = &s->at[p->scene];
    const raster_info *info = raster_describe(loan.raster);
    cseg_status status = CSEG_OK;
    if (info->h != one->h || info->w != one->w)
        status = fail(err, CSEG_SHAPE, "%s is %lld x %lld pixels now, and was %lld x %lld when the run began", path,
                      (long long)info->w, (long long)info->h, (long long)one->w, (long long)one->h);
    else
        status = raster_read_as(loan.raster, path, p->at.y, p->at.x, p->at.h, p->at.w, flags, out, err);
    scene_pool_give(s->pool, &loan, status == CSEG_OK);
    if (status == CSEG_OK)
        clear_nan(out);
    return status;
}

static cseg_status read_holes(const scene_set *s, const scene_place *p, const char *path, uint8_t *holes,
                              cseg_error *err)
{
    scene_loan loan;
    TRY(scene_pool_take(s->pool, path, NULL, 0, &loan, err));
    cseg_status status = raster_read_holes(loan.raster, p->at.y, p->at.x, p->at.h, p->at.w, holes, NULL, err);
    scene_pool_give(s->pool, &loan, status == CSEG_OK);
    return status;
}

cseg_status scene_read_holes(const scene_set *s, const scene_place *p, const char *path, uint8_t *holes,
                             cseg_error *err)
{
    int64_t n = p->at.h * p->at.w;
    const scene_input *in = s->at[p->scene].in;
    const char *also[] = {in->image2, s->how.labels_have_holes && path && !is_burnt(in, path) ? path : NULL};
    TRY(read_holes(s, p, in->image, holes, err));
    for (int i = 0; i < 2; i++) {
        if (!also[i])
            continue;
        uint8_t *more = mem_alloc_raw((size_t)n);
        cseg_status status = more ? read_holes(s, p, also[i], more, err) : fail_memory(err);
        for (int64_t k = 0; k < n && status == CSEG_OK; k++)
            holes[k] |= more[k];
        mem_free(more);
        TRY(status);
    }
    return CSEG_OK;
}

cseg_status scenes_read_labels(const scene_set *s, const scene_place *p, const char *path, image_flags flags,
                               image *out, cseg_error *err)
{
    TRY(scenes_read(s, p, path, NULL, 0, flags, out, err));
    if (out->type == IMAGE_U8 || !s->how.labels_have_holes)
        return CSEG_OK;
    uint8_t *holes = mem_alloc_raw((size_t)(p->at.h * p->at.w));
    cseg_status status = holes ? read_holes(s, p, path, holes, err) : fail_memory(err);
    size_t pixel = (size_t)out->c * image_type_size(out->type);
    for (int64_t i = 0; i < p->at.h * p->at.w && status == CSEG_OK; i++)
        if (holes[i])
            memset((char *)out->data + (size_t)i * pixel, 0, pixel);
    mem_free(holes);
    return status;
}

cseg_status scenes_blank(const scene_set *s, const scene_place *p, const char *path, image *labels, cseg_error *err)
{
    uint8_t *holes = mem_alloc_raw((size_t)(p->at.h * p->at.w));
    if (!holes)
        return fail_memory(err);
    cseg_status status = scene_read_holes(s, p, path, holes, err);
    int64_t top = p->own.y - p->at.y, left = p->own.x - p->at.x;
    for (int64_t y = 0; y < p->at.h && status == CSEG_OK; y++)
        for (int64_t x = 0; x < p->at.w; x++) {
            bool own = y >= top && y < top + p->own.h && x >= left && x < left + p->own.w;
            if (!own || holes[y * p->at.w + x])
                *image_u8(labels, y, x) = s->ignore;
        }
    mem_free(holes);
    return status;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static cseg_status check_beside(const scene_set *s, const one_scene *one, const raster_info *info, const char *path,
                                arena *mem, cseg_error *err)
{
    raster *r;
    if (!path)
        return CSEG_OK;
    TRY(raster_open(path, mem, &r, err));
    const raster_info *other = raster_describe(r);
    if (other->h != one->h || other->w != one->w)
        return fail(err, CSEG_SHAPE,
                    "%s is %lld x %lld pixels, its scene %s %lld x %lld: they must have one grid (gdalwarp makes it)",
                    path, (long long)other->w, (long long)other->h, one->in->image, (long long)one->w,
                    (long long)one->h);
    TRY(raster_describe_rpc(r, err));
    return raster_same_place(one->in->image, info, path, other, s->how.force_place, err);
}

/* Many programs declare 0 as the nodata value of whatever they write. */
static cseg_status doubt_nodata(const scene_set *s, const scene_input *in, arena *mem, cseg_error *err)
{
    raster *r;
    if (in->burn || !in->labels || !s->how.labels_have_holes)
        return CSEG_OK;
    TRY(raster_open(in->labels, mem, &r, err));
    const raster_info *info = raster_describe(r);
    double v = info->nodata;
    if (info->has_nodata && v >= 0 && v < 256 && v == floor(v) && scene_counts(&s->how, (uint32_t)v) &&
        s->how.n_classes)
        log_warn_once("%s: declares %g as its value for no data, which would be class '%s': these pixels are ignored; "
                      "with ann_nodata=False they are that class",
                      in->labels, v, s->how.classes[s->how.seen[(int)v]]);
    return CSEG_OK;
}

/* Burns the polygons that divide the scene on a grid of its squares. */
static cseg_status burn_cells(const scene_set *s, one_scene *one, const raster_info *info, arena *own, arena *mem,
                              cseg_error *err)
{
    int64_t side = s->how.split.block;
    raster_info squares = *info;
    burner *b;
    image m = {0};
    squares.h = (info->h + side - 1) / side;
    squares.w = (info->w + side - 1) / side;
    for (int i = 0; i < 6; i++)
        squares.place.transform[i] *= i % 3 ? (double)side : 1;
    if (squares.h * squares.w > MOST_SQUARES)
        return fail(err, CSEG_CONFIG, "%s: %lld x %lld squares in %s are too many; make block larger", s->how.name,
                    (long long)squares.w, (long long)squares.h, one->in->image);
    TRY(burner_open(s->how.split_file, s->how.split_burn, one->in->image, &squares, own, &b, err));
    cseg_status status = burner_read(b, 0, 0, squares.h, squares.w, &m, err);
    uint8_t *cells = status == CSEG_OK ? ARENA_ARRAY(mem, (size_t)(squares.h * squares.w), uint8_t) : NULL;
    if (cells)
        memcpy(cells, m.data, (size_t)(squares.h * squares.w));
    else if (status == CSEG_OK)
        status = fail_memory(err);
    one->cells = cells;
    image_release(&m);
    return status;
}

/* Area of a pixel in m2, as its projection has it; 0: it is unknown, or differs from pixel to pixel (degrees). */
static cseg_status measure_pixel(const raster_info *info, double *out, cseg_error *err)
{
    const double *t = info->place.transform;
    raster_units units = {0};
    if (info->place.has_transform)
        TRY(raster_units_of(info->place.projection, &units, err));
    bool plane = units.kind == UNITS_PLANE;
    *out = plane ? fabs(t[1] * t[5] - t[2] * t[4]) * units.metre * units.metre : 0;
    return CSEG_OK;
}

/* Opens the scene and all that belongs to it, for their sizes and places. */
static cseg_status open_scene(scene_set *s, one_scene *one, arena *mem, cseg_error *err)
{
    const scene_input *in = one->in;
    raster *r;
    arena *own = arena_new();
    if (!own)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    TRY_DONE(raster_open(in->image, own, &r, err));
    const raster_info *info = raster_describe(r);
    one->h = info->h;
    one->w = info->w;
    one->crop_h = s->how.crop_h < info->h ? s->how.crop_h : info->h;
    one->crop_w = s->how.crop_w < info->w ? s->how.crop_w : info->w;
    TRY_DONE(measure_pixel(info, &one->pixel_area, err));
    TRY_DONE(raster_describe_rpc(r, err));
    TRY_DONE(check_beside(s, one, info, in->image2, own, err));
    TRY_DONE(check_beside(s, one, info, in->burn ? NULL : in->labels, own, err));
    TRY_DONE(doubt_nodata(s, in, own, err));
    for (int i = 0; i < in->n_others; i++)
        TRY_DONE(check_beside(s, one, info, in->others[i], own, err));
    if (s->how.split.by == SPLIT_CELLS)
        status = burn_cells(s, one, info, own, mem, err);
done:
    arena_free(own);
    return status;
}

typedef struct reading {
    const scene_set *s;
    int64_t scene;
} reading;

static cseg_status read_labels(void *arg, region at, image *labels, uint8_t *holes, cseg_error *err)
{
    const reading *r = arg;
    const scene_place p = {r->scene, at, at};
    const char *path = r->s->at[r->scene].in->labels;
    TRY(scene_read_holes(r->s, &p, path, holes, err));
    return scenes_read(r->s, &p, path, NULL, 0, r->s->how.label_flags, labels, err);
}

/* Size and time of change of a file, as text; "0 0 0" for one that is none (within an archive). */
static const char *stamp(const char *path, arena *mem)
{
    struct stat st;
    if (!path || stat(path, &st) != 0)
        return "0 0 0";
    return arena_printf(mem, "%lld %lld %lld", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                        (long long)st.st_mtim.tv_nsec);
}

static unsigned long long burn_digest(const burn_options *o)
{
    if (!o)
        return 0;
    const int numbers[] = {o->value, o->background, o->all_touched, o->n_classes};
    const char *texts[] = {o->layer, o->attribute};
    unsigned long long d = str_fnv1a64(numbers, sizeof numbers);
    for (int i = 0; i < 2; i++)
        d = d * 31 + (texts[i] ? str_fnv1a64(texts[i], strlen(texts[i])) : 0);
    for (int i = 0; i < o->n_classes; i++)
        d = d * 31 + str_fnv1a64(o->classes[i].text, strlen(o->classes[i].text)) + (unsigned)o->classes[i].value;
    return d;
}

/* All that the counts depend on, but for the parts of a VRT. */
static const char *dependence(const scene_set *s, const scene_input *in, arena *mem)
{
    const char *a = stamp(in->image, mem), *b = stamp(in->labels, mem), *c = stamp(in->image2, mem);
    if (!a || !b || !c || strpbrk(in->image, "\t\n") || strpbrk(in->labels, "\t\n"))
        return NULL;
    return arena_printf(mem, "%s %s %s %u %d %016llx\t%s\t%s", a, b, c, s->how.label_flags, s->how.labels_have_holes,
                        burn_digest(in->burn), in->image, in->labels);
}

static cseg_status make_index(scene_set *s, int64_t scene, arena *mem, cseg_error *err)
{
    one_scene *one = &s->at[scene];
    reading r = {s, scene};
    if (!one->in->labels)
        return CSEG_OK;
    scene_index_options how = {.name = one->in->labels,
                               .h = one->h,
                               .w = one->w,
                               .bytes = 8,
                               .most_cells = ALL_CELLS / s->n > FEWEST_CELLS ? ALL_CELLS / s->n : FEWEST_CELLS,
                               .read = read_labels,
                               .arg = &r,
                               .depends_on = dependence(s, one->in, mem),
                               .stop = s->how.stop,
                               .stop_arg = s->how.stop_arg};
    if (how.depends_on && s->how.cache_dir) {
        char *both = arena_printf(mem, "%s\t%s", one->in->image, one->in->labels);
        how.cache_file =
            both ? arena_printf(mem, "%s/%016llx.index", s->how.cache_dir, str_fnv1a64(both, strlen(both))) : NULL;
        if (!how.cache_file)
            return fail_memory(err);
    }
    return scene_index_make(&how, mem, &one->index, err);
}

/* ---- windows --------------------------------------------------------------------------------------------------- */

/* Whether any pixel in r may count, by the index. */
static bool any_counts(const one_scene *one, region r)
{
    const scene_index *x = &one->index;
    if (!x->cells)
        return true;
    for (int64_t i = r.y / x->side; i <= (r.y + r.h - 1) / x->side; i++)
        for (int64_t k = r.x / x->side; k <= (r.x + r.w - 1) / x->side; k++) {
            const index_cell *c = &x->cells[i * x->columns + k];
            for (uint32_t n = c->first; n < c->first + c->n; n++)
                if (x->counts[n].value != INDEX_NO_DATA)
                    return true;
        }
    return false;
}

/* The windows of the part; those without any data are left out. */
static cseg_status list_windows(scene_set *s, arena *mem, cseg_error *err)
{
    for (int64_t i = 0; i < s->n; i++) {
        const one_scene *one = &s->at[i];
        counted_windows all = {0};
        TRY(regions_windows(&one->parts[s->how.part], one->h, one->w, s->how.crop_h, s->how.crop_w, s->how.context, mem,
                            &all, err));
        for (size_t k = 0; k < all.n; k++) {
            grid_window w = {i, all.at[k]};
            if (any_counts(one, w.window.own) && !vec_push(mem, &s->windows, w))
                return fail_memory(err);
        }
    }
    s->samples = (int64_t)s->windows.n;
    if (s->windows.n)
        return CSEG_OK;
    return fail(err, CSEG_DATA,
                "%s: no pixel with data is in this part: make its share larger%s, or divide in another way",
                s->how.name, s->how.split.by == SPLIT_BLOCKS ? " or the blocks smaller" : "");
}

/* As many crops as fit side by side into what crops can reach. */
static int64_t samples_of(const scene_set *s)
{
    double pixels = 0;
    for (int64_t i = 0; i < s->n; i++)
        pixels += (double)regions_area(&s->at[i].parts[s->how.part]) / (double)(s->at[i].crop_h * s->at[i].crop_w);
    return pixels < 1 ? 1 : pixels > 1e9 ? (int64_t)1e9 : (int64_t)ceil(pixels);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static cseg_status divide(scene_set *s, one_scene *one, arena *mem, cseg_error *err)
{
    scene_split how = s->how.split;
    how.cells = one->cells;
    TRY(regions_split(&how, path_base(one->in->image), one->h, one->w, mem, one->parts, err));
    if (!s->how.draws)
        return CSEG_OK;
    return regions_corners(one->h, one->w, one->crop_h, one->crop_w, one->parts, s->how.gap, mem, &one->corners, err);
}

cseg_status scenes_open(const scene_options *how, const scene_input *inputs, int64_t n, arena *mem, scene_set **out,
                        cseg_error *err)
{
    scene_set *s = ARENA_NEW(mem, scene_set);
    if (!s || !(s->at = ARENA_ARRAY(mem, (size_t)n, one_scene)))
        return fail_memory(err);
    s->how = *how;
    s->n = n;
    s->ignore = how->ignore >= 0 && how->ignore <= 255 ? (uint8_t)how->ignore : 255;
    TRY(scene_pool_new(IDLE_FILES, mem, &s->pool, err));
    for (int64_t i = 0; i < n; i++) {
        s->at[i].in = &inputs[i];
        TRY(open_scene(s, &s->at[i], mem, err));
        TRY(divide(s, &s->at[i], mem, err));
    }
    for (int64_t i = 0; i < n && !how->only_geometry; i++)
        TRY(make_index(s, i, mem, err));
    TRY(report_part(s, mem, err));
    if (how->draws)
        TRY(draw_prepare(s, mem, err));
    else
        TRY(list_windows(s, mem, err));
    if (how->draws)
        s->samples = how->samples ? how->samples : samples_of(s);
    *out = s;
    return CSEG_OK;
}

int64_t scenes_samples(const scene_set *s)
{
    return s->samples;
}

cseg_status scenes_choose(const scene_set *s, int64_t index, rng *random, scene_place *out, cseg_error *err)
{
    if (s->how.draws)
        return draw_crop(s, random, out, err);
    const grid_window *w = &s->windows.at[index];
    *out = (scene_place){w->scene, w->window.at, w->window.own};
    return CSEG_OK;
}

const scene_values *scenes_values(const scene_set *s, int64_t scene)
{
    return s->at[scene].values;
}
