/* Aerial images: LoveDA, Potsdam, Vaihingen, iSAID, LEVIR-CD. */
#include <string.h>

#include "base/file.h"
#include "data/convert/convert_make.h"

/* ---- LoveDA -------------------------------------------------------------------------------------------------------
 */

#define LOVEDA(source_, members_, to_, form_, count_)                                                                  \
    {                                                                                                                  \
        .source = source_, .members = members_, .to = to_, .form = &form_, .count = count_                             \
    }
static const convert_rule loveda[] = {
    LOVEDA(0, "Train/Rural/images_png/*", "img_dir/train", convert_form_copy, 1366),
    LOVEDA(0, "Train/Urban/images_png/*", "img_dir/train", convert_form_copy, 1156),
    LOVEDA(0, "Train/Rural/masks_png/*", "ann_dir/train", convert_form_copied_mask, 1366),
    LOVEDA(0, "Train/Urban/masks_png/*", "ann_dir/train", convert_form_copied_mask, 1156),
    LOVEDA(1, "Val/Rural/images_png/*", "img_dir/val", convert_form_copy, 992),
    LOVEDA(1, "Val/Urban/images_png/*", "img_dir/val", convert_form_copy, 677),
    LOVEDA(1, "Val/Rural/masks_png/*", "ann_dir/val", convert_form_copied_mask, 992),
    LOVEDA(1, "Val/Urban/masks_png/*", "ann_dir/val", convert_form_copied_mask, 677),
    LOVEDA(2, "Test/Rural/images_png/*", "img_dir/test", convert_form_copy, 976),
    LOVEDA(2, "Test/Urban/images_png/*", "img_dir/test", convert_form_copy, 820),
    {.form = NULL}};
const converter converter_loveda = {
    .name = "loveda",
    .about = "Train.zip, Val.zip and Test.zip",
    .sources = {"Train.zip", "Val.zip", "Test.zip"},
    .rules = loveda,
};

/* ---- ISPRS: Potsdam, Vaihingen ------------------------------------------------------------------------------------
 */

/* Six colours become 1 to 6, others 0. As in the reference, a colour is known by 2 blue + 3 green + 4 red alone. */
static cseg_status map_isprs(image *m, const char *name, cseg_error *err)
{
    static const uint8_t colours[][3] = {/* blue, green, red */
                                         {255, 255, 255}, {255, 0, 0},   {255, 255, 0},
                                         {0, 255, 0},     {0, 255, 255}, {0, 0, 255}};
    (void)name;
    (void)err;
    uint8_t *v = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++) {
        const uint8_t *p = v + i * m->c;
        int sum = 2 * p[0] + 3 * p[1] + 4 * p[2], label = 0;
        for (int k = 0; k < 6; k++)
            if (sum == 2 * colours[k][0] + 3 * colours[k][1] + 4 * colours[k][2])
                label = k + 1;
        v[i] = (uint8_t)label;
    }
    m->c = 1;
    return CSEG_OK;
}

static const convert_form isprs_image = {.make = convert_clips, .ending = ".png"};
static const convert_form isprs_label = {.make = convert_clips, .map = map_isprs, .ending = ".png", .is_mask = true};

/* "train" for those of the list, which are separated by spaces, else "val". */
static const char *split_by(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == n && memcmp(at, name, n) == 0)
            return "train";
        at += word;
    }
    return "val";
}

/* The i-th part of a name between underscores; "" if there are fewer. */
static const char *part_of(const char *name, int i, size_t *n)
{
    for (; i > 0 && *name; i--)
        name += strcspn(name, "_") + (name[strcspn(name, "_")] == '_');
    *n = strcspn(name, "_");
    return name;
}

/* top_potsdam_2_10_RGB.tif: 2_10 */
static char *potsdam_name(const char *member, arena *mem)
{
    size_t a, b;
    const char *row = part_of(path_base(member), 2, &a), *column = part_of(path_base(member), 3, &b);
    return arena_printf(mem, "%.*s_%.*s", (int)a, row, (int)b, column);
}

static const char *potsdam_split(const char *name)
{
    return split_by("2_10 2_11 2_12 3_10 3_11 3_12 4_10 4_11 4_12 5_10 5_11 5_12 6_10 6_11 6_12 6_7 6_8 6_9 7_10 7_11 "
                    "7_12 7_7 7_8 7_9",
                    name);
}

/* Files lie at the archive's root or in its one folder. */
static const convert_rule potsdam[] = {{.members = "*.tif|*/*.tif",
                                        .without = "label",
                                        .to = "img_dir",
                                        .split = potsdam_split,
                                        .name = potsdam_name,
                                        .form = &isprs_image,
                                        .count = 38},
                                       {.members = "*.tif|*/*.tif",
                                        .with = "label",
                                        .to = "ann_dir",
                                        .split = potsdam_split,
                                        .name = potsdam_name,
                                        .form = &isprs_label,
                                        .count = 38},
                                       {.form = NULL}};
const converter converter_potsdam = {
    .name = "potsdam",
    .about = "a folder of 2_Ortho_RGB.zip and 5_Labels_all_noBoundary.zip",
    .sources = {"*.zip"},
    .folders = "img_dir/train|img_dir/val|ann_dir/train|ann_dir/val",
    .clip = 512,
    .rules = potsdam,
};

/* top_mosaic_09cm_area1.tif: area1. As Python's strip('.tif') does, these letters go at both ends. */
static char *vaihingen_name(const char *member, arena *mem)
{
    static const char letters[] = ".tif";
    size_t n;
    const char *area = part_of(path_base(member), 3, &n);
    while (n && strchr(letters, area[n - 1]))
        n--;
    while (n && strchr(letters, *area)) {
        area++;
        n--;
    }
    return arena_strndup(mem, area, n);
}

