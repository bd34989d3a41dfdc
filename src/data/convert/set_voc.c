/* PASCAL VOC 2012 with the labels of SBD ("aug"). */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/convert/convert_make.h"
#include "io/volume/matlab.h"

static cseg_status decode_sbd(convert_task *t, image *out, cseg_error *err)
{
    matlab_value s, mask;
    TRY(matlab_find(t->bytes, t->n, t->name, "GTcls", t->mem, &s, err));
    TRY(matlab_field(&s, "Segmentation", &mask, err));
    return matlab_u8(&mask, out, err);
}

static const convert_form form_sbd = {.make = convert_whole, .decode = decode_sbd, .ending = ".png", .is_mask = true};

static char *sbd_name(const char *member, arena *mem)
{
    return convert_without(path_base(member), ".mat", mem);
}

static const convert_rule voc_aug[] = {{.source = 1,
                                        .under = "dataset/cls",
                                        .members = "*.mat",
                                        .to = "",
                                        .name = sbd_name,
                                        .form = &form_sbd,
                                        .count = 11355},
                                       {.form = NULL}};

/* ---- lists ----------------------------------------------------------------------------------------------------------
 */

typedef struct names {
    char **at;
    size_t n;
} names;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static cseg_status read_names(const char *root, const char *below, arena *mem, names *out, cseg_error *err)
{
    char *path = path_join(mem, root, below);
    if (!path)
        return fail_memory(err);
    TRY(convert_lines(path, mem, &out->at, &out->n, err));
    if (out->n)
        qsort(out->at, out->n, sizeof *out->at, by_text);
    return CSEG_OK;
}

static bool has(const names *all, char *name)
{
    return all->n && bsearch(&name, all->at, all->n, sizeof *all->at, by_text);
}

/* All of a and b that are neither in c nor in d, each once. */
static bool merge(const names *const from[2], const names *const less[2], arena *mem, names *out)
{
    out->n = 0;
    out->at = ARENA_ARRAY(mem, from[0]->n + from[1]->n + 1, char *);
    if (!out->at)
        return false;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < from[k]->n; i++)
            if (!has(less[0], from[k]->at[i]) && !has(less[1], from[k]->at[i]))
                out->at[out->n++] = from[k]->at[i];
    if (out->n)
        qsort(out->at, out->n, sizeof *out->at, by_text);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (i == 0 || strcmp(out->at[n - 1], out->at[i]) != 0)
            out->at[n++] = out->at[i];
    out->n = n;
    return true;
}

/* trainaug.txt: all that may be trained on; aug.txt: those of them that SBD adds. */
typedef struct lists {
    names trainaug, aug;
} lists;

static cseg_status plan_lists(convert_plan *p, cseg_error *err)
{
    enum { TRAINAUG = 10582 };
    const char *devkit = p->o->sources[0], *aug = p->o->sources[1];
    names sbd_train, sbd_val, train, val, sbd;
    static const names none;
    lists *l = ARENA_NEW(p->mem, lists);
    if (!l)
        return fail_memory(err);
    TRY(read_names(aug, "dataset/train.txt", p->mem, &sbd_train, err));
    TRY(read_names(aug, "dataset/val.txt", p->mem, &sbd_val, err));
    TRY(read_names(devkit, "VOC2012/ImageSets/Segmentation/train.txt", p->mem, &train, err));
    TRY(read_names(devkit, "VOC2012/ImageSets/Segmentation/val.txt", p->mem, &val, err));
    if (!merge((const names *[]){&sbd_train, &sbd_val}, (const names *[]){&none, &none}, p->mem, &sbd) ||
        !merge((const names *[]){&train, &sbd}, (const names *[]){&val, &none}, p->mem, &l->trainaug) ||
        !merge((const names *[]){&none, &sbd}, (const names *[]){&train, &val}, p->mem, &l->aug))
        return fail_memory(err);
    convert_count(p, "trainaug.txt", (int64_t)l->trainaug.n, TRAINAUG);
    convert_count(p, "aug.txt", (int64_t)l->aug.n, TRAINAUG - (int64_t)train.n);
    p->own = l;
    return CSEG_OK;
}

static cseg_status write_lists(convert_plan *p, cseg_error *err)
{
    const lists *l = p->own;
    const char *devkit = p->o->sources[0];
    TRY(convert_write_lines(path_join(p->mem, devkit, "VOC2012/ImageSets/Segmentation/trainaug.txt"), l->trainaug.at,
                            l->trainaug.n, p->mem, err));
    return convert_write_lines(path_join(p->mem, devkit, "VOC2012/ImageSets/Segmentation/aug.txt"), l->aug.at, l->aug.n,
                               p->mem, err);
}

const converter converter_voc_aug = {
    .name = "voc_aug",
    .about = "VOCdevkit and VOCdevkit/VOCaug",
    .sources = {"VOCdevkit", "VOCaug"},
    .one_by_one = true,
    .insists = true,
    .out = "VOC2012/SegmentationClassAug",
    .rules = voc_aug,
    .plan = plan_lists,
    .finish = write_lists,
};
