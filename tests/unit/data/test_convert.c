/* Every converter over a tiny dataset: files, names and pixels are those of the reference's tools
 * (tests/data/data/make_convert.py). */
#include "data/convert/convert_dataset.h"

#include <stdatomic.h>

#include "data_test.h"

#define SOURCES TEST_DATA "/data/convert/"
#define MOST_FILES 500

typedef struct run {
    const char *name;
    const char *sources[6]; /* below the dataset's folder; "": the folder */
    size_t n;
    bool in_place;
    convert_options with; /* the rest */
} run;

static const run runs[] = {
    {.name = "chase_db1", .sources = {"CHASEDB1.zip"}, .n = 1},
    {.name = "cityscapes", .sources = {""}, .n = 1, .in_place = true},
    {.name = "coco_stuff10k", .sources = {""}, .n = 1, .with = {.allow_partial = true}},
    {.name = "coco_stuff164k", .sources = {""}, .n = 1, .with = {.allow_partial = true}},
    {.name = "drive", .sources = {""}, .n = 1},
    {.name = "hrf", .sources = {""}, .n = 1},
    {.name = "isaid",
     .sources = {""},
     .n = 1,
     .with = {.patch_width = 16, .patch_height = 20, .has_overlap = true, .overlap = 5}},
    {.name = "levircd", .sources = {""}, .n = 1, .with = {.clip_size = 16, .stride_size = 16}},
    {.name = "loveda", .sources = {""}, .n = 1},
    {.name = "nyu", .sources = {"nyu.zip"}, .n = 1},
    {.name = "pascal_context",
     .sources = {"devkit", "trainval_merged.json"},
     .n = 2,
     .in_place = true,
     .with = {.allow_partial = true}},
    {.name = "potsdam", .sources = {""}, .n = 1, .with = {.clip_size = 16, .stride_size = 8}},
    {.name = "refuge", .sources = {""}, .n = 1},
    {.name = "stare", .sources = {"stare-images.tar", "labels-ah.tar", "labels-vk.tar"}, .n = 3},
    {.name = "synapse", .sources = {""}, .n = 1},
    {.name = "vaihingen", .sources = {""}, .n = 1, .with = {.clip_size = 16, .stride_size = 8}},
    {.name = "voc_aug", .sources = {"devkit", "aug"}, .n = 2, .in_place = true, .with = {.allow_partial = true}},
};

/* Runs a conversion into folder/NAME; in place, of a copy of the sources there. */
static cseg_status convert(const run *r, bool overwrite, convert_report *report)
{
    const char *sources[6];
    convert_options o = r->with;
    char *out = in_folder(r->name);
    const char *from = r->in_place ? out : arena_printf(mem, SOURCES "%s", r->name);
    for (size_t i = 0; i < r->n; i++)
        sources[i] = *r->sources[i] ? path_join(mem, from, r->sources[i]) : from;
    o.name = r->name;
    o.sources = sources;
    o.n_sources = r->n;
    o.out = r->in_place ? NULL : out;
    o.overwrite = overwrite;
    o.threads = 3;
    if (r->in_place && !file_exists(out))
        assert_int_equal(system(arena_printf(mem, "cp -r " SOURCES "%s %s", r->name, folder)), 0);
    return convert_dataset(&o, mem, report, &err);
}

/* ---- goldens ------------------------------------------------------------------------------------------------------
 */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "H W C HASH" of the pixels, or of a list's sorted lines. */
static char *describe(const char *path)
{
    image m;
    if (strcmp(path_ext(path), ".txt") != 0) {
        assert_int_equal(image_read(path, IMAGE_UNCHANGED | IMAGE_PILLOW | IMAGE_RGB, &m, &err), CSEG_OK);
        char *text =
            arena_printf(mem, "%d %d %d %016llx", (int)m.h, (int)m.w, (int)m.c, str_fnv1a64(m.data, image_bytes(&m)));
        image_release(&m);
        return text;
    }
    char *bytes, *lines[MOST_FILES];
    size_t size, n = 0;
    strbuf sorted = {.mem = mem};
    assert_int_equal(file_read(path, 0, mem, &bytes, &size, &err), CSEG_OK);
    for (char *line = strtok(bytes, "\n"); line; line = strtok(NULL, "\n"))
        lines[n++] = line;
    qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&sorted, "%s\n", lines[i]);
    return arena_printf(mem, "0 0 0 %016llx", str_fnv1a64(sorted.text ? sorted.text : "", sorted.n));
}