static const char *vaihingen_split(const char *name)
{
    return split_by("area1 area11 area13 area15 area17 area21 area23 area26 area28 area3 area30 area32 area34 area37 "
                    "area5 area7",
                    name);
}

/* There is no image of area9. */
static const convert_rule vaihingen[] = {{.source = 1,
                                          .members = "top/*.tif",
                                          .to = "img_dir",
                                          .split = vaihingen_split,
                                          .name = vaihingen_name,
                                          .form = &isprs_image,
                                          .count = 33},
                                         {.source = 0,
                                          .members = "*.tif",
                                          .with = "noBoundary",
                                          .without = "area9",
                                          .to = "ann_dir",
                                          .split = vaihingen_split,
                                          .name = vaihingen_name,
                                          .form = &isprs_label,
                                          .count = 33},
                                         {.form = NULL}};
const converter converter_vaihingen = {
    .name = "vaihingen",
    .about = "ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE.zip and "
             "ISPRS_semantic_labeling_Vaihingen.zip",
    .sources = {"*ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE*.zip",
                "*ISPRS_semantic_labeling_Vaihingen*.zip"},
    .folders = "img_dir/train|img_dir/val|ann_dir/train|ann_dir/val",
    .clip = 512,
    .rules = vaihingen,
};

/* ---- iSAID --------------------------------------------------------------------------------------------------------
 */

/* Other colours are 0. */
static cseg_status map_isaid(image *m, const char *name, cseg_error *err)
{
    static const uint8_t colours[16][3] = {/* red, green, blue */
                                           {0, 0, 0},     {0, 0, 63},    {0, 63, 63},   {0, 63, 0},
                                           {0, 63, 127},  {0, 63, 191},  {0, 63, 255},  {0, 127, 63},
                                           {0, 127, 127}, {0, 0, 127},   {0, 0, 191},   {0, 0, 255},
                                           {0, 191, 127}, {0, 127, 191}, {0, 127, 255}, {0, 100, 155}};
    (void)name;
    (void)err;
    uint8_t *v = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++) {
        const uint8_t *p = v + i * m->c;
        int label = 0;
        for (int k = 1; k < 16; k++)
            if (p[2] == colours[k][0] && p[1] == colours[k][1] && p[0] == colours[k][2])
                label = k;
        v[i] = (uint8_t)label;
    }
    m->c = 1;
    return CSEG_OK;
}

/* P0003_instance_color_RGB.png: P0003 */
static char *isaid_label_name(const char *member, arena *mem)
{
    const char *base = path_base(member);
    return arena_strndup(mem, base, strcspn(base, "._"));
}

static const convert_form isaid_image = {.make = convert_patches, .ending = ".png"};
static const convert_form isaid_label = {
    .make = convert_patches, .map = map_isaid, .ending = "_instance_color_RGB.png", .is_mask = true, .pad = 255};
static const convert_rule isaid[] = {
    {0, .members = "images/*.png", .to = "img_dir/train", .name = convert_first, .form = &isaid_image, .count = 1411},
    {1, .members = "images/*.png", .to = "img_dir/val", .name = convert_first, .form = &isaid_image, .count = 458},
    {2, .members = "images/*.png", .to = "img_dir/test", .form = &convert_form_copy, .count = 937},
    {3, .members = "images/*.png", .to = "ann_dir/train", .name = isaid_label_name, .form = &isaid_label,
     .count = 1411},
    {4, .members = "images/*.png", .to = "ann_dir/val", .name = isaid_label_name, .form = &isaid_label, .count = 458},
    {.form = NULL}};
const converter converter_isaid = {
    .name = "isaid",
    .about = "train/images/*.zip, val/images/*.zip, test/images/*.zip, train/Semantic_masks/*.zip and "
             "val/Semantic_masks/*.zip",
    .sources = {"train/images/*.zip", "val/images/*.zip", "test/images/*.zip", "train/Semantic_masks/*.zip",
                "val/Semantic_masks/*.zip"},
    .folders = "img_dir/train|img_dir/val|img_dir/test|ann_dir/train|ann_dir/val|ann_dir/test",
    .cuts_patches = true,
    .rules = isaid,
};

/* ---- LEVIR-CD -----------------------------------------------------------------------------------------------------
 */

/* 255 becomes 1, in the first channel, which is the label. */
static cseg_status map_levircd(image *m, const char *name, cseg_error *err)
{
    (void)name;
    (void)err;
    uint8_t *v = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++)
        v[i] = v[i * m->c] == 255 ? 1 : v[i * m->c];
    m->c = 1;
    return CSEG_OK;
}

static const convert_form levircd_image = {.make = convert_clips, .ending = ".png"};
static const convert_form levircd_label = {
    .make = convert_clips, .map = map_levircd, .ending = ".png", .is_mask = true};
static const convert_rule levircd[] = {{0, .members = "**.png", .without = "label", .to = "",
                                        .name = convert_path_first, .form = &levircd_image, .count = 1274},
                                       {0, .members = "**.png", .with = "label", .to = "", .name = convert_path_first,
                                        .form = &levircd_label, .count = 637},
                                       {.form = NULL}};
const converter converter_levircd = {
    .name = "levircd",
    .about = "the folder of train/, val/ and test/, with A/, B/ and label/ in each",
    .sources = {""},
    .one_by_one = true,
    .apart = true,
    .clip = 256,
    .rules = levircd,
};
