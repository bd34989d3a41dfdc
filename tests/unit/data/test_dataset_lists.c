/* Lists that pair, lists of names, and what datasets that nobody knows are told. */
#include "base/log.h"

#include "data_test.h"

static char warned[4096];

static void keep(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING)
        snprintf(warned, sizeof warned, "%s", text);
}

static void touch(const char *name)
{
    write_text(name, "");
}

static void make_folders(void)
{
    touch("i1/a.jpg");
    touch("i2/b.jpg");
    touch("i/a.jpg");
    write_text("s1.txt", "a\n");
    write_text("s2.txt", "a\n");
}

/* As the reference's _concat_dataset: what it asserts, and where it would run over the end of a list. */
static void lists_pair_or_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        int parts; /* 0: refused */
    } cases[] = {
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2']", 2},
        {"img_dir=['i1', 'i2']", 2},
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2'], weight_dir=['w1', 'w2']", 2},
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2'], split=['s1.txt', 's2.txt']", 2},
        {"img_dir='i', ann_dir='l', split=['s1.txt', 's2.txt']", 2},
        {"img_dir='i', ann_dir=['l1', 'l2'], split=['s1.txt', 's2.txt']", 2},
        {"img_dir='i', split=['s1.txt', 's2.txt']", 2},
        {"img_dir=['i1'], ann_dir='l'", 1},
        {"img_dir=('i1',), ann_dir=('l',), split=None", 1},
        {"img_dir=['i1', 'i2'], ann_dir=['l1']", 0},
        {"img_dir=['i1', 'i2'], ann_dir='l'", 0},
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2', 'l3']", 0},
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2'], split='s1.txt'", 0},
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2'], split=['s1.txt']", 0},
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2'], weight_dir=['w']", 0},
        {"img_dir=['i1', 'i2'], ann_dir=['l1', 'l2'], weight_dir='w'", 0},
        {"img_dir=['i1'], ann_dir=['l1', 'l2']", 0},
        {"img_dir=['i1'], split=['s1.txt', 's2.txt']", 0},
        {"img_dir='i', ann_dir=['l1'], split=['s1.txt', 's2.txt']", 0},
        {"img_dir='i', ann_dir=['l1', 'l2'], split=['s1.txt']", 0},
        {"img_dir='i', ann_dir=['l1', 'l2']", 0},
        {"img_dir='i', ann_dir='l', weight_dir=['w1', 'w2']", 0},
        {"img_dir=['i1', 'i2'], ann_dir=dict(gt_edge='l')", 0},
        {"img_dir=['i1', 'i2'], ann_dir=[]", 0},
        {"img_dir='i', ann_dir='l', sub_dir_1=['A', 'B'], sub_dir_2=['C']", 0},
    };
    make_folders();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = arena_printf(mem, "dict(type='CustomDataset', data_root='@', %s)", cases[i].keys);
        if (!cases[i].parts) {
            refuse(text, CSEG_CONFIG, "_dir");
            continue;
        }
        const dataset *ds = build(text);
        assert_int_equal(dataset_parts(ds), cases[i].parts);
    }
    refuse("dict(type='CustomDataset', data_root='@', img_dir=['i1', 'i2'], ann_dir=['l1'])", CSEG_CONFIG,
           "ann_dir has 1 item where img_dir has 2");
    refuse("dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir=['l1'], split=['s1.txt', 's2.txt'])",
           CSEG_CONFIG, "ann_dir has 1 item where split has 2");
    /* named datasets and pairs are no others */
    refuse("dict(type='CityscapesDataset', data_root='@', img_dir=['i1', 'i2'], ann_dir=['l1'])", CSEG_CONFIG,
           "test.py:1");
    refuse("dict(type='CDDataset', data_root='@', img_dir=['i1', 'i2'], ann_dir=['l1'])", CSEG_CONFIG, "1 item");
    /* 1.x has no lists of folders */
    refuse("dict(type='BaseSegDataset', data_root='@', data_prefix=dict(img_path=['i1', 'i2'], seg_map_path='l'))",
           CSEG_CONFIG, "give a folder");
}

static void colours_are_as_many_as_classes(void **state)
{
    (void)state;
    touch("i/a.jpg");
    refuse("dict(type='CustomDataset', img_dir='@/i', classes=['a', 'b'], palette=[[0, 0, 0]])", CSEG_CONFIG,
           "1 colours in the palette, but 2 classes");
    refuse("dict(type='BaseSegDataset', data_prefix=dict(img_path='@/i'), metainfo=dict(classes=['a'], palette=[[0, 0, "
           "0], [1, 1, 1]]))",
           CSEG_CONFIG, "2 colours in the palette, but 1 classes");
    log_set_sink(keep, NULL);
    warned[0] = 0;
    const dataset *ds = build("dict(type='LoveDADataset', img_dir='@/i', img_suffix='.jpg', palette=[[9, 9, 9]])");
    assert_non_null(strstr(warned, "palette has no effect: LoveDADataset"));
    assert_int_equal(dataset_about(ds)->palette[0], 255);
    log_set_sink(NULL, NULL);
}

static void what_editors_put_in_front_is_no_name(void **state)
{
    (void)state;
    const char *text = "dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', split='list.txt', "
                       "classes='@/classes.txt')";
    touch("i/a.jpg");
    write_text("list.txt", "\xef\xbb\xbf"
                           "a\r\nb\r\n");
    write_text("classes.txt", "\xef\xbb\xbfland\nwater\n");
    log_set_sink(keep, NULL);
    warned[0] = 0;
    const dataset *ds = build(text);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(warned, "begins with a byte order mark"));
    assert_int_equal(dataset_count(ds), 2);
    assert_string_equal(path_base(dataset_item_at(ds, 0).path), "a.jpg");
    assert_string_equal(dataset_about(ds)->classes[0], "land");
    write_text("list.txt", "\xff\xfe"
                           "a");
    refuse(text, CSEG_DATA, "list.txt: is text in UTF-16");
    const char bytes[] = "a\0b\n";
    assert_int_equal(file_replace_bytes(in_folder("list.txt"), bytes, 4, mem, &err), CSEG_OK);
    refuse(text, CSEG_DATA, "list.txt: is no text: byte 1 is 0");
}

static void unknown_classes_are_told_the_way(void **state)
{
    (void)state;
    refuse("dict(type='RiverDataset', img_dir='@/i')", CSEG_CONFIG,
           "use type='CustomDataset' with classes=[...], palette=[...]");
    refuse("dict(type='RiverDataset', data_prefix=dict(img_path='i'))", CSEG_CONFIG,
           "use type='BaseSegDataset' with metainfo=dict(classes=[...], palette=[...])");
    refuse("dict(type='CityscapeDataset', img_dir='@/i')", CSEG_CONFIG, "did you mean 'CityscapesDataset'?");
    dataset_meta meta;
    assert_int_equal(dataset_meta_read(literal("dict(type='RiverDataset')"), &data_rules_0x, mem, &meta, &err),
                     CSEG_CONFIG);
    assert_non_null(strstr(err.text, "CustomDataset"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_pair_or_are_refused),
        TEST(colours_are_as_many_as_classes),
        TEST(what_editors_put_in_front_is_no_name),
        TEST(unknown_classes_are_told_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
