/* Synapse, computed tomographies of the abdomen: slices of volumes, with the nine classes of TransUNet. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "data/convert/convert_make.h"
#include "io/volume/nifti.h"

/* A rectangle of pixels: row i of the slice is the volume's i, its columns are j from the far end. */
typedef uint8_t pixel_of(double v);

/* From -125 to 275 Hounsfield units. float32 as in the reference, where the fraction is cut off. */
static uint8_t image_pixel(double v)
{
    double x = v < -125.0 ? -125.0 : v > 275.0 ? 275.0 : v;
    float f = (float)((x + 125.0) / 400.0 * 255.0);
    return f <= 0.0F || isnan(f) ? 0 : f >= 255.0F ? 255 : (uint8_t)f;
}

static uint8_t label_pixel(double v)
{
    static const uint8_t to[] = {0, 7, 4, 3, 2, 0, 5, 8, 1, 0, 0, 6};
    return v >= 0.0 && v <= 11.0 && v == floor(v) ? to[(int)v] : 0;
}

static void fill_slice(const nifti *v, int64_t k, pixel_of *of, image *m)
{
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++)
            memset(image_u8(m, y, x), of(nifti_at(v, y, m->w - 1 - x, k)), (size_t)m->c);
}

/* One file a slice: OUT_slice000.jpg and so on. */
static cseg_status make_slices(convert_task *t, cseg_error *err)
{
    const convert_form *f = t->job->form;
    int stem = (int)(strlen(t->job->out) - strlen(f->ending));
    nifti v;
    image m = {0};
    cseg_status status = CSEG_OK;
    TRY(convert_read(t, err));
    TRY(nifti_open(t->bytes, t->n, t->name, &v, err));
    TRY(image_check_size(v.size[0], v.size[1], 3, IMAGE_U8, t->name, err));
    TRY_DONE(image_new(v.size[0], v.size[1], f->is_mask ? 1 : 3, IMAGE_U8, &m, err));
    for (int64_t k = 0; k < v.size[2]; k++) {
        char *path = arena_printf(t->mem, "%.*s_slice%03lld%s", stem, t->job->out, (long long)k, f->ending);
        if (!path) {
            status = fail_memory(err);
            goto done;
        }
        if (convert_has(t, path))
            continue;
        fill_slice(&v, k, f->is_mask ? label_pixel : image_pixel, &m);
        TRY_DONE(convert_write(t, path, &m, &(image_save){.quality = 75}, err));
    }
done:
    image_release(&m);
    return status;
}

static const convert_form slices = {.make = make_slices, .ending = ".jpg"};
static const convert_form label_slices = {.make = make_slices, .ending = ".png", .is_mask = true};

static cseg_status add_volume(convert_plan *p, const char *kind, const char *id, const convert_form *form,
                              const char *to, cseg_error *err)
{
    char *dir = path_join(p->mem, p->o->sources[0], kind), *name = arena_printf(p->mem, "%s%s.nii.gz", kind, id);
    const archive *a;
    if (!dir || !name)
        return fail_memory(err);
    TRY(convert_open(p, dir, &a, err));
    const archive_member *m = archive_find(a, name);
    if (!m)
        return fail(err, CSEG_NOT_FOUND, "%s: holds no %s, which the lists name", dir, name);
    char zeros[5] = "0000";
    zeros[strlen(id) < 4 ? 4 - strlen(id) : 0] = 0;
    return convert_add(p, a, m, form, to, arena_printf(p->mem, "case%s%s", zeros, id), err);
}

/* Lines as img0005.nii.gz: their characters 4 to 7 are the number. */
static cseg_status plan_list(convert_plan *p, const char *list, const char *split, int64_t count, cseg_error *err)
{
    char *path = path_join(p->mem, p->o->sources[0], list), **lines;
    char *image_to = arena_printf(p->mem, "img_dir/%s", split), *label_to = arena_printf(p->mem, "ann_dir/%s", split);
    size_t n;
    if (!path || !image_to || !label_to)
        return fail_memory(err);
    TRY(convert_lines(path, p->mem, &lines, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (strlen(lines[i]) < 4)
            return fail(err, CSEG_CORRUPT, "%s: line %zu, '%s', is no name as img0005.nii.gz", path, i + 1, lines[i]);
        char *id = arena_strndup(p->mem, lines[i] + 3, strnlen(lines[i] + 3, 4));
        if (!id)
            return fail_memory(err);
        TRY(add_volume(p, "img", id, &slices, image_to, err));
        TRY(add_volume(p, "label", id, &label_slices, label_to, err));
    }
    convert_count(p, list, (int64_t)n, count);
    return CSEG_OK;
}

static cseg_status plan_synapse(convert_plan *p, cseg_error *err)
{
    TRY(plan_list(p, "train.txt", "train", 18, err));
    return plan_list(p, "val.txt", "val", 12, err);
}

const converter converter_synapse = {
    .name = "synapse",
    .about = "the folder of img/, label/, train.txt and val.txt",
    .sources = {""},
    .one_by_one = true,
    .folders = "img_dir/train|img_dir/val|ann_dir/train|ann_dir/val",
    .plan = plan_synapse,
};
