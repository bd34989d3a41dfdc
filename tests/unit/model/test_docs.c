/* docs/adding-kinds.md shows a head that compiles: it holds the file, whole. docs/models.md is what the tables say. */
#include "base/file.h"
#include "model_test.h"

static void the_example_is_the_file(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    char *page = NULL, *source = NULL;
    size_t n;
    assert_int_equal(file_read(SOURCE_DIR "/docs/adding-kinds.md", 0, mem, &page, &n, &err), CSEG_OK);
    assert_int_equal(file_read(SOURCE_DIR "/src/model/heads/psp_head.c", 0, mem, &source, &n, &err), CSEG_OK);
    assert_true(n > 1000);
    assert_non_null(strstr(page, source));
    arena_free(mem);
}

static void the_example_works(void **state)
{
    (void)state;
    test_model t = test_build_ok(
        "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=8),\n"
        "  decode_head=dict(type='PSPHead', in_channels=64, channels=8, num_classes=4, pool_scales=(1, 3)))\n");
    static const char *const names[] = {"decode_head.conv_seg.weight", "decode_head.psp_modules.0.1.conv.weight",
                                        "decode_head.psp_modules.1.1.conv.bias", "decode_head.bottleneck.conv.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(model_find(t.m, names[i]));
    assert_int_equal(model_find(t.m, names[3])->dim[1], 64 + 2 * 8);
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 96, NULL, &loss, &t.err), CSEG_OK);
    graph_free(g);
    test_end(&t);
}

static void models_page_is_up_to_date(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    char *page = NULL, *now = NULL;
    size_t n, m;
    const char *path = BUILD_DIR "/models.md";
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs("# Models\n\nWritten from the tables of fields that configs are read by.\n\n", out);
    kinds_document(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(file_read(path, 0, mem, &now, &n, &err), CSEG_OK);
    if (file_read(SOURCE_DIR "/docs/models.md", 0, mem, &page, &m, &err) != CSEG_OK || n != m ||
        memcmp(page, now, n) != 0)
        fail_msg("docs/models.md is out of date: copy %s there", path);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_the_file),
        cmocka_unit_test(the_example_works),
        cmocka_unit_test(models_page_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
