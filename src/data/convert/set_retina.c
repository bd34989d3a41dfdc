/* Photographs of the retina: DRIVE, STARE, CHASE DB1, HRF, REFUGE. */
#include <ctype.h>
#include <string.h>

#include "base/file.h"
#include "data/convert/convert_make.h"

/* The rules of one source whose first members, by name, are for training and whose others are for validation. */
#define FIRST_FEW(source_, members_, kind_, form_, train_, all_)                                                       \
    {source_,        .members = members_, .until = train_, .to = kind_ "/training", .name = convert_stem,              \
     .form = &form_, .count = train_},                                                                                 \
    {                                                                                                                  \
        source_, .members = members_, .from = train_, .to = kind_ "/validation", .name = convert_stem, .form = &form_, \
                 .count = (all_) - (train_)                                                                            \
    }

/* ---- DRIVE --------------------------------------------------------------------------------------------------------
 */

static char *drive_training_name(const char *member, arena *mem)
{
    char *stem = convert_stem(member, mem);
    return stem ? convert_without(stem, "_training", mem) : NULL;
}

static char *drive_test_name(const char *member, arena *mem)
{
    char *stem = convert_stem(member, mem);
    return stem ? convert_without(stem, "_test", mem) : NULL;
}

/* The test part is also published without labels, and may have a second observer's. */
static const convert_rule drive[] = {{0, .members = "training/images/*", .to = "images/training",
                                      .name = drive_training_name, .form = &convert_form_image, .count = 20},
                                     {0, .members = "training/1st_manual/*", .to = "annotations/training",
                                      .name = convert_stem, .form = &convert_form_vessels, .count = 20},
                                     {1, .members = "test/images/*", .to = "images/validation", .name = drive_test_name,
                                      .form = &convert_form_image, .count = 20},
                                     {1, .members = "test/1st_manual/*", .to = "annotations/validation",
                                      .name = convert_stem, .form = &convert_form_vessels, .count = 20},
                                     {1, .members = "test/2nd_manual/*", .to = "annotations/validation",
                                      .name = convert_stem, .form = &convert_form_vessels},
                                     {.form = NULL}};
const converter converter_drive = {
    .name = "drive",
    .about = "training.zip and test.zip",
    .sources = {"training.zip", "test.zip"},
    .folders = "images/training|images/validation|annotations/training|annotations/validation",
    .rules = drive,
};

/* ---- STARE, CHASE DB1, HRF ----------------------------------------------------------------------------------------
 */

/* im0001.ppm.gz: im0001 */
static char *stare_name(const char *member, arena *mem)
{
    char *name = convert_stem(member, mem);
    return name ? convert_stem(name, mem) : NULL;
}

#define STARE(source_, kind_, form_)                                                                                   \
    {source_, .members = "*", .until = 10, .to = kind_ "/training", .name = stare_name, .form = &form_, .count = 10},  \
    {                                                                                                                  \
        source_, .members = "*", .from = 10, .to = kind_ "/validation", .name = stare_name, .form = &form_,            \
                 .count = 10                                                                                           \
    }
static const convert_rule stare[] = {STARE(0, "images", convert_form_image),
                                     STARE(1, "annotations", convert_form_vessels),
                                     STARE(2, "annotations", convert_form_vessels),
                                     {.form = NULL}};
const converter converter_stare = {
    .name = "stare",
    .about = "stare-images.tar, labels-ah.tar and labels-vk.tar",
    .sources = {"stare-images.tar", "labels-ah.tar", "labels-vk.tar"},
    .insists = true,
    .rules = stare,
};

/* Each image has labels of two observers. */
static const convert_rule chase_db1[] = {FIRST_FEW(0, "*.jpg", "images", convert_form_image, 20, 28),
                                         FIRST_FEW(0, "*.png", "annotations", convert_form_vessels, 40, 56),
                                         {.form = NULL}};
const converter converter_chase_db1 = {
    .name = "chase_db1",
    .about = "CHASEDB1.zip",
    .sources = {"CHASEDB1.zip"},
    .insists = true,
    .rules = chase_db1,
};

