/* What labels mean: the named datasets, classes=, palette=. datasets.txt has the reference's answers. */
#include "data/datasets/table.h"

#include "data_test.h"

static const char *hash(const void *data, size_t n)
{
    return arena_printf(mem, "%016llx", str_fnv1a64(data, n));
}

static const char *hash_names(const dataset_kind *k)
{
    strbuf all = {.mem = mem};
    strbuf_add(&all, "");
    for (int i = 0; i < k->n_classes; i++)
        strbuf_addf(&all, "%s%s", i ? "\n" : "", k->classes[i]);
    return hash(all.text, all.n);
}

static char *goldens(void)
{
    char *text;
    size_t n;
    assert_int_equal(file_read(TEST_DATA "/data/datasets.txt", 0, mem, &text, &n, &err), CSEG_OK);
    return text;
}

static void named_datasets_are_the_references(void **state)
{
    (void)state;
    int seen = 0;
    char *save = NULL;
    for (char *line = strtok_r(goldens(), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int dialect, n_classes, zero;
        char name[64], names[32], colours[32], img[64], seg[64];
        if (sscanf(line, "kind %d %63s %d %31s %31s <%63[^>]> <%63[^>]> %d", &dialect, name, &n_classes, names, colours,
                   img, seg, &zero) != 8)
            continue;
        const dataset_kind *k = dataset_kind_find(name);
        assert_non_null(k);
        assert_int_equal(k->n_classes, n_classes);
        assert_string_equal(hash_names(k), names);
        assert_string_equal(k->palette ? hash(k->palette, 3 * (size_t)n_classes) : "-", colours);
        assert_string_equal(k->img_suffix, img);
        assert_string_equal(k->seg_map_suffix, seg);
        assert_int_equal(k->reduce_zero_label, zero);
        seen++;
    }
    assert_int_equal(seen, 45);
    assert_null(dataset_kind_find("CityscapeDataset"));
}

static char *labels_as_text(const dataset_meta *meta)
{
    strbuf out = {.mem = mem};
    for (size_t i = 0; meta->label_map && i < value_count(meta->label_map); i++)
        strbuf_addf(&out, "%s%lld", i ? " " : "", (long long)meta->label_map->as.dict.entry[i].item->as.i);
    return out.text ? out.text : arena_strdup(mem, "-");
}

static void classes_and_palettes_are_chosen_as_the_reference_does(void **state)
{
    (void)state;
    int seen = 0;
    char *save = NULL;
    write_image("x_leftImg8bit.png", 2, 2, 3, 0, 1);
    write_image("y.png", 2, 2, 3, 0, 1);
    write_image("z.jpg", 2, 2, 3, 0, 1);
    for (char *line = strtok_r(goldens(), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int dialect;
        char name[64], classes[2048], palette[256], labels[256], colours[32];
        if (sscanf(line, "subset %d %63s | %2047[^|] | %255[^|] | %255[^|] | %31s", &dialect, name, classes, palette,
                   labels, colours) != 6)
            continue;
        labels[strlen(labels) - 1] = 0; /* the blank before the bar */
        bool has_palette = strncmp(palette, "None", 4) != 0;
        const char *text =
            dialect ? arena_printf(mem,
                                   "dict(type='%s', data_root='@', data_prefix=dict(img_path=''), metainfo=dict("
                                   "%s%s%s%s))",
                                   name, strncmp(classes, "None", 4) == 0 ? "" : "classes=",
                                   strncmp(classes, "None", 4) == 0 ? "" : classes, has_palette ? ", palette=" : "",
                                   has_palette ? palette : "")
                    : arena_printf(mem, "dict(type='%s', img_dir='@', pipeline=[], classes=%s, palette=%s)", name,
                                   classes, palette);
        const dataset_meta *meta = dataset_about(build(text));
        assert_int_equal(meta->rules == &data_rules_1x, dialect);
        assert_string_equal(labels_as_text(meta), labels);
        assert_string_equal(hash(meta->palette, 3 * (size_t)meta->n_classes), colours);
        seen++;
    }
    assert_int_equal(seen, 15);
}

static void a_file_can_name_the_classes(void **state)
{
    (void)state;
    write_image("a.jpg", 2, 2, 3, 0, 1);
    write_text("names.txt", "land\r\nopen water\n");
    const dataset_meta *meta = dataset_about(build("dict(type='CustomDataset', img_dir='@', classes='@/names.txt')"));
    assert_int_equal(meta->n_classes, 2);
    assert_string_equal(meta->classes[0], "land");
    assert_string_equal(meta->classes[1], "open water");
    refuse("dict(type='CustomDataset', img_dir='@', classes='@/none.txt')", CSEG_NOT_FOUND, "none.txt");
}

static void wrong_classes_are_named(void **state)
{
    (void)state;
    write_image("a_leftImg8bit.png", 2, 2, 3, 0, 1);
    write_image("a.jpg", 2, 2, 3, 0, 1);
    refuse("dict(type='CityscapesDataset', img_dir='@', classes=['road', 'cars'])", CSEG_CONFIG,
           "has no class 'cars'; did you mean 'car'?");
    refuse("dict(type='CityscapesDataset', img_dir='@', classes=3)", CSEG_CONFIG, "classes is an int");
    refuse("dict(type='CustomDataset', img_dir='@', classes=['a', 2])", CSEG_CONFIG, "class 1 is an int");
    refuse("dict(type='CustomDataset', img_dir='@', classes=['a', 'b'], palette=[[0, 0, 0]])", CSEG_CONFIG,
           "1 colours in the palette, but 2 classes");
    refuse("dict(type='CustomDataset', img_dir='@', classes=['a'], palette=[[0, 0, 256]])", CSEG_CONFIG, "colour 0");
    refuse("dict(type='CustomDataset', img_dir='@', test_mode=True)", CSEG_CONFIG, "needs classes=");
    refuse("dict(type='BaseSegDataset', data_root='@', data_prefix=dict(img_path=''), test_mode=True)", CSEG_CONFIG,
           "needs metainfo=dict(classes=...)");
}

static void the_page_is_up_to_date(void **state)
{
    (void)state;
    const char *path = BUILD_DIR "/datasets.md";
    char *page, *now;
    size_t n, m;
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    datasets_document(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(file_read(path, 0, mem, &now, &n, &err), CSEG_OK);
    assert_null(strstr(now, "(null)"));
    if (file_read(SOURCE_DIR "/docs/datasets.md", 0, mem, &page, &m, &err) != CSEG_OK || n != m ||
        memcmp(page, now, n) != 0)
        fail_msg("docs/datasets.md is out of date: copy %s there", path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(named_datasets_are_the_references),
        TEST(classes_and_palettes_are_chosen_as_the_reference_does),
        TEST(a_file_can_name_the_classes),
        TEST(wrong_classes_are_named),
        TEST(the_page_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
