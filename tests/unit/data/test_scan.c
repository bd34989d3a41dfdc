/* The look at all labels before training. */
#include "data/scan/scan.h"

#include "data_test.h"

/* n images a, b, c ... of 4 x 5, and labels whose pixels go from `start` in steps. */
static void make(int n, int start, int step)
{
    for (int i = 0; i < n; i++) {
        write_image(arena_printf(mem, "i/%c.png", 'a' + i), 4, 5, 3, 0, 1);
        write_image(arena_printf(mem, "l/%c.png", 'a' + i), 4, 5, 1, start, step);
    }
}

static const char *const PLAIN =
    "dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', "
    "img_suffix='.png', classes=['a', 'b', 'c'], pipeline=[dict(type='LoadAnnotations'%s)]%s)";

static const dataset *plain(const char *more)
{
    return build(arena_printf(mem, PLAIN, "", more));
}

static cseg_status look(const dataset *ds, const char *cache, scan_report *report)
{
    scan_options options = {.threads = 3, .cache_file = cache};
    return scan_labels(ds, &options, mem, report, &err);
}

static void expect(cseg_status got, cseg_status status, const char *const *parts)
{
    assert_int_equal(got, status);
    for (; *parts; parts++)
        if (!strstr(err.text, *parts))
            fail_msg("'%s' is not in: %s", *parts, err.text);
}
#define EXPECT(got, status, ...) expect(got, status, (const char *const[]){__VA_ARGS__, NULL})

/* Labels of the given values, four pixels each. */
static void write_values(const char *name, const uint8_t *values, int n)
{
    image m;
    assert_int_equal(image_new(4, n, 1, IMAGE_U8, &m, &err), CSEG_OK);
    for (int i = 0; i < 4 * n; i++)
        ((uint8_t *)m.data)[i] = values[i % n];
    assert_int_equal(image_write(in_folder(name), &m, NULL, &err), CSEG_OK);
    image_release(&m);
}
#define VALUES(name, ...)                                                                                              \
    write_values(name, (const uint8_t[]){__VA_ARGS__}, (int)sizeof((const uint8_t[]){__VA_ARGS__}))

/* One image and one label of these values. */
#define ONE(...)                                                                                                       \
    do {                                                                                                               \
        write_image("i/a.png", 4, (int)sizeof((const uint8_t[]){__VA_ARGS__}), 3, 0, 1);                               \
        VALUES("l/a.png", __VA_ARGS__);                                                                                \
    } while (0)

static void good_labels_are_counted(void **state)
{
    (void)state;
    scan_report r;
    ONE(0, 1, 1, 2, 255);
    write_image("i/b.png", 4, 2, 3, 0, 1);
    VALUES("l/b.png", 1, 255);
    assert_int_equal(look(plain(""), NULL, &r), CSEG_OK);
    assert_int_equal(r.files, 2);
    assert_int_equal(r.cached, 0);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.pixels[0], 4);
    assert_int_equal(r.pixels[1], 12);
    assert_int_equal(r.pixels[2], 4);
    assert_int_equal(r.ignored, 8);
}

static void wrong_values_are_named_with_file_and_count(void **state)
{
    (void)state;
    make(4, 0, 0);
    VALUES("l/b.png", 0, 1, 7, 7, 9);
    VALUES("l/d.png", 8, 0, 0, 0, 0);
    EXPECT(look(plain(""), NULL, NULL), CSEG_DATA, "/l/b.png: 7 in 8 pixels, 9 in 4 pixels",
           "there are 3 classes (0 to 2", "255 is ignored", "2 of 4 label files are wrong");
    EXPECT(look(plain(", ignore_index=7"), NULL, NULL), CSEG_DATA, "/l/b.png: 9 in 4 pixels;");
}