static const convert_rule hrf[] = {FIRST_FEW(0, "*", "images", convert_form_image, 5, 15),
                                   FIRST_FEW(1, "*", "annotations", convert_form_vessels, 5, 15),
                                   FIRST_FEW(2, "*", "images", convert_form_image, 5, 15),
                                   FIRST_FEW(3, "*", "annotations", convert_form_vessels, 5, 15),
                                   FIRST_FEW(4, "*", "images", convert_form_image, 5, 15),
                                   FIRST_FEW(5, "*", "annotations", convert_form_vessels, 5, 15),
                                   {.form = NULL}};
const converter converter_hrf = {
    .name = "hrf",
    .about = "healthy.zip, healthy_manualsegm.zip, glaucoma.zip, glaucoma_manualsegm.zip, diabetic_retinopathy.zip and "
             "diabetic_retinopathy_manualsegm.zip",
    .sources = {"healthy.zip", "healthy_manualsegm.zip", "glaucoma.zip", "glaucoma_manualsegm.zip",
                "diabetic_retinopathy.zip", "diabetic_retinopathy_manualsegm.zip"},
    .insists = true,
    .rules = hrf,
};

/* ---- REFUGE -------------------------------------------------------------------------------------------------------
 */

/* White is the background, gray the disc, black the cup. */
static cseg_status map_refuge(image *m, const char *name, cseg_error *err)
{
    (void)name;
    (void)err;
    uint8_t *v = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++) {
        uint8_t x = v[i * m->c];
        v[i] = x == 0 ? 1 : x == 128 ? 2 : x == 255 ? 0 : x;
    }
    m->c = 1;
    return CSEG_OK;
}

static const convert_form refuge_label = {.make = convert_whole, .map = map_refuge, .ending = ".png", .is_mask = true};

/* Whether the folder of member i holds folders: what lies beside them is no data. */
static bool has_folders(const archive *a, size_t i)
{
    const char *name = a->members[i].name;
    size_t n = (size_t)(path_base(name) - name);
    for (size_t k = 0; k < a->n; k++)
        if (strncmp(a->members[k].name, name, n) == 0 && strchr(a->members[k].name + n, '/'))
            return true;
    return false;
}

static cseg_status add_archive(convert_plan *p, const archive *a, const char *mode, bool labels, cseg_error *err)
{
    const char *to = arena_printf(p->mem, "%s/%s", labels ? "annotations" : "images", mode);
    int64_t found = 0;
    if (!to)
        return fail_memory(err);
    for (size_t i = 0; i < a->n; i++) {
        const char *name = a->members[i].name;
        if ((!str_ends(name, ".jpg") && !str_ends(name, ".bmp")) || strstr(name, "Illustration") ||
            strstr(name, "MACOSX") || has_folders(a, i))
            continue;
        TRY(convert_add(p, a, &a->members[i], labels ? &refuge_label : &convert_form_image, to,
                        convert_stem(name, p->mem), err));
        found++;
    }
    convert_count(p, path_base(a->path), found, 400);
    return CSEG_OK;
}

/* An archive's name says what it holds. */
static cseg_status plan_refuge(convert_plan *p, cseg_error *err)
{
    static const char *const modes[] = {"training", "test", "validation"};
    const char *const *paths;
    size_t n;
    TRY(convert_source(p, 0, &paths, &n, err));
    for (size_t i = 0; i < n; i++) {
        const char *base = path_base(paths[i]), *mode = NULL;
        char *lower = arena_strdup(p->mem, base);
        if (!lower)
            return fail_memory(err);
        for (char *at = lower; *at; at++)
            *at = (char)tolower((unsigned char)*at);
        for (int k = 0; k < 3 && !mode; k++)
            mode = strstr(lower, modes[k]) ? modes[k] : NULL;
        if (!mode)
            return fail(err, CSEG_DATA, "%s: its name says neither training, test nor validation; move it elsewhere",
                        paths[i]);
        const archive *a;
        TRY(convert_open(p, paths[i], &a, err));
        TRY(add_archive(p, a, mode, strstr(base, "Anno") || strstr(base, "GT"), err));
    }
    return CSEG_OK;
}

const converter converter_refuge = {
    .name = "refuge",
    .about = "a folder of archives, as REFUGE-Training400.zip and Annotation-Training400.zip",
    .sources = {"*.zip"},
    .folders = "images/training|images/validation|images/test|annotations/training|annotations/validation|"
               "annotations/test",
    .plan = plan_refuge,
};
