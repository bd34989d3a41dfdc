/* State dicts against those of the reference, name by name. */
#include "model_test.h"

#define HEADS(in, index, aux_in, aux_index, channels, classes)                                                         \
    "decode_head=dict(type='FCNHead', in_channels=" in ", in_index=" index ", channels=" channels                      \
    ", num_convs=2, concat_input=True, num_classes=" classes ", norm_cfg=norm_cfg),\n"                                 \
    "auxiliary_head=dict(type='FCNHead', in_channels=" aux_in ", in_index=" aux_index ", channels=" channels           \
    " // 2, num_convs=1, concat_input=False, num_classes=" classes ", norm_cfg=norm_cfg))\n"

static const char r18b[] = "norm_cfg = dict(type='SyncBN', requires_grad=True)\n"
                           "model = dict(type='EncoderDecoder', pretrained=None,\n"
                           "backbone=dict(type='ResNet', depth=18, num_stages=4, out_indices=(0, 1, 2, 3),\n"
                           "  dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1), norm_cfg=norm_cfg, norm_eval=False,\n"
                           "  style='pytorch', contract_dilation=True),\n" HEADS("512", "3", "256", "2", "128", "19");

static const char r50[] = "norm_cfg = dict(type='SyncBN', requires_grad=True)\n"
                          "model = dict(type='EncoderDecoder', pretrained='open-mmlab://resnet50_v1c',\n"
                          "backbone=dict(type='ResNetV1c', depth=50, num_stages=4, out_indices=(0, 1, 2, 3),\n"
                          "  dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1), norm_cfg=norm_cfg, norm_eval=False,\n"
                          "  style='pytorch', contract_dilation=True),\n" HEADS("2048", "3", "1024", "2", "512", "19");

static const char hr18s[] =
    "norm_cfg = dict(type='SyncBN', requires_grad=True)\n"
    "model = dict(type='EncoderDecoder', backbone=dict(type='HRNet', norm_cfg=norm_cfg, norm_eval=False, extra=dict(\n"
    "  stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(2, ), num_channels=(64, )),\n"
    "  stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(2, 2), num_channels=(18, 36)),\n"
    "  stage3=dict(num_modules=3, num_branches=3, block='BASIC', num_blocks=(2, 2, 2), num_channels=(18, 36, 72)),\n"
    "  stage4=dict(num_modules=2, num_branches=4, block='BASIC', num_blocks=(2, 2, 2, 2),\n"
    "    num_channels=(18, 36, 72, 144)))),\n"
    "decode_head=dict(type='FCNHead', in_channels=[18, 36, 72, 144], in_index=(0, 1, 2, 3),\n"
    "  channels=sum([18, 36, 72, 144]), input_transform='resize_concat', kernel_size=1, num_convs=1,\n"
    "  concat_input=False, dropout_ratio=-1, num_classes=19, norm_cfg=norm_cfg))\n";

static void format(const param *p, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s ", p->name);
    for (int i = 0; i < p->rank; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%lld", i ? "x" : "", (long long)p->dim[i]);
    snprintf(out + n, size - n, "%s %s\n", p->rank ? "" : "-", dtype_name(p->type));
}

static void compare(const char *config, const char *golden)
{
    test_model t = test_build_ok(config);
    char path[512], want[512], got[512];
    snprintf(path, sizeof path, "%s/model/%s.states.txt", TEST_DATA, golden);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t i = 0;
    while (fgets(want, sizeof want, f)) {
        assert_true(i < t.m->params.n);
        format(t.m->params.at[i++], got, sizeof got);
        assert_string_equal(got, want);
    }
    fclose(f);
    assert_int_equal(i, t.m->params.n);
    test_end(&t);
}

static void resnet18(void **state)
{
    (void)state;
    compare(r18b, "fcn_r18b-d8");
}

static void resnet50_v1c(void **state)
{
    (void)state;
    compare(r50, "fcn_r50-d8");
}

static void hrnet_w18_small(void **state)
{
    (void)state;
    compare(hr18s, "fcn_hr18s");
}

static void storage_is_flat_and_aligned(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET("", "", ""));
    size_t end = 0;
    for (size_t i = 0; i < t.m->params.n; i++) {
        const param *p = t.m->params.at[i];
        assert_non_null(p->data);
        if (p->role != PARAM_TRAINED) {
            assert_null(p->grad);
            continue;
        }
        assert_true(p->offset >= end && p->offset % 16 == 0);
        assert_ptr_equal(p->data, t.m->data + p->offset);
        assert_ptr_equal(p->grad, t.m->grad + p->offset);
        assert_int_equal((uintptr_t)p->data % 64, 0);
        end = p->offset + (size_t)p->count;
    }
    assert_true(end <= t.m->flat_count);
    assert_ptr_equal(model_find(t.m, "backbone.conv1.weight"), t.m->params.at[0]);
    assert_null(model_find(t.m, "backbone.conv1.bias"));
    test_end(&t);
}

static void without_gradients(void **state)
{
    (void)state;
    test_model t = test_build(TEST_RESNET("", "", ""), &(model_options){.no_grad = true});
    assert_non_null(t.m);
    assert_null(t.m->grad);
    for (size_t i = 0; i < t.m->params.n; i++)
        assert_null(t.m->params.at[i]->grad);
    test_end(&t);
}

static void frozen_stages_get_no_gradient(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(", frozen_stages=1", "", ""));
    assert_false(model_find(t.m, "backbone.conv1.weight")->requires_grad);
    assert_false(model_find(t.m, "backbone.layer1.1.bn2.bias")->requires_grad);
    assert_true(model_find(t.m, "backbone.layer2.0.conv1.weight")->requires_grad);
    assert_null(model_find(t.m, "backbone.bn1.weight")->grad);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet18),          cmocka_unit_test(resnet50_v1c),
        cmocka_unit_test(hrnet_w18_small),   cmocka_unit_test(storage_is_flat_and_aligned),
        cmocka_unit_test(without_gradients), cmocka_unit_test(frozen_stages_get_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