static void causes_are_guessed(void **state)
{
    (void)state;
    ONE(0, 255, 255, 0);
    EXPECT(look(plain(""), NULL, NULL), CSEG_DATA, "hold 0 and 255 only", "write 1 for 255");
    EXPECT(look(plain(", ignore_index=254"), NULL, NULL), CSEG_DATA, "255 in 8 pixels", "write 1 for 255");
    const scan_options measured = {.threads = 1, .measured = true};
    EXPECT(scan_labels(plain(", test_mode=True"), &measured, mem, NULL, &err), CSEG_DATA,
           "nothing but class 0 to measure", "write 1 for 255");
    ONE(1, 2, 3);
    EXPECT(look(plain(""), NULL, NULL), CSEG_DATA, "3 in 4 pixels", "counted from 1", "reduce_zero_label=True");
    ONE(0, 1, 2, 3);
    EXPECT(look(plain(""), NULL, NULL), CSEG_DATA, "3 in 4 pixels", "may be counted from 1");
    ONE(0, 10, 20);
    EXPECT(look(plain(""), NULL, NULL), CSEG_DATA, "10 in 4 pixels, 20 in 4 pixels", "times a factor");
    make(1, 0, 9);
    write_image("i/a.png", 10, 10, 3, 0, 1);
    write_image("l/a.png", 10, 10, 1, 0, 7);
    EXPECT(look(plain(""), NULL, NULL), CSEG_DATA, "gray levels", "more values");
    write_image("l/a.png", 10, 10, 3, 0, 7);
    EXPECT(look(plain(""), NULL, NULL), CSEG_DATA, "l/a.png has 3 channels", "these are colours");
}

/* The same values before and after what the pipeline makes of them. */
static void mapping_is_done_before_judging(void **state)
{
    (void)state;
    scan_report r;
    const char *zero = ", reduce_zero_label=True";
    ONE(0, 1, 2, 3);
    assert_int_equal(look(build(arena_printf(mem, PLAIN, zero, "")), NULL, &r), CSEG_OK);
    assert_int_equal(r.ignored, 4);
    assert_int_equal(r.pixels[2], 4);
    /* in 1.x the dataset's word is enough */
    const char *old = "dict(type='PotsdamDataset', img_dir='@/i', ann_dir='@/l', classes=['tree', 'building'], "
                      "pipeline=[dict(type='LoadAnnotations'%s)])";
    const char *new_ = "dict(type='PotsdamDataset', data_prefix=dict(img_path='@/i', seg_map_path='@/l'), "
                       "metainfo=dict(classes=['tree', 'building']), pipeline=[dict(type='LoadAnnotations')])";
    ONE(0, 1, 2, 4, 4, 255);
    assert_int_equal(look(build(new_), NULL, &r), CSEG_OK);
    assert_int_equal(r.pixels[0], 8); /* tree: 4 in the file */
    assert_int_equal(r.pixels[1], 4); /* building: 2 */
    assert_int_equal(r.ignored, 12);  /* 0, 255, and impervious_surface, which was not chosen */
    /* 0.x maps first, then reduces if the pipeline says so: 3 (tree) becomes 0, then ignored */
    ONE(3, 1, 1, 1);
    assert_int_equal(look(build(arena_printf(mem, old, "")), NULL, &r), CSEG_OK);
    assert_int_equal(r.pixels[0], 4);
    assert_int_equal(r.pixels[1], 12);
    assert_int_equal(look(build(arena_printf(mem, old, zero)), NULL, &r), CSEG_OK);
    assert_int_equal(r.ignored, 4);
    assert_int_equal(r.pixels[0], 12);
}

