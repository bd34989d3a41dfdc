/* Which files a dataset finds, in which order; wrappers; what is said where something is missing. */
#include "data_test.h"

/* The item's paths relative to the test's folder: image, second image, then the maps with their keys. */
static const char *item_text(const dataset *ds, int64_t i)
{
    dataset_item item = dataset_item_at(ds, i);
    size_t skip = strlen(folder) + 1;
    strbuf out = {.mem = mem};
    strbuf_add(&out, item.path + skip);
    if (item.path2)
        strbuf_addf(&out, " + %s", item.path2 + skip);
    for (int k = 0; k < item.n_maps; k++)
        strbuf_addf(&out, " %s%s=%s", item.maps[k].is_weight ? "~" : "", item.maps[k].key, item.maps[k].path + skip);
    assert_false(out.failed);
    return out.text;
}

static void touch(const char *name)
{
    write_text(name, "");
}

static void folders_are_listed_in_order(void **state)
{
    (void)state;
    const char *files[] = {"i/b.jpg", "i/a.jpg", "i/sub/c.jpg", "i/B.jpg", "i/a-1.jpg", "i/.hidden.jpg", "i/x.png"};
    const char *order[] = {"B", "a-1", "a", "b", "sub/c"};
    for (size_t i = 0; i < 7; i++)
        touch(files[i]);
    const dataset *both[] = {
        build("dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l')"),
        build("dict(type='BaseSegDataset', data_root='@', data_prefix=dict(img_path='i', seg_map_path='l'))")};
    for (int d = 0; d < 2; d++) {
        assert_int_equal(dataset_count(both[d]), 5);
        for (int i = 0; i < 5; i++)
            assert_string_equal(item_text(both[d], i),
                                arena_printf(mem, "i/%s.jpg gt_semantic_seg=l/%s.png", order[i], order[i]));
        assert_int_equal(dataset_about(both[d])->rules == &data_rules_1x, d);
    }
}

static void old_datasets_replace_the_suffix_wherever_it_is(void **state)
{
    (void)state;
    touch("i/_rgb_anon.png/a_rgb_anon.png");
    assert_string_equal(
        item_text(build("dict(type='DarkZurichDataset', img_dir='@/i', ann_dir='@/l')"), 0),
        "i/_rgb_anon.png/a_rgb_anon.png gt_semantic_seg=l/_gt_labelTrainIds.png/a_gt_labelTrainIds.png");
    assert_string_equal(
        item_text(build("dict(type='DarkZurichDataset', data_prefix=dict(img_path='@/i', seg_map_path='@/l'))"), 0),
        "i/_rgb_anon.png/a_rgb_anon.png gt_semantic_seg=l/_rgb_anon.png/a_gt_labelTrainIds.png");
}

static void lists_keep_their_order(void **state)
{
    (void)state;
    write_text("train.txt", "b\n  a \r\n\nsub/c");
    const dataset *both[] = {
        build("dict(type='PascalVOCDataset', data_root='@', img_dir='i', ann_dir='l', split='train.txt')"),
        build("dict(type='PascalVOCDataset', data_root='@', ann_file='train.txt', "
              "data_prefix=dict(img_path='i', seg_map_path='l'))")};
    for (int d = 0; d < 2; d++) {
        assert_int_equal(dataset_count(both[d]), 3);
        assert_string_equal(item_text(both[d], 0), "i/b.jpg gt_semantic_seg=l/b.png");
        assert_string_equal(item_text(both[d], 1), "i/a.jpg gt_semantic_seg=l/a.png");
        assert_string_equal(item_text(both[d], 2), "i/sub/c.jpg gt_semantic_seg=l/sub/c.png");
    }
    refuse("dict(type='PascalVOCDataset', data_root='@', img_dir='i')", CSEG_CONFIG, "needs split");
    refuse("dict(type='PascalVOCDataset', data_root='@', data_prefix=dict(img_path='i'))", CSEG_CONFIG,
           "needs ann_file");
    refuse("dict(type='CustomDataset', img_dir='@', split='@/none.txt')", CSEG_NOT_FOUND, "none.txt");
    write_text("empty.txt", "\n \n");
    refuse("dict(type='CustomDataset', img_dir='@', split='@/empty.txt')", CSEG_NOT_FOUND, "names no image");
}

