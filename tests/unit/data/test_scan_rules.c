/* What heads take and datasets name: which labels are good, and what is said about the others. */
#include "base/log.h"
#include "data/scan/scan.h"

#include "data_test.h"

static char warned[4096];

static void keep(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING)
        snprintf(warned, sizeof warned, "%s", text);
}

/* Labels of c channels whose pixels take these values in turn, all channels alike; and an image of their size. */
static void write_labels(const char *name, int c, int n, const uint8_t *values)
{
    image m;
    assert_int_equal(image_new(8, n, c, IMAGE_U8, &m, &err), CSEG_OK);
    for (int i = 0; i < 8 * n * c; i++)
        ((uint8_t *)m.data)[i] = values[i / c % n];
    assert_int_equal(image_write(in_folder(name), &m, NULL, &err), CSEG_OK);
    image_release(&m);
    write_image("i/a.png", 8, n, 3, 0, 1);
}
#define LABELS(name, c, ...)                                                                                           \
    write_labels(name, c, (int)sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

static const char *const TEXT =
    "dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', img_suffix='.png', "
    "seg_map_suffix='%s', classes=['a', 'b', 'c'], pipeline=[dict(type='LoadAnnotations'"
    "%s)]%s)";

static const dataset *three(const char *suffix, const char *load, const char *more)
{
    return build(arena_printf(mem, TEXT, suffix, load, more));
}

static cseg_status look(const dataset *ds, const scan_rule *rules, int n, bool measured)
{
    scan_options o = {.rules = rules, .n_rules = n, .measured = measured, .threads = 1};
    log_set_sink(keep, NULL);
    warned[0] = 0;
    cseg_status status = scan_labels(ds, &o, mem, NULL, &err);
    log_set_sink(NULL, NULL);
    return status;
}

static void says(const char *part)
{
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
}

static scan_rule head(int64_t n, int64_t ignore)
{
    return (scan_rule){.key = "gt_semantic_seg", .head = "decode_head", .n_labels = n, .ignore_index = ignore};
}

static void the_head_says_what_is_ignored(void **state)
{
    (void)state;
    scan_rule five = head(5, 5), two[] = {head(6, 255), head(3, 255)};
    LABELS("l/a.png", 1, 0, 1, 2, 5);
    const dataset *ds = three(".png", "", "");
    assert_int_equal(look(ds, &five, 1, false), CSEG_OK);
    assert_string_equal(warned, "");
    /* 255 is then a number like any other */
    LABELS("l/a.png", 1, 0, 1, 2, 255);
    assert_int_equal(look(ds, &five, 1, false), CSEG_DATA);
    says("255 in 8 pixels; there are 5 classes for decode_head (0 to 4 in the file), and 5 is ignored");
    /* an ignored class */
    five.ignore_index = 1;
    LABELS("l/a.png", 1, 0, 1, 2, 2);
    assert_int_equal(look(ds, &five, 1, false), CSEG_OK);
    /* all heads of a map must take the label */
    two[1].head = "auxiliary_head";
    LABELS("l/a.png", 1, 0, 1, 2, 3);
    assert_int_equal(look(ds, two, 2, false), CSEG_DATA);
    says("3 in 8 pixels; there are 3 classes for auxiliary_head");
    /* what the model learns without a name of it */
    two[1].n_labels = 4;
    assert_int_equal(look(ds, two, 2, false), CSEG_OK);
    assert_non_null(strstr(warned, "label 3 (in 1 files) is learned by the model"));
}

/* A loss may leave out a label of its own. */
static void a_second_label_is_ignored(void **state)
{
    (void)state;
    scan_rule rule = head(3, 255);
    LABELS("l/a.png", 1, 0, 2, 7, 255);
    const dataset *ds = three(".png", "", "");
    assert_int_equal(look(ds, &rule, 1, false), CSEG_DATA);
    says("7 in 8 pixels; there are 3 classes for decode_head (0 to 2 in the file), and 255 is ignored");
    rule.has_ignored = true;
    rule.ignored = 7;
    assert_int_equal(look(ds, &rule, 1, false), CSEG_OK);
    assert_string_equal(warned, "");
    LABELS("l/a.png", 1, 0, 2, 7, 8);
    assert_int_equal(look(ds, &rule, 1, false), CSEG_DATA);
    says("8 in 8 pixels; there are 3 classes for decode_head (0 to 2 in the file), and 255 is ignored, and 7 too");
}

static void evaluation_counts_by_the_dataset(void **state)
{
    (void)state;
    scan_rule wide = head(19, 255), narrow = head(2, 255), odd = head(3, 5);
    LABELS("l/a.png", 1, 0, 1, 2, 255);
    assert_int_equal(look(three(".png", "", ""), &narrow, 1, true), CSEG_OK); /* c is never predicted, but named */
    assert_string_equal(warned, "");
    LABELS("l/a.png", 1, 0, 1, 7, 255);
    assert_int_equal(look(three(".png", "", ""), &narrow, 1, true), CSEG_DATA);
    says("7 in 8 pixels; there are 3 classes (0 to 2 in the file), and 255 is ignored");
    assert_int_equal(look(three(".png", "", ""), &wide, 1, true), CSEG_OK);
    assert_non_null(strstr(warned, "label 7 (in 1 files) is neither one of the dataset's 3 classes"));
    LABELS("l/a.png", 1, 0, 1, 2, 5);
    assert_int_equal(look(three(".png", "", ""), &odd, 1, true), CSEG_OK);
    assert_non_null(strstr(warned, "label 5 (in 1 files)"));
    assert_int_equal(look(three(".png", "", ", ignore_index=5"), &odd, 1, true), CSEG_OK);
    assert_string_equal(warned, "");
}

/* The mapping is that of the pipeline that loads the file, wherever it stands. */
static void inner_pipelines_are_asked(void **state)
{
    (void)state;
    scan_rule rule = head(3, 255);
    LABELS("l/a.png", 1, 1, 2, 3, 0);
    const char *mix = "dict(type='MultiImageMixDataset', dataset=%s, pipeline=[dict(type='RandomFlip', prob=0.5)])";
    const char *inner = arena_printf(mem, TEXT, ".png", ", reduce_zero_label=True", "");
    assert_int_equal(look(build(arena_printf(mem, mix, inner)), &rule, 1, false), CSEG_OK);
    inner = arena_printf(mem, TEXT, ".png", "", "");
    assert_int_equal(look(build(arena_printf(mem, mix, inner)), &rule, 1, false), CSEG_DATA);
    says("reduce_zero_label=True");
    /* each joined part has its own */
    const char *both =
        arena_printf(mem, "[%s, %s]", arena_printf(mem, TEXT, ".png", ", reduce_zero_label=True", ""), inner);
    assert_int_equal(look(build(both), &rule, 1, false), CSEG_DATA);
    says("3 in 8 pixels");
    /* 0.x measures with what the dataset says, whatever its pipeline does not load */
    const char *text = "dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', img_suffix='.png', "
                       "classes=['a', 'b', 'c'], test_mode=True, pipeline=[dict(type='LoadImageFromFile')]%s)";
    dataset_options old = {.rules = &data_rules_0x};
    assert_int_equal(look(build_with(arena_printf(mem, text, ", reduce_zero_label=True"), &old), &rule, 1, true),
                     CSEG_OK);
    assert_int_equal(look(build_with(arena_printf(mem, text, ""), &old), &rule, 1, true), CSEG_DATA);
}

static void gray_in_many_channels_is_no_colours(void **state)
{
    (void)state;
    scan_rule rule = head(3, 255);
    for (int c = 2; c <= 4; c++) {
        LABELS("l/a.png", c, 0, 1, 2, 2);
        assert_int_equal(look(three(".png", "", ""), &rule, 1, false), CSEG_DATA);
        says(arena_printf(mem, "has %d channels", c));
        says("it is gray");
    }
    write_image("l/a.png", 8, 4, 3, 0, 1);
    assert_int_equal(look(three(".png", "", ""), &rule, 1, false), CSEG_DATA);
    says("these are colours");
    /* and so it says where a sample is loaded */
    sample s;
    LABELS("l/a.png", 3, 0, 1, 2, 2);
    assert_int_equal(dataset_get(three(".png", "", ""), 0, 0, 0, mem, &s, &err), CSEG_DATA);
    says("it is gray");
    sample_release(&s);
}

static void jpeg_is_named_in_every_dataset(void **state)
{
    (void)state;
    scan_rule rule = head(3, 255);
    /* by what it is, not by its name */
    LABELS("l/x.jpg", 1, 0, 90, 200, 2);
    assert_int_equal(rename(in_folder("l/x.jpg"), in_folder("l/a.png")), 0);
    assert_int_equal(look(three(".png", "", ""), &rule, 1, false), CSEG_DATA);
    says("it is a JPEG");
    LABELS("l/a.jpg", 3, 0, 90, 200, 2);
    assert_int_equal(look(three(".jpg", "", ""), &rule, 1, false), CSEG_DATA);
    says("it is a JPEG");
    /* good by chance: one warning */
    LABELS("l/a.jpg", 1, 1, 1, 1, 1);
    assert_int_equal(look(three(".jpg", "", ""), &rule, 1, false), CSEG_OK);
    assert_non_null(strstr(warned, "1 label files are JPEGs"));
    /* pairs' masks of 0 and 255 stand it */
    write_image("A/a.jpg", 8, 4, 3, 0, 1);
    write_image("B/a.jpg", 8, 4, 3, 0, 1);
    LABELS("label/a.jpg", 1, 0, 0, 255, 255);
    const char *pairs = "dict(type='BaseCDDataset', data_root='@', data_prefix=dict(img_path='A', img_path2='B', "
                        "seg_map_path='label'), seg_map_suffix='.jpg', metainfo=dict(classes=['a', 'b'])%s, "
                        "pipeline=[dict(type='LoadAnnotations')])";
    rule.n_labels = 2;
    assert_int_equal(look(build(arena_printf(mem, pairs, ", format_seg_map='to_binary'")), &rule, 1, false), CSEG_OK);
    assert_string_equal(warned, "");
    assert_int_equal(look(build(arena_printf(mem, pairs, "")), &rule, 1, false), CSEG_DATA);
}

static void sizes_of_weights_and_second_dates_are_compared(void **state)
{
    (void)state;
    scan_rule rule = head(3, 255);
    LABELS("l/a.png", 1, 0, 1, 2, 2);
    write_image("w/a.png", 8, 5, 1, 0, 0);
    assert_int_equal(look(three(".png", "", ", weight_dir='w'"), &rule, 1, false), CSEG_SHAPE);
    says("w/a.png is 8x5 (height x width), its image");
    write_image("w/a.png", 8, 4, 1, 0, 0);
    assert_int_equal(look(three(".png", "", ", weight_dir='w'"), &rule, 1, false), CSEG_OK);
    write_image("A/a.png", 8, 4, 3, 0, 1);
    write_image("B/a.png", 9, 4, 3, 0, 1);
    const dataset *ds = build("dict(type='BaseCDDataset', data_root='@', data_prefix=dict(img_path='A', img_path2='B', "
                              "seg_map_path='l'), img_suffix='.png', metainfo=dict(classes=['a', 'b', 'c']), "
                              "pipeline=[dict(type='LoadAnnotations')])");
    assert_int_equal(look(ds, &rule, 1, false), CSEG_SHAPE);
    says("B/a.png is 9x4 (height x width), the first date's");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_head_says_what_is_ignored),
        TEST(a_second_label_is_ignored),
        TEST(evaluation_counts_by_the_dataset),
        TEST(inner_pipelines_are_asked),
        TEST(gray_in_many_channels_is_no_colours),
        TEST(jpeg_is_named_in_every_dataset),
        TEST(sizes_of_weights_and_second_dates_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