static void change_masks_of_255_are_told_the_way_out(void **state)
{
    (void)state;
    scan_report r;
    const char *text = "dict(type='LEVIRCDDataset', data_root='@'%s)",
               *plainly = ", pipeline=[dict(type='LoadAnnotations')]";
    write_image("A/x.png", 4, 4, 3, 0, 1);
    write_image("B/x.png", 4, 4, 3, 0, 1);
    VALUES("label/x.png", 0, 255, 0, 0);
    EXPECT(look(build(arena_printf(mem, text, plainly)), NULL, NULL), CSEG_DATA, "format_seg_map='to_binary'");
    const char *binary = ", format_seg_map='to_binary', pipeline=[dict(type='LoadAnnotations')]";
    assert_int_equal(look(build(arena_printf(mem, text, binary)), NULL, &r), CSEG_OK);
    assert_int_equal(r.pixels[0], 12);
    assert_int_equal(r.pixels[1], 4);
    /* Open-CD's loaders make gray levels of colours, 0.x's LoadAnnotations does not */
    write_image("label/x.png", 4, 4, 3, 255, 0);
    EXPECT(look(build(arena_printf(mem, text, binary)), NULL, NULL), CSEG_DATA, "3 channels");
    const char *gray = ", format_seg_map='to_binary', pipeline=[dict(type='MultiImgLoadAnnotations')]";
    assert_int_equal(look(build(arena_printf(mem, text, gray)), NULL, &r), CSEG_OK);
}

/* Open-CD's semantic change: what the two dates show has 0 for what did not change. */
static void dates_have_a_zero_of_their_own(void **state)
{
    (void)state;
    const scan_rule rules[] = {
        {.key = "gt_semantic_seg_from", .head = "extra_head", .n_labels = 6, .ignore_index = 255},
        {.key = "gt_semantic_seg", .head = "decode_head", .n_labels = 2, .ignore_index = 255}};
    scan_options o = {.rules = rules, .n_rules = 2, .threads = 1};
    scan_report r;
    sample s;
    const char *text =
        "dict(type='SECOND_Dataset', data_root='@', data_prefix=dict(img_path_from='i', img_path_to='i', "
        "seg_map_path='l', seg_map_path_from='f', seg_map_path_to='f')%s, pipeline=[dict(type="
        "'MultiImgLoadImageFromFile'), dict(type='MultiImgMultiAnnLoadAnnotations')])";
    ONE(0, 1, 0);
    VALUES("f/a.png", 0, 6, 1);
    const dataset *ds = build(arena_printf(mem, text, ""));
    assert_int_equal(scan_labels(ds, &o, mem, &r, &err), CSEG_OK);
    assert_int_equal(r.files, 3); /* two maps, and the second date's size */
    assert_int_equal(r.pixels[5], 4);
    assert_int_equal(r.pixels[0], 4);
    assert_int_equal(r.ignored, 4);
    /* and so the samples have it */
    const uint8_t change[] = {0, 1, 0}, from[] = {255, 5, 0};
    assert_int_equal(dataset_get(ds, 0, 0, 0, mem, &s, &err), CSEG_OK);
    assert_int_equal(sample_settle(&s, &err), CSEG_OK);
    assert_memory_equal(sample_find(&s, "gt_semantic_seg")->map.data, change, 3);
    assert_memory_equal(sample_find(&s, "gt_semantic_seg_from")->map.data, from, 3);
    sample_release(&s);
    EXPECT(scan_labels(build(arena_printf(mem, text, ", reduce_semantic_zero_label=False")), &o, mem, &r, &err),
           CSEG_DATA, "f/a.png: 6 in 4 pixels");
}

static void keys_are_looked_at_as_their_heads_see_them(void **state)
{
    (void)state;
    ONE(0, 1, 2);
    const dataset *ds = build("dict(type='CustomDataset', data_root='@', img_dir='i', img_suffix='.png', ann_dir="
                              "dict(gt_semantic_seg='l', gt_edge='e'), classes=['a', 'b', 'c'], "
                              "pipeline=[dict(type='LoadAnnotations')])");
    const scan_rule rules[] = {{.key = "gt_edge", .head = "auxiliary_head", .n_labels = 2, .ignore_index = 255},
                               {.key = "gt_semantic_seg", .head = "decode_head", .n_labels = 3, .ignore_index = 255}};
    scan_options o = {.rules = rules, .n_rules = 2, .threads = 1};
    scan_report r;
    VALUES("e/a.png", 0, 1, 1);
    assert_int_equal(scan_labels(ds, &o, mem, &r, &err), CSEG_OK);
    assert_int_equal(r.files, 2);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.pixels[1], 8); /* of the first key */
    VALUES("e/a.png", 0, 1, 2);
    EXPECT(scan_labels(ds, &o, mem, &r, &err), CSEG_DATA, "/e/a.png: 2 in 4 pixels",
           "2 classes for auxiliary_head (0 to 1 in the file)");
    o.n_rules = 0; /* only gt_semantic_seg */
    assert_int_equal(scan_labels(ds, &o, mem, &r, &err), CSEG_OK);
    assert_int_equal(r.files, 1);
}