static void indices_choose_samples(void **state)
{
    (void)state;
    const char *kinds[] = {"2", "-2", "[3, 0, -1]", "0", "9"}, *found[] = {"ab", "cd", "dad", "", "abcd"};
    for (char c = 'a'; c < 'e'; c++)
        touch(arena_printf(mem, "i/%c.jpg", c));
    for (int k = 0; k < 5; k++) {
        const dataset *ds = build(arena_printf(mem,
                                               "dict(type='BaseSegDataset', data_root='@', indices=%s, "
                                               "data_prefix=dict(img_path='i', seg_map_path='l'))",
                                               kinds[k]));
        assert_int_equal(dataset_count(ds), strlen(found[k]));
        for (size_t i = 0; i < strlen(found[k]); i++)
            assert_string_equal(item_text(ds, (int64_t)i),
                                arena_printf(mem, "i/%c.jpg gt_semantic_seg=l/%c.png", found[k][i], found[k][i]));
    }
    refuse("dict(type='BaseSegDataset', indices=[4], data_prefix=dict(img_path='@/i'))", CSEG_CONFIG, "indices[0]");
    refuse("dict(type='BaseSegDataset', indices='x', data_prefix=dict(img_path='@/i'))", CSEG_CONFIG,
           "indices is a str");
}

static void weights_and_further_labels_have_folders_of_their_own(void **state)
{
    (void)state;
    touch("i/a.jpg");
    assert_string_equal(item_text(build("dict(type='CustomDataset', data_root='@', img_dir='i', weight_dir='w', "
                                        "ann_dir=dict(gt_semantic_seg='l', gt_edge='e'), weight_suffix='_w.tif')"),
                                  0),
                        "i/a.jpg gt_semantic_seg=l/a.png gt_edge=e/a.png ~seg_weight_map=w/a_w.tif");
    assert_string_equal(item_text(build("dict(type='BaseSegDataset', data_root='@', data_prefix=dict(img_path='i', "
                                        "seg_map_path='l', weight_path='w', seg_map_path_edge='e'))"),
                                  0),
                        "i/a.jpg gt_semantic_seg=l/a.png ~seg_weight_map=w/a.png gt_semantic_seg_edge=e/a.png");
    refuse("dict(type='BaseSegDataset', data_prefix=dict(img_path='@/i', seg_path='l'))", CSEG_CONFIG,
           "data_prefix has no key 'seg_path'");
}

static void pairs_come_in_the_ways_of_mmseg_and_open_cd(void **state)
{
    (void)state;
    const char *files[] = {"t/A/x.png", "t/A/y.png", "t/B/x.png", "t/B/y.png"};
    const char *whole = "t/A/x.png + t/B/x.png gt_semantic_seg=t/label/x.png";
    for (size_t i = 0; i < 4; i++)
        touch(files[i]);
    const char *ways[] = {
        "dict(type='LEVIRCDDataset', data_root='@/t')",
        "dict(type='LEVIRCDDataset', data_root='@', data_prefix=dict(img_path='t/A', img_path2='t/B', "
        "seg_map_path='t/label'))",
        "dict(type='LEVIR_CD_Dataset', data_root='@', data_prefix=dict(img_path_from='t/A', img_path_to='t/B', "
        "seg_map_path='t/label'))",
        "dict(type='LEVIR_CD_Dataset', data_root='@', img_dir='t', ann_dir='t/label')",
        "dict(type='CDDataset', data_root='@', img_dir='t', sub_dir_1='A', sub_dir_2='B', ann_dir='t/label', "
        "img_suffix='.png', classes=['unchanged', 'changed'], format_ann='binary')"};
    for (int i = 0; i < 5; i++) {
        const dataset *ds = build(ways[i]);
        assert_true(dataset_about(ds)->pairs);
        assert_int_equal(dataset_about(ds)->to_binary, i >= 2);
        assert_int_equal(dataset_count(ds), 2);
        assert_string_equal(item_text(ds, 0), whole);
    }
    const char *names = "dict(type='LEVIR_CD_Dataset', data_root='@', ann_file='list.txt', data_prefix=dict("
                        "img_path_from='t/A', img_path_to='t/B', seg_map_path='t/label'))";
    write_text("list.txt", "y\nx\n");
    assert_string_equal(item_text(build(names), 1), whole);
    unlink(in_folder("t/B/y.png"));
    refuse(ways[2], CSEG_NOT_FOUND, "'y.png' is in");
}

