#include <stdlib.h>

#include "model_test.h"

static void finds_by_name_scope_and_path(void **state)
{
    (void)state;
    const char *nearest = NULL;
    const kind *k = kind_find(FAMILY_HEAD, SCOPE_UNSAID, "FCNHead", &nearest);
    assert_non_null(k);
    assert_string_equal(k->name, "FCNHead");
    assert_ptr_equal(kind_find(FAMILY_HEAD, SCOPE_MMSEG, "mmseg.FCNHead", &nearest), k);
    assert_ptr_equal(kind_find(FAMILY_HEAD, SCOPE_MMSEG, "mmseg.models.decode_heads.FCNHead", &nearest), k);
    assert_null(kind_find(FAMILY_BACKBONE, SCOPE_UNSAID, "FCNHead", &nearest));
}

static void names_the_nearest(void **state)
{
    (void)state;
    const char *nearest = NULL;
    assert_null(kind_find(FAMILY_BACKBONE, SCOPE_UNSAID, "ResNetV1e", &nearest));
    assert_non_null(nearest);
    assert_non_null(strstr(nearest, "ResNetV1"));
    assert_null(kind_find(FAMILY_BACKBONE, SCOPE_UNSAID, "TIMMBackbone", &nearest));
    assert_null(nearest);
}

static void knows_what_the_reference_has(void **state)
{
    (void)state;
    assert_true(kind_in_reference(FAMILY_HEAD, "FCNHead")); /* here too */
    assert_true(kind_in_reference(FAMILY_BACKBONE, "mmseg.SwinTransformer"));
    assert_true(kind_in_reference(FAMILY_SEGMENTOR, "SiamEncoderDecoder")); /* Open-CD's */
    assert_true(kind_in_reference(FAMILY_LOSS, "HuasdorffDisstanceLoss"));
    assert_false(kind_in_reference(FAMILY_HEAD, "SwinTransformer"));
    assert_false(kind_in_reference(FAMILY_BACKBONE, "DeconvModule")); /* a part of UNet */
    assert_false(kind_in_reference(FAMILY_HEAD, "FCNhead"));
    test_refused(TEST_RESNET(", type='VPD'", "", ""), CSEG_UNSUPPORTED, "is not implemented here", "there are: ResNet");
}

static void every_kind_is_whole(void **state)
{
    (void)state;
    const kind *k;
    size_t n = 0;
    for (; (k = kind_at(n)); n++) {
        for (size_t i = 0; i < n; i++)
            assert_ptr_not_equal(kind_at(i), k); /* it is listed once */
        type_scope in = k->scopes & SCOPE_MMPRETRAIN ? SCOPE_MMPRETRAIN
                        : k->scopes & SCOPE_MMCLS    ? SCOPE_MMCLS
                        : k->scopes & SCOPE_MMDET    ? SCOPE_MMDET
                        : k->scopes == SCOPE_OPENCD  ? SCOPE_OPENCD
                                                     : SCOPE_UNSAID;
        assert_ptr_equal(kind_find(k->family, in, k->name, NULL), k);
        assert_true(strlen(k->about) > 10);
        assert_true(k->fields->n > 0);
        assert_non_null(k->build);
        for (size_t i = 0; i < k->fields->n; i++) {
            const field *f = &k->fields->at[i];
            assert_true(strlen(f->about) > 3);
            assert_true(f->type == F_IGNORED || f->offset < k->fields->size);
        }
    }
    assert_true(n > 8);
}

static void documents_all_kinds(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    kinds_document(out);
    assert_int_equal(fclose(out), 0);
    const kind *k;
    for (size_t i = 0; (k = kind_at(i)); i++)
        assert_non_null(strstr(text, k->name));
    assert_non_null(strstr(text, "contract_dilation"));
    assert_non_null(strstr(text, "dropout_ratio"));
    free(text);
}

static void builds_by_scoped_type(void **state)
{
    (void)state;
    test_model t = test_build_ok("model = dict(type='mmseg.EncoderDecoder',\n"
                                 "  backbone=dict(type='mmseg.ResNet', depth=18, base_channels=8, stem_channels=8),\n"
                                 "  decode_head=dict(type='FCNHead', in_channels=64, channels=8, num_classes=4))\n");
    assert_int_equal(t.m->n_heads, 1);
    assert_int_equal(model_head_at(t.m, -1)->num_classes, 4);
    assert_int_equal(t.m->in_channels, 3);
    assert_string_equal(t.m->heads.at[0].name, "decode_head");
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_name_scope_and_path), cmocka_unit_test(names_the_nearest),
        cmocka_unit_test(knows_what_the_reference_has), cmocka_unit_test(every_kind_is_whole),
        cmocka_unit_test(documents_all_kinds),          cmocka_unit_test(builds_by_scoped_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