static void sizes_and_damage_are_found(void **state)
{
    (void)state;
    make(3, 0, 0);
    write_image("l/b.png", 5, 4, 1, 0, 0);
    EXPECT(look(plain(""), NULL, NULL), CSEG_SHAPE, "l/b.png is 5x4 (height x width), its image", "i/b.png is 4x5");
    write_text("l/a.png", "\x89PNG\r\n\x1a\nnonsense");
    EXPECT(look(plain(""), NULL, NULL), CSEG_CORRUPT, "l/a.png");
    unlink(in_folder("l/a.png"));
    EXPECT(look(plain(""), NULL, NULL), CSEG_NOT_FOUND, "l/a.png");
    make(1, 0, 0);
    unlink(in_folder("i/a.png"));
    write_text("list.txt", "a\nc\n");
    EXPECT(look(plain(", split='list.txt'"), NULL, NULL), CSEG_NOT_FOUND, "i/a.png");
}

static void the_cache_is_believed_while_files_stay(void **state)
{
    (void)state;
    scan_report first, second;
    char *text;
    size_t n;
    const char *cache = arena_printf(mem, "%s/work/labels.txt", folder);
    make(3, 0, 0);
    ONE(0, 1, 2, 255, 2);
    assert_int_equal(look(plain(""), cache, &first), CSEG_OK);
    assert_int_equal(look(plain(""), cache, &second), CSEG_OK);
    assert_int_equal(first.cached, 0);
    assert_int_equal(second.cached, 3);
    assert_memory_equal(first.pixels, second.pixels, 3 * sizeof *first.pixels);
    assert_int_equal(first.ignored, second.ignored);
    /* another config finds what is wrong for it in the same cache */
    EXPECT(look(plain(", ignore_index=254"), cache, NULL), CSEG_DATA, "255 in 4 pixels");
    /* what changed is read again */
    VALUES("l/b.png", 0, 0, 0, 0, 5);
    EXPECT(look(plain(""), cache, NULL), CSEG_DATA, "/l/b.png: 5 in 4 pixels");
    make(3, 0, 0);
    assert_int_equal(look(plain(""), cache, &second), CSEG_OK);
    assert_int_equal(second.cached, 0);
    /* a damaged cache is made anew */
    assert_int_equal(file_read(cache, 0, mem, &text, &n, &err), CSEG_OK);
    char *changed = arena_strndup(mem, text, n);
    for (size_t i = 0; i < n; i += 13) {
        changed[i] ^= 0x15;
        write_text("work/labels.txt", changed);
        assert_int_equal(look(plain(""), cache, &second), CSEG_OK);
        assert_int_equal(second.pixels[0], 60);
        changed[i] = 0;
        write_text("work/labels.txt", changed);
        assert_int_equal(look(plain(""), cache, &second), CSEG_OK);
        assert_int_equal(second.pixels[0], 60);
        changed[i] = text[i];
    }
    /* a cache that cannot be written is no failure */
    assert_int_equal(look(plain(""), "/proc/nowhere/labels.txt", &second), CSEG_OK);
}