/* Compares all files of the output that are not sources with the rows of convert.txt. */
static void compare_with_goldens(const run *r)
{
    char *text, **names, *rows[MOST_FILES], *want = arena_printf(mem, "%s ", r->name);
    size_t size, n, wanted = 0, found = 0;
    assert_int_equal(file_read(TEST_DATA "/data/convert.txt", 0, mem, &text, &size, &err), CSEG_OK);
    for (char *row = strtok(text, "\n"); row; row = strtok(NULL, "\n"))
        if (str_starts(row, want))
            rows[wanted++] = row + strlen(want);
    assert_true(wanted > 0);
    assert_int_equal(dir_list(in_folder(r->name), NULL, true, mem, &names, &n, &err), CSEG_OK);
    for (size_t i = 0; i < n; i++) {
        if (r->in_place && file_exists(arena_printf(mem, SOURCES "%s/%s", r->name, names[i])))
            continue;
        char *path = arena_printf(mem, "%s/%s", in_folder(r->name), names[i]);
        char *row = arena_printf(mem, "%s %s", names[i], describe(path)), *p = row;
        if (!bsearch(&p, rows, wanted, sizeof *rows, by_text))
            print_error("%s: is not what the reference makes: %s\n", r->name, row);
        else
            found++;
    }
    assert_int_equal(found, wanted);
}

static void every_dataset_is_the_references(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        convert_report report;
        if (convert(&runs[i], false, &report) != CSEG_OK)
            print_error("%s: %s\n", runs[i].name, err.text);
        assert_true(report.images + report.masks > 0);
        assert_int_equal(report.kept, 0);
        compare_with_goldens(&runs[i]);
    }
}

/* ---- going on ------------------------------------------------------------------------------------------------------
 */

static void a_second_run_makes_nothing_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        convert_report first, second, third;
        assert_int_equal(convert(&runs[i], false, &first), CSEG_OK);
        assert_int_equal(convert(&runs[i], false, &second), CSEG_OK);
        assert_int_equal(second.images + second.masks, 0);
        assert_int_equal(second.kept, first.images + first.masks);
        if (first.images + first.masks > 20)
            continue;
        assert_int_equal(convert(&runs[i], true, &third), CSEG_OK);
        assert_int_equal(third.images, first.images);
        assert_int_equal(third.masks, first.masks);
        assert_int_equal(third.kept, 0);
    }
}

/* What a killed program of another kind, or a disk error, may leave. */
static void a_file_that_is_cut_off_is_made_again(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file;
    } cases[] = {{"potsdam", "img_dir/train/2_10_0_0_16_16.png"},
                 {"synapse", "img_dir/train/case0005_slice000.jpg"},
                 {"cityscapes", "gtFine/val/munster/munster_000000_000019_gtFine_labelTrainIds.png"},
                 {"loveda", "ann_dir/train/0.png"}};
    for (size_t i = 0; i < 4; i++) {
        const run *r = runs;
        while (strcmp(r->name, cases[i].name) != 0)
            r++;
        convert_report report;
        assert_int_equal(convert(r, false, &report), CSEG_OK);
        char *path = arena_printf(mem, "%s/%s", in_folder(r->name), cases[i].file);
        assert_int_equal(truncate(path, file_size(path) - 5), 0);
        assert_int_equal(convert(r, false, &report), CSEG_OK);
        assert_int_equal(report.images + report.masks, 1);
        compare_with_goldens(r);
    }
}

static bool stop_at_once(void *calls)
{
    return atomic_fetch_add((atomic_int *)calls, 1) >= 9;
}

static void a_stopped_run_goes_on(void **state)
{
    (void)state;
    atomic_int calls = 0;
    convert_report report;
    run r = runs[0];
    r.with.stop = stop_at_once;
    r.with.stop_arg = &calls;
    assert_int_equal(convert(&r, false, &report), CSEG_INTERRUPTED);
    assert_non_null(strstr(err.text, "of 84 sources"));
    assert_int_equal(convert(&runs[0], false, &report), CSEG_OK);
    assert_true(report.kept >= 3 && report.kept < 84);
    compare_with_goldens(&runs[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_dataset_is_the_references, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_run_makes_nothing_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_cut_off_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_run_goes_on, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