static void semantic_change_has_three_label_maps(void **state)
{
    (void)state;
    touch("im1/x.png");
    touch("im2/x.png");
    const char *all = "im1/x.png + im2/x.png gt_semantic_seg=label/x.png gt_semantic_seg_from=label1/x.png "
                      "gt_semantic_seg_to=label2/x.png";
    assert_string_equal(item_text(build("dict(type='SECOND_Dataset', data_root='@', data_prefix=dict(img_path_from="
                                        "'im1', img_path_to='im2', seg_map_path='label', seg_map_path_from='label1', "
                                        "seg_map_path_to='label2'))"),
                                  0),
                        all);
    assert_string_equal(item_text(build("dict(type='SCDDataset', data_root='@', img_dir='', ann_dir=dict(binary_dir="
                                        "'label', semantic_dir_from='label1', semantic_dir_to='label2'))"),
                                  0),
                        all);
    write_text("five.txt", "x1 x2 c f t\n");
    const char *five = "dict(type='BANDON_Dataset', data_root='@', ann_file='five.txt', data_prefix=dict("
                       "img_path_from='im1', img_path_to='im2', seg_map_path='label', seg_map_path_from='label1', "
                       "seg_map_path_to='label2'))";
    assert_string_equal(item_text(build(five), 0),
                        "im1/x1.jpg + im2/x2.jpg gt_semantic_seg=label/c.png gt_semantic_seg_from=label1/f.png "
                        "gt_semantic_seg_to=label2/t.png");
    write_text("five.txt", "x1 x2 c\n");
    refuse(five, CSEG_DATA, "five.txt:1: 3 names");
}

static void change_files_keep_their_own_ending(void **state)
{
    (void)state;
    write_text("list.txt", "x.tif\ny\n");
    const dataset *ds = build("dict(type='BaseCDDataset', data_root='@', ann_file='list.txt', data_prefix=dict("
                              "img_path='A', img_path2='B', seg_map_path='l'), img_suffix='.png', img_suffix2='.bmp')");
    assert_string_equal(item_text(ds, 0), "A/x.tif + B/x.tif gt_semantic_seg=l/x.png");
    assert_string_equal(item_text(ds, 1), "A/y.png + B/y.bmp gt_semantic_seg=l/y.png");
}

static void lists_of_folders_are_joined(void **state)
{
    (void)state;
    touch("i1/a.jpg");
    touch("i2/b.jpg");
    touch("i2/c.jpg");
    const dataset *ds = build(
        "dict(type='CustomDataset', data_root='@', img_dir=['i1', 'i2'], ann_dir=['l1', 'l2'], separate_eval=False)");
    assert_int_equal(dataset_count(ds), 3);
    assert_int_equal(dataset_parts(ds), 1);
    assert_null(dataset_part_at(ds, 0).folder);
    assert_string_equal(item_text(ds, 0), "i1/a.jpg gt_semantic_seg=l1/a.png");
    assert_string_equal(item_text(ds, 2), "i2/c.jpg gt_semantic_seg=l2/c.png");
    assert_int_equal(dataset_item_at(ds, 2).part, 0);
    /* as Pascal VOC's augmented configs have it: one folder of images, two of labels */
    write_text("1.txt", "a");
    write_text("2.txt", "b\na");
    ds = build(
        "dict(type='PascalVOCDataset', data_root='@', img_dir='i', ann_dir=['l', 'l+'], split=['1.txt', '2.txt'])");
    assert_int_equal(dataset_count(ds), 3);
    assert_int_equal(dataset_parts(ds), 2);
    assert_int_equal(dataset_item_at(ds, 2).part, 1);
    assert_int_equal(dataset_part_at(ds, 1).count, 2);
    assert_true(str_ends(dataset_part_at(ds, 1).folder, "/i"));
    assert_string_equal(item_text(ds, 1), "i/b.jpg gt_semantic_seg=l+/b.png");
    refuse("dict(type='CustomDataset', img_dir=['@/i1', '@/i2'], ann_dir=['1', '2', '3'])", CSEG_CONFIG,
           "ann_dir has 3 items where img_dir has 2");
    refuse("dict(type='CustomDataset', img_dir=[])", CSEG_CONFIG, "empty list");
    assert_int_equal(dataset_count(build("[dict(type='CustomDataset', img_dir='@/i1'), "
                                         "dict(type='CustomDataset', img_dir='@/i2')]")),
                     3);
}

static void not_measured(const char *text, const char *why)
{
    cseg_error error = {0};
    assert_int_equal(dataset_check_measured(build(text), &error), CSEG_CONFIG);
    assert_non_null(strstr(error.text, why));
    assert_non_null(strstr(error.text, "test.py:1"));
}

