/* A scope is part of a kind's name: mmdet.DiceLoss is not mmseg.DiceLoss. Before a name, under _scope_, and for norm,
 * activation and convolution layers, whose registry the reference's projects share. */
#include "model_test.h"

static cseg_status build(const char *backbone, const char *head, cseg_error *err, arena *mem)
{
    char text[1024];
    value *cfg;
    model *m = NULL;
    *err = (cseg_error){.text = ""};
    snprintf(text, sizeof text,
             "model = dict(type='EncoderDecoder',\n"
             "  backbone=dict(depth=18, base_channels=8, %s),\n"
             "  decode_head=dict(in_channels=64, channels=8, num_classes=4, %s))\n",
             backbone, head);
    if (config_parse_text(text, "some.py", mem, &cfg, err) != CSEG_OK)
        fail_msg("%s", err->text);
    cseg_status status = model_build(value_get(cfg, "model"), NULL, &m, err);
    model_free(m);
    return status;
}

typedef struct wanted {
    const char *backbone, *head;
    const char *complaint; /* NULL: none */
} wanted;

#define HEAD "type='FCNHead'"
#define BACKBONE "type='ResNet'"
static const wanted cases[] = {
    {BACKBONE, HEAD, NULL},
    {"type='mmseg.ResNet'", "type='mmseg.models.decode_heads.FCNHead'", NULL},
    {"type='ResNet', _scope_='mmseg'", HEAD, NULL},
    {"type='mmdet.ResNet'", HEAD,
     "some.py:2: backbone: the backbone mmdet.ResNet is not implemented here; another is mmseg.ResNet"},
    {"type='mmpretrain.ResNet'", HEAD, "the backbone mmpretrain.ResNet is not implemented"},
    {"type='mmcls.ResNet'", HEAD, "the backbone mmpretrain.ResNet is not implemented"},
    {"type='mmcls.VGG'", HEAD, "the backbone mmpretrain.VGG is not implemented here (there are: ResNet"},
    {"type='ConvNeXt'", HEAD, "ConvNeXt is not implemented here; another is mmpretrain.ConvNeXt (there are: ResNet"},
    {"type='ConvNeXt', _scope_='mmdet'", HEAD,
     "mmdet.ConvNeXt is not implemented here; another is mmpretrain.ConvNeXt"},
    {"type='ResNet', _scope_='mmpretrain'", HEAD, "mmpretrain.ResNet is not implemented here; another is mmseg.ResNet"},
    {BACKBONE, HEAD ", norm_cfg=dict(type='mmpretrain.LN2d')", NULL},
    {BACKBONE, HEAD ", norm_cfg=dict(type='mmdet.LN2d')", "norm_cfg of type mmdet.LN2d is not supported"},
    {"type='ResNet', _scope_='mmdet'", HEAD, "the backbone mmdet.ResNet is not implemented"},
    {"type='mmseg.ResNet', _scope_='mmdet'", HEAD, NULL},
    {"type='mmcv.ResNet'", HEAD, "mmcv.ResNet is not implemented here; another is mmseg.ResNet"},
    {"type='opencd.ResNet'", HEAD, "opencd.ResNet is not implemented"},
    {BACKBONE, HEAD ", loss_decode=dict(type='mmseg.CrossEntropyLoss')", NULL},
    {BACKBONE, HEAD ", loss_decode=dict(type='mmdet.CrossEntropyLoss')",
     "CrossEntropyLoss compares numbers with numbers"},
    {BACKBONE, HEAD ", loss_decode=dict(type='torch.nn.CrossEntropyLoss')",
     "the loss torch.nn.CrossEntropyLoss is not implemented here; another is mmseg.CrossEntropyLoss"},
    {BACKBONE, HEAD ", loss_decode=dict(type='mmdet.LovaszLoss')", "the loss mmdet.LovaszLoss is not implemented"},
    {BACKBONE, HEAD ", loss_decode=dict(type='mmdet.DiceLoss')", "DiceLoss"},
    {BACKBONE, HEAD ", loss_decode=dict(type='mmseg.SiLogLoss')", "SiLogLoss"},
    {BACKBONE, HEAD ", loss_decode=dict(type='somewhere.CrossEntropyLoss')", "the loss somewhere.CrossEntropyLoss"},
    {BACKBONE ", norm_cfg=dict(type='torch.nn.BatchNorm2d')", HEAD, NULL},
    {BACKBONE ", norm_cfg=dict(type='mmengine.BN')", HEAD, NULL},
    {BACKBONE ", norm_cfg=dict(type='BN', _scope_='mmdet')", HEAD, NULL},
    {BACKBONE ", norm_cfg=dict(type='mmdet.BN')", HEAD, "norm_cfg of type mmdet.BN is not supported"},
    {BACKBONE, HEAD ", act_cfg=dict(type='torch.nn.modules.activation.ReLU')", NULL},
    {BACKBONE, HEAD ", act_cfg=dict(type='mmdet.ReLU')", "act_cfg of type mmdet.ReLU is not supported"},
    {BACKBONE, HEAD ", conv_cfg=dict(type='mmdet.Conv2d')", "conv_cfg of type mmdet.Conv2d is not supported"},
};

static void scope_and_name_are_looked_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arena *mem = arena_new();
        cseg_error err;
        const wanted *c = &cases[i];
        cseg_status status = build(c->backbone, c->head, &err, mem);
        if ((status == CSEG_OK) != !c->complaint || (c->complaint && !strstr(err.text, c->complaint)))
            fail_msg("%s; %s: '%s'", c->backbone, c->head, err.text);
        arena_free(mem);
    }
}

static void change_kinds_are_open_cds_too(void **state)
{
    (void)state;
    static const char text[] = "model = dict(type='opencd.ChangeExtraSegmentor',\n"
                               "  backbone=dict(type='%s', depth=18, base_channels=8),\n"
                               "  decode_head=dict(type='FCNHead', in_channels=128, channels=8, num_classes=2))\n";
    static const char *const names[] = {"opencd.ChangeExtraResNet", "ChangeExtraResNet", "mmseg.ChangeExtraResNet"};
    for (size_t i = 0; i < 3; i++) {
        char filled[512];
        snprintf(filled, sizeof filled, text, names[i]);
        test_model t = test_build_ok(filled);
        assert_int_equal(t.m->dates, 2);
        test_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope_and_name_are_looked_up),
        cmocka_unit_test(change_kinds_are_open_cds_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