static void datasets_share_a_cache(void **state)
{
    (void)state;
    scan_report r;
    const char *cache = arena_printf(mem, "%s/work/labels.txt", folder);
    make(4, 0, 0);
    write_text("1.txt", "a\nb\n");
    write_text("2.txt", "c\nd\n");
    assert_int_equal(look(plain(", split='1.txt'"), cache, &r), CSEG_OK);
    assert_int_equal(look(plain(", split='2.txt'"), cache, &r), CSEG_OK);
    assert_int_equal(r.cached, 0);
    assert_int_equal(look(plain(", split='1.txt'"), cache, &r), CSEG_OK);
    assert_int_equal(r.cached, 2);
    assert_int_equal(look(plain(""), cache, &r), CSEG_OK);
    assert_int_equal(r.cached, 4);
}

static void files_that_come_twice_are_read_once(void **state)
{
    (void)state;
    scan_report r;
    make(2, 0, 0);
    const char *one = arena_printf(mem, PLAIN, "", "");
    const dataset *ds = build(arena_printf(mem,
                                           "dict(type='ConcatDataset', datasets=[dict(type='RepeatDataset', "
                                           "times=3, dataset=%s), %s])",
                                           one, one));
    assert_int_equal(dataset_count(ds), 8);
    assert_int_equal(look(ds, NULL, &r), CSEG_OK);
    assert_int_equal(r.files, 2);
    assert_int_equal(r.pixels[0], 40);
}

static bool at_once(void *arg)
{
    (*(int *)arg)++;
    return true;
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    int asked = 0;
    make(3, 7, 0);
    scan_options o = {.threads = 2, .stop = at_once, .stop_arg = &asked};
    assert_int_equal(scan_labels(plain(""), &o, mem, NULL, &err), CSEG_INTERRUPTED);
    assert_int_equal(asked, 1);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    long n = 1;
    const char *cache = arena_printf(mem, "%s/work/labels.txt", folder);
    make(2, 0, 0);
    const dataset *ds = plain("");
    for (bool whole = false; !whole; n++) {
        scan_report r;
        arena *own = arena_new();
        scan_options o = {.threads = 1, .cache_file = cache};
        assert_non_null(own);
        mem_fail_at(n);
        cseg_status status = scan_labels(ds, &o, own, &r, &err);
        mem_fail_at(0);
        assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
        whole = status == CSEG_OK;
        if (whole)
            assert_int_equal(r.pixels[0], 40);
        arena_free(own);
    }
    assert_true(n > 3);
}

static void real_labels_are_good(void **state)
{
    (void)state;
    const char *root = real_data("camvid");
    scan_report r;
    int64_t pixels = 0;
    if (!root)
        skip();
    const char *text =
        "dict(type='BaseSegDataset', data_root='%s', data_prefix=dict(img_path='images/train', "
        "seg_map_path='annotations/train'), metainfo=dict(classes=[%s]), pipeline=[dict(type='LoadAnnotations')])";
    const char *eleven = "'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10'", *ten = strchr(eleven, ',') + 1;
    assert_int_equal(look(build(arena_printf(mem, text, root, eleven)), NULL, &r), CSEG_OK);
    assert_int_equal(r.files, 367);
    for (int i = 0; i < 11; i++) {
        assert_true(r.pixels[i] > 0);
        pixels += r.pixels[i];
    }
    assert_int_equal(pixels + r.ignored, 367 * 480 * 360);
    EXPECT(look(build(arena_printf(mem, text, root, ten)), NULL, NULL), CSEG_DATA, "10 in ", "may be counted from 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_labels_are_counted),
        TEST(wrong_values_are_named_with_file_and_count),
        TEST(causes_are_guessed),
        TEST(mapping_is_done_before_judging),
        TEST(change_masks_of_255_are_told_the_way_out),
        TEST(dates_have_a_zero_of_their_own),
        TEST(keys_are_looked_at_as_their_heads_see_them),
        TEST(sizes_and_damage_are_found),
        TEST(the_cache_is_believed_while_files_stay),
        TEST(datasets_share_a_cache),
        TEST(files_that_come_twice_are_read_once),
        TEST(it_can_be_stopped),
        TEST(no_memory_is_told),
        TEST(real_labels_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