/* What mmseg 0.30's ConcatDataset raises for when it is built or measured; learning from it is no question of that. */
static void joined_datasets_that_are_not_measured(void **state)
{
    (void)state;
    touch("i1/a.jpg");
    touch("i2/b.jpg");
    touch("i1/a_leftImg8bit.png");
#define ONE "dict(type='CustomDataset', img_dir='@/i1', classes=['a', 'b'])"
#define TWO "dict(type='CustomDataset', img_dir='@/i2', classes=['a', 'b'])"
    cseg_error error = {0};
    assert_int_equal(dataset_check_measured(build("[" ONE ", " TWO "]"), &error), CSEG_OK);
    assert_int_equal(dataset_check_measured(
                         build("dict(type='ConcatDataset', separate_eval=False, datasets=[" ONE ", " TWO "])"), &error),
                     CSEG_OK);
    not_measured("[" ONE ", dict(type='CityscapesDataset', img_dir='@/i1')]",
                 "part 1 of the joined datasets is a City");
    not_measured("[dict(type='CustomDataset', img_dir=['@/i1', '@/i2']), " ONE "]",
                 "part 0 of the joined datasets is it");
    not_measured("[" ONE ", dict(type='RepeatDataset', times=2, dataset=" TWO ")]",
                 "part 1 of the joined datasets is it");
    not_measured("dict(type='ConcatDataset', separate_eval=False, datasets=[" ONE
                 ", dict(type='LoveDADataset', img_dir='@/i1', img_suffix='.jpg')])",
                 "part 0 is a CustomDataset and part 1 a LoveDADataset");
    not_measured("dict(type='ConcatDataset', separate_eval=False, datasets=[" ONE
                 ", dict(type='CustomDataset', img_dir='@/i2', classes=['a'])])",
                 "part 0 has 2 and part 1 1");
}

static void wrappers_count_and_pass_on(void **state)
{
    (void)state;
    touch("i/a.jpg");
    touch("i/b.jpg");
    const char *inner = "dict(type='BaseSegDataset', data_prefix=dict(img_path='@/i', seg_map_path='@/l'), "
                        "metainfo=dict(classes=['x', 'y']))";
    const dataset *ds = build(arena_printf(mem, "dict(type='RepeatDataset', times=3, dataset=%s)", inner));
    assert_int_equal(dataset_count(ds), 6);
    assert_string_equal(item_text(ds, 3), "i/b.jpg gt_semantic_seg=l/b.png");
    assert_string_equal(dataset_about(ds)->classes[1], "y");
    ds = build(arena_printf(mem,
                            "dict(type='ConcatDataset', datasets=[%s, dict(type='RepeatDataset', times=2, "
                            "dataset=%s), %s])",
                            inner, inner, inner));
    assert_int_equal(dataset_count(ds), 8);
    for (int i = 0; i < 8; i++) {
        assert_string_equal(item_text(ds, i),
                            i % 2 ? "i/b.jpg gt_semantic_seg=l/b.png" : "i/a.jpg gt_semantic_seg=l/a.png");
        assert_int_equal(dataset_item_at(ds, i).part, 0); /* 1.x measures what is joined as one */
    }
    const char *other = "dict(type='BaseSegDataset', data_prefix=dict(img_path='@/i'), metainfo=dict(classes=['x']))";
    refuse(arena_printf(mem, "dict(type='ConcatDataset', datasets=[%s, %s])", inner, other), CSEG_CONFIG,
           "differ in classes");
    ds = build(arena_printf(mem, "dict(type='ConcatDataset', ignore_keys=['classes', 'palette'], datasets=[%s, %s])",
                            inner, other));
    assert_int_equal(dataset_count(ds), 4);
    const char *deep = inner;
    for (int i = 0; i < 20; i++)
        deep = arena_printf(mem, "dict(type='RepeatDataset', times=1, dataset=%s)", deep);
    refuse(deep, CSEG_CONFIG, "deep");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    touch("i/a.jpeg");
    mkdir(in_folder("nothing"), 0777);
    refuse("dict(type='CityscapeDataset', img_dir='@')", CSEG_CONFIG, "did you mean 'CityscapesDataset'?");
    refuse("dict(type='CustomDataset', img_dir='@/i', an_dir='@')", CSEG_CONFIG, "an_dir");
    refuse("dict(type='CustomDataset')", CSEG_CONFIG, "img_dir");
    refuse("dict(type='CustomDataset', img_dir='@/nowhere')", CSEG_NOT_FOUND, "there is no folder");
    refuse("dict(type='CustomDataset', img_dir='@/nothing')", CSEG_NOT_FOUND, "is empty");
    refuse("dict(type='CustomDataset', img_dir='@/i')", CSEG_NOT_FOUND, "such as 'a.jpeg': set img_suffix");
    refuse("dict(type='BaseSegDataset', data_prefix=dict(seg_map_path='@/i'))", CSEG_CONFIG,
           "data_prefix['img_path'] is missing");
    refuse("dict(type='BaseSegDataset', data_prefix='@/i')", CSEG_CONFIG, "data_prefix is a str");
    refuse("dict(type='LEVIRCDDataset', data_prefix=dict(img_path='@/i'))", CSEG_CONFIG, "second date");
    refuse("dict(type='RepeatDataset', times=0, dataset=dict(type='CustomDataset', img_dir='@/i'))", CSEG_CONFIG,
           "times");
    refuse("dict(type='ConcatDataset', datasets=[])", CSEG_CONFIG, "at least one");
    refuse("[]", CSEG_CONFIG, "at least one");
    refuse("5", CSEG_CONFIG, "an int");
    refuse("dict(type='DecathlonDataset', ann_file='x')", CSEG_UNSUPPORTED, "NIfTI");
    refuse("dict(type='NYUDataset')", CSEG_UNSUPPORTED, "depth");
    refuse("dict(type='ClassBalancedDataset', dataset=dict(), oversample_thr=1)", CSEG_UNSUPPORTED, "ClassBalanced");
    /* the message leads to the line */
    refuse("dict(type='CustomDataset', img_dir='@/nowhere')", CSEG_NOT_FOUND, "test.py:1");
}

static void missing_files_are_counted(void **state)
{
    (void)state;
    const char *text = "dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', classes=['x', 'y'], "
                       "pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]%s)";
    for (char c = 'a'; c < 'e'; c++)
        touch(arena_printf(mem, "i/%c.jpg", c));
    touch("l/a.png");
    dataset *ds = build(arena_printf(mem, text, ""));
    assert_int_equal(dataset_check_files(ds, false, &err), CSEG_NOT_FOUND);
    assert_non_null(strstr(err.text, "the label"));
    assert_non_null(strstr(err.text, "l/b.png' does not exist (it belongs to"));
    assert_non_null(strstr(err.text, "2 more files are missing"));
    for (char c = 'b'; c < 'e'; c++)
        touch(arena_printf(mem, "l/%c.png", c));
    assert_int_equal(dataset_check_files(ds, false, &err), CSEG_OK);
    ds = build("dict(type='CustomDataset', img_dir='@/i', pipeline=[dict(type='LoadImageFromFile'), "
               "dict(type='LoadAnnotations')])");
    assert_int_equal(dataset_check_files(ds, false, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "no labels to learn from: ann_dir is missing"));
    write_text("suffixed.txt", "a.jpg\n");
    ds = build("dict(type='CustomDataset', img_dir='@/i', split='@/suffixed.txt')");
    assert_int_equal(dataset_check_files(ds, false, &err), CSEG_NOT_FOUND);
    assert_non_null(strstr(err.text, "set img_suffix=''"));
}

static void no_memory_is_told(void **state)
{
    (void)state;
    long n = 1;
    bool whole = false;
    const char *text = "dict(type='CityscapesDataset', data_root='@', img_dir=['i', 'i'], ann_dir=['l', 'l'], "
                       "classes=['car', 'sky'])";
    for (int i = 0; i < 200; i++)
        touch(arena_printf(mem, "i/a_name_that_is_not_short_at_all_%d_leftImg8bit.png", i));
    value *cfg = literal(text);
    for (; !whole; n++) {
        dataset *ds;
        arena *own = arena_new();
        assert_non_null(own);
        mem_fail_at(n);
        cseg_status status = dataset_build(cfg, NULL, own, &ds, &err);
        mem_fail_at(0);
        assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
        whole = status == CSEG_OK;
        arena_free(own);
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folders_are_listed_in_order),
        TEST(old_datasets_replace_the_suffix_wherever_it_is),
        TEST(lists_keep_their_order),
        TEST(indices_choose_samples),
        TEST(weights_and_further_labels_have_folders_of_their_own),
        TEST(pairs_come_in_the_ways_of_mmseg_and_open_cd),
        TEST(semantic_change_has_three_label_maps),
        TEST(change_files_keep_their_own_ending),
        TEST(lists_of_folders_are_joined),
        TEST(joined_datasets_that_are_not_measured),
        TEST(wrappers_count_and_pass_on),
        TEST(what_is_wrong_is_named),
        TEST(missing_files_are_counted),
        TEST(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
