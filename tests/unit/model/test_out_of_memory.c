/* Every kind of model, built and traced, with each allocation failing. */
#include "model_test.h"

#include "../out_of_memory.h"

/* Two heads of which each takes one map. */
#define TEST_ATTENTION(decode, auxiliary)                                                                              \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4)," \
    "  decode_head=dict(" decode ", in_channels=32, channels=8, num_classes=3, norm_cfg=dict(type='BN')),\n"           \
    "  auxiliary_head=dict(" auxiliary ", in_channels=16, in_index=2, channels=8, num_classes=3))\n"

/* A small ViT with what is given for the backbone, a neck, and the two heads. */
#define TEST_VIT(backbone, neck, decode, auxiliary)                                                                    \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='VisionTransformer', img_size=32, embed_dims=8,\n"    \
    "    num_layers=2, num_heads=2, out_indices=(0, 1))" backbone "),\n  " neck "  decode_head=dict(" decode           \
    ", num_classes=3),\n"                                                                                              \
    "  auxiliary_head=dict(" auxiliary ", num_classes=3))\n"

/* Open-CD's backbones of two dates. */
#define TEST_DATES(backbone, more) "model = dict(type='DIEncoderDecoder', backbone=dict(" backbone "), " more ")\n"
#define TEST_PLAIN(channels)                                                                                           \
    "decode_head=dict(type='FCNHead', in_channels=" channels ", channels=" channels                                    \
    ", num_convs=0, concat_input=False, "                                                                              \
    "num_classes=2)"
#define TEST_IDENTITY                                                                                                  \
    "dict(type='IdentityHead', in_channels=1, num_classes=2, out_channels=1,\n"                                        \
    "  loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))"

/* One config for several kinds; a new kind is named in one of them. */
static const char *const configs[] = {
    TEST_RESNET("", "",
                ", auxiliary_head=dict(type='FCNHead', in_channels=32, in_index=2, channels=8,\n"
                "  num_convs=1, num_classes=4, loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))"),
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=50, base_channels=4, stem_channels=8,\n"
    "    dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1), contract_dilation=True, with_cp=True),\n"
    "  decode_head=dict(type='PSPHead', in_channels=128, channels=8, num_classes=3, pool_scales=(1, 2),\n"
    "    norm_cfg=dict(type='GN', num_groups=2),\n"
    "    loss_decode=dict(type='CrossEntropyLoss', class_weight=[1, 2, 3])))\n",
    "model = dict(type='EncoderDecoderMultiHead', backbone=dict(type='ResNetV1d', depth=18, base_channels=4,\n"
    "    stem_channels=8),\n"
    "  neck=dict(type='FPN', in_channels=[4, 8, 16, 32], out_channels=4, num_outs=4),\n"
    "  decode_head=[dict(type='FCNHead', in_channels=4, channels=4, num_classes=2),\n"
    "    dict(type='FCNHead', in_channels=4, channels=4, num_classes=1, out_channels=1, threshold=0.5,\n"
    "      loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))])\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='HRNet', extra=dict(\n"
    "  stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ), num_channels=(4, )),\n"
    "  stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1), num_channels=(4, 8)),\n"
    "  stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, 1, 1), num_channels=(4, 8, 12)),\n"
    "  stage4=dict(num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1),\n"
    "    num_channels=(4, 8, 12, 16)))),\n"
    "  decode_head=dict(type='FCNHead', in_channels=[4, 8, 12, 16], in_index=(0, 1, 2, 3), channels=8,\n"
    "    input_transform='resize_concat', kernel_size=1, num_convs=1, concat_input=False, num_classes=3))\n",
    "model = dict(type='ChangeExtraSegmentor', fusion='abs_diff', backbone=dict(type='ChangeExtraResNet', depth=18,\n"
    "    base_channels=4, stem_channels=4, in_channels=2),\n"
    "  decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=2))\n",
    "model = dict(type='ChangeExtraSegmentor', backbone=dict(type='ChangeExtraResNet', depth=18, base_channels=4,\n"
    "    stem_channels=4, in_channels=2), neck=dict(type='FeatureFusionNeck', policy='diff'),\n"
    "  decode_head=dict(type='EMAHead', in_channels=32, channels=8, ema_channels=8, num_bases=4, num_stages=2,\n"
    "    num_classes=2))\n",
    "model = dict(type='CascadeEncoderDecoder', num_stages=2, backbone=dict(type='ResNetV1c', depth=18,\n"
    "    base_channels=4, stem_channels=4),\n"
    "  decode_head=[dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=3),\n"
    "    dict(type='OCRHead', in_channels=32, channels=8, ocr_channels=4, num_classes=3,\n"
    "      sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100))],\n"
    "  auxiliary_head=dict(type='EncHead', in_channels=[16, 32], in_index=(2, 3), channels=8, num_codes=4,\n"
    "    add_lateral=True, num_classes=3, norm_cfg=dict(type='BN'), sampler=dict(type='OHEMPixelSampler', "
    "min_kept=100)))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='MSCAN', embed_dims=[4, 4, 8, 8], depths=[1, 1, 1, 1],\n"
    "    mlp_ratios=[1, 1, 1, 1], drop_path_rate=0.1),\n"
    "  decode_head=dict(type='LightHamHead', in_channels=[4, 8, 8], in_index=[1, 2, 3], channels=4, ham_channels=4,\n"
    "    ham_kwargs=dict(MD_S=2, MD_R=2), num_classes=3),\n"
    "  auxiliary_head=dict(type='LightHamHead', in_channels=[8], in_index=[3], channels=4, ham_channels=4,\n"
    "    ham_kwargs=dict(MD_R=2, rand_init=False), num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='BEiT', img_size=64, embed_dims=4, num_layers=4,\n"
    "    num_heads=2, out_indices=[0, 1, 2, 3], final_norm=True), neck=dict(type='Feature2Pyramid', embed_dim=4),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='SwinTransformer', embed_dims=4, depths=[2, 1],\n"
    "    num_heads=[1, 2], strides=[4, 2], window_size=3, out_indices=(0, 1), use_abs_pos_embed=True,\n"
    "    pretrain_img_size=64, frozen_stages=0),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=1, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='PCPVT', embed_dims=[4, 8], num_heads=[1, 2],\n"
    "    depths=[1, 1], norm_after_stage=True),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=1, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='SVT', embed_dims=[4, 8], num_heads=[1, 2],\n"
    "    depths=[2, 2], windiow_sizes=[3, 5]),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=1, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='MAE', img_size=64, embed_dims=4, num_layers=1,\n"
    "    num_heads=2, patch_norm=True),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='MixVisionTransformer', embed_dims=4, num_stages=2,\n"
    "    num_layers=[1, 2], num_heads=[1, 2], patch_sizes=[7, 3], strides=[4, 2], sr_ratios=[2, 1], with_cp=True,\n"
    "    out_indices=(0, 1), act_cfg=dict(type='PReLU')),\n"
    "  decode_head=dict(type='SegformerHead', in_channels=[4, 8], in_index=[0, 1], channels=4, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),\n"
    "  neck=dict(type='JPU', in_channels=(4, 8, 16, 32), mid_channels=4, start_level=1, dilations=(1, 2)),\n"
    "  decode_head=dict(type='ASPPHead', in_channels=8, in_index=2, channels=4, dilations=(1, 2), num_classes=3),\n"
    "  auxiliary_head=[dict(type='DepthwiseSeparableASPPHead', in_channels=8, in_index=2, channels=4, dilations=(1, "
    "2),\n"
    "      c1_in_channels=8, c1_channels=4, num_classes=3),\n"
    "    dict(type='DepthwiseSeparableFCNHead', in_channels=8, in_index=2, channels=4, num_convs=1, num_classes=3)])\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),\n"
    "  decode_head=dict(type='UPerHead', in_channels=[4, 8, 16, 32], in_index=[0, 1, 2, 3], channels=4,\n"
    "    pool_scales=(1, 2), num_classes=3),\n"
    "  auxiliary_head=dict(type='FPNHead', in_channels=[4, 8, 16, 32], in_index=[0, 1, 2, 3],\n"
    "    feature_strides=[4, 8, 16, 32], channels=4, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='MobileNetV2', widen_factor=0.1, with_cp=True),\n"
    "  decode_head=dict(type='FCNHead', in_channels=32, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='UNet', base_channels=4, num_stages=3, strides=(1, 1, 2),\n"
    "    enc_num_convs=(1, 1, 1), dec_num_convs=(1, 1), downsamples=(True, True), enc_dilations=(1, 1, 1),\n"
    "    dec_dilations=(1, 1)),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='BiSeNetV1', spatial_channels=(4, 4, 4, 4),\n"
    "    context_channels=(4, 8, 16), out_channels=8,\n"
    "    backbone_cfg=dict(type='ResNet', depth=18, base_channels=2, stem_channels=4)),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=0, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='BiSeNetV2', detail_channels=(4, 4, 8),\n"
    "    semantic_channels=(2, 4, 4, 8), bga_channels=8),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=0, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='STDCContextPathNet', backbone_cfg=dict(type='STDCNet',\n"
    "    stdc_type='STDCNet1', in_channels=3, channels=(2, 4, 8, 8, 16), bottleneck_type='add', num_convs=2,\n"
    "    norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU'), with_final_conv=True),\n"
    "    last_in_channels=(1024, 8), out_channels=4, ffm_cfg=dict(in_channels=12, out_channels=4)),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, in_index=3, channels=4, num_convs=1, num_classes=3),\n"
    "  auxiliary_head=dict(type='STDCHead', in_channels=8, in_index=0, channels=4, num_convs=1, num_classes=2))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='FastSCNN', downsample_dw_channels=(2, 4),\n"
    "    global_in_channels=4, global_block_channels=(4, 4, 4), global_out_channels=8, higher_in_channels=4,\n"
    "    lower_in_channels=8, fusion_out_channels=4),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, in_index=2, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ERFNet', enc_downsample_channels=(4, 8),\n"
    "    enc_stage_non_bottlenecks=(1, ), enc_non_bottleneck_dilations=(2, ), enc_non_bottleneck_channels=(8, ),\n"
    "    dec_upsample_channels=(4, ), dec_stages_non_bottleneck=(1, ), dec_non_bottleneck_channels=(4, )),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=3,\n"
    "    conv_cfg=dict(type='deconv')))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='UNet', base_channels=4, num_stages=2, strides=(1, 1),\n"
    "    enc_num_convs=(1, 1), dec_num_convs=(1, ), downsamples=(True, ), enc_dilations=(1, 1), dec_dilations=(1, ),\n"
    "    upsample_cfg=dict(type='DeconvModule')),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='mmpretrain.ConvNeXt', use_grn=True, with_cp=True,\n"
    "    arch=dict(depths=[1, 1], channels=[4, 8]), out_indices=[0, 1], gap_before_final_norm=False),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='mmcls.ConvNeXt', linear_pw_conv=False,\n"
    "    arch=dict(depths=[1, 1], channels=[4, 8]), out_indices=1, gap_before_final_norm=False),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='mmpretrain.PoolFormer', out_indices=[0, 2],\n"
    "    arch=dict(layers=[1, 1], embed_dims=[4, 8])),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='VisionTransformer', img_size=32, embed_dims=8,\n"
    "    num_layers=2, num_heads=2, out_origin=True, pre_norm=True, final_norm=True, patch_norm=True, drop_rate=0.1,\n"
    "    attn_drop_rate=0.1, drop_path_rate=0.1, frozen_exclude=['attn'], with_cp=True),\n"
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_convs=1, num_classes=3))\n",
    TEST_VIT("", "neck=dict(type='MultiLevelNeck', in_channels=[8, 8], out_channels=4, scales=[2, 0.5]),\n",
             "type='SETRUPHead', in_channels=4, in_index=1, channels=4",
             "type='SETRUPHead', in_channels=4, channels=4"),
    TEST_VIT("", "neck=dict(type='MLANeck', in_channels=[8, 8], out_channels=4),\n",
             "type='SETRMLAHead', in_channels=[4, 4], in_index=[0, 1], channels=8, mla_channels=4",
             "type='SegmenterMaskTransformerHead', in_channels=4, channels=4, num_layers=1, num_heads=2, embed_dims=8"),
    TEST_VIT(", num_layers=4, out_indices=(0, 1, 2, 3), output_cls_token=True", "",
             "type='DPTHead', in_channels=[8] * 4, in_index=[0, 1, 2, 3], input_transform='multiple_select',\n"
             "    embed_dims=8, channels=4, post_process_channels=[4, 4, 4, 8], readout_type='project'",
             "type='DPTHead', in_channels=[8] * 4, in_index=[0, 1, 2, 3], input_transform='multiple_select',\n"
             "    embed_dims=8, channels=4, post_process_channels=[4, 4, 4, 8], readout_type='add'"),
    TEST_ATTENTION("type='NLHead', mode='concatenation'", "type='DNLHead'"),
    TEST_ATTENTION("type='CCHead'", "type='ISAHead', isa_channels=4, down_factor=(5, 3)"),
    TEST_ATTENTION("type='DAHead', pam_channels=4", "type='APCHead', pool_scales=(1, 2)"),
    TEST_ATTENTION("type='PSAHead', mask_size=(3, 3)", "type='PSAHead', mask_size=(2, 2), compact=True"),
    TEST_ATTENTION("type='GCHead'", "type='FCNHead', num_convs=1, loss_decode=dict(type='DiceLoss')"),
    "model = dict(type='CascadeEncoderDecoder', num_stages=2,\n"
    "  backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4),\n"
    "  decode_head=[dict(type='FCNHead', in_channels=32, channels=4, num_convs=1, num_classes=3),\n"
    "    dict(type='PointHead', in_channels=[4], in_index=[0], channels=4, num_fcs=1, num_classes=3)],\n"
    "  train_cfg=dict(num_points=40, oversample_ratio=3, importance_sample_ratio=0.75),\n"
    "  test_cfg=dict(subdivision_steps=1, subdivision_num_points=20, scale_factor=2))\n",
    TEST_RESNET("",
                ", loss_decode=[dict(type='FocalLoss', alpha=[0.5] * 4, class_weight=[1, 2, 3, 4]),\n"
                "    dict(type='FocalLoss'), dict(type='TverskyLoss', class_weight=[1, 2, 3, 4], ignore_index=2),\n"
                "    dict(type='LovaszLoss', per_image=True, class_weight=[1, 2, 3, 4], classes=[1, 2]),\n"
                "    dict(type='HuasdorffDisstanceLoss'), dict(type='HuasdorffDisstanceLoss', ignore_index=2)]",
                ""),
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4),\n"
    "  decode_head=dict(type='EncHead', in_channels=[32], in_index=[3], channels=4, num_codes=2, num_classes=3,\n"
    "    norm_cfg=dict(type='BN'), loss_se_decode=dict(type='KLDivLoss')),\n"
    "  auxiliary_head=dict(type='EncHead', in_channels=[16], in_index=[2], channels=4, num_codes=2, num_classes=3,\n"
    "    norm_cfg=dict(type='BN'), loss_se_decode=dict(type='SiLogLoss')))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4),\n"
    "  decode_head=dict(type='ANNHead', in_channels=[16, 32], in_index=(2, 3), channels=8, project_channels=4,\n"
    "    key_pool_scales=(1, 2), num_classes=3, norm_cfg=dict(type='BN')),\n"
    "  auxiliary_head=dict(type='DMHead', in_channels=16, in_index=2, channels=8, filter_sizes=(1, 2), fusion=True,\n"
    "    num_classes=3, norm_cfg=dict(type='BN')))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='DDRNet', channels=4, ppm_channels=4),\n"
    "  decode_head=dict(type='DDRHead', in_channels=16, channels=4, num_classes=3, loss_decode=[\n"
    "    dict(type='OhemCrossEntropy', class_weight=[1, 2, 3]), dict(type='OhemCrossEntropy')]))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='PIDNet', channels=4, ppm_channels=4),\n"
    "  decode_head=dict(type='PIDHead', in_channels=16, channels=4, num_classes=3, loss_decode=[\n"
    "    dict(type='CrossEntropyLoss'), dict(type='OhemCrossEntropy'), dict(type='BoundaryLoss'),\n"
    "    dict(type='OhemCrossEntropy')]))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='CGNet', num_channels=(4, 6, 8), num_blocks=(2, 2),\n"
    "    reductions=(2, 4), with_cp=True),\n"
    "  decode_head=dict(type='FCNHead', in_channels=16, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNeXt', depth=50, base_channels=4, stem_channels=4,\n"
    "    groups=2, base_width=2, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1, ), plugins=[\n"
    "    dict(cfg=dict(type='ContextBlock', ratio=0.5, postfix=1), position='after_conv2'),\n"
    "    dict(cfg=dict(type='NonLocal2d', sub_sample=True), position='after_conv3'),\n"
    "    dict(cfg=dict(type='GeneralizedAttention', num_heads=2), position='after_conv3')]),\n"
    "  decode_head=dict(type='FCNHead', in_channels=32, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNeSt', depth=50, base_channels=4, stem_channels=4,\n"
    "    groups=2, base_width=4, norm_cfg=dict(type='GN', num_groups=2)),\n"
    "  decode_head=dict(type='FCNHead', in_channels=128, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ICNet', layer_channels=(8, 32), psp_out_channels=4,\n"
    "    backbone_cfg=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4), pool_scales=(1, 2),\n"
    "    light_branch_middle_channels=4, out_channels=(4, 4, 8)),\n"
    "  neck=dict(type='ICNeck', in_channels=(4, 4, 8), out_channels=4),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='MobileNetV3', reduction_factor=8, with_cp=True),\n"
    "  decode_head=dict(type='FCNHead', in_channels=576, channels=4, num_convs=1, num_classes=3))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),\n"
    "  decode_head=dict(type='IterativeDecodeHead', num_stages=2, kernel_update_head=[\n"
    "    dict(type='KernelUpdateHead', num_heads=2, num_mask_fcs=1, feedforward_channels=8, in_channels=8,\n"
    "      out_channels=8, dropout=0.1, feat_transform_cfg=dict(act_cfg=None),\n"
    "      kernel_updator_cfg=dict(type='KernelUpdator', in_channels=4, feat_channels=4, gate_norm_act=True)),\n"
    "    dict(type='KernelUpdateHead', num_heads=2, num_mask_fcs=1, feedforward_channels=8, in_channels=8,\n"
    "      out_channels=8, conv_kernel_size=3, mask_transform_stride=2, feat_transform_cfg=dict(kernel_size=3),\n"
    "      kernel_updator_cfg=dict(type='KernelUpdator', in_channels=8, feat_channels=8, out_channels=72))],\n"
    "    kernel_generate_head=dict(type='NLHead', in_channels=16, in_index=2, channels=8, num_classes=3)))\n",
    "model = dict(type='EncoderDecoder', backbone=dict(type='UNet', base_channels=4, num_stages=3, strides=(1, 1, 1),\n"
    "    enc_num_convs=(1, 1, 1), dec_num_convs=(1, 1), downsamples=(True, True), enc_dilations=(1, 1, 1),\n"
    "    dec_dilations=(1, 1)),\n"
    "  decode_head=dict(type='LRASPPHead', in_channels=(16, 8, 4), in_index=(0, 1, 2), branch_channels=(2, 3),\n"
    "    input_transform='multiple_select', channels=4, num_classes=3))\n",
    "layer = dict(self_attn_cfg=dict(embed_dims=4, num_heads=2, dropout=0.1), ffn_cfg=dict(embed_dims=4))\n"
    "head = dict(type='MaskFormerHead', in_channels=[16, 32], feat_channels=4, out_channels=4, num_classes=3,\n"
    "  num_queries=5, positional_encoding=dict(num_feats=2), transformer_decoder=dict(num_layers=1,\n"
    "    layer_cfg=dict(layer, cross_attn_cfg=dict(embed_dims=4, num_heads=1))),\n"
    "  loss_cls=dict(type='mmdet.CrossEntropyLoss', class_weight=[1, 1, 2, 0.1]),\n"
    "  loss_mask=dict(type='mmdet.FocalLoss'), loss_dice=dict(type='mmdet.DiceLoss'),\n"
    "  train_cfg=dict(sampler=dict(type='mmdet.MaskPseudoSampler'), assigner=dict(type='mmdet.HungarianAssigner',\n"
    "    match_costs=[dict(type='mmdet.ClassificationCost'), dict(type='mmdet.FocalLossCost', binary_input=True),\n"
    "      dict(type='mmdet.DiceCost', pred_act=True), dict(type='mmdet.CrossEntropyLossCost')])))\n"
    "norm = dict(type='GN', num_groups=2)\n"
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4,\n"
    "    out_indices=(2, 3)),\n"
    "  decode_head=dict(head, pixel_decoder=dict(type='mmdet.PixelDecoder', norm_cfg=norm)),\n"
    "  auxiliary_head=dict(head, pixel_decoder=dict(type='mmdet.TransformerEncoderPixelDecoder', norm_cfg=norm,\n"
    "    encoder=dict(num_layers=1, layer_cfg=layer), positional_encoding=dict(num_feats=2))))\n",
    "layer = dict(self_attn_cfg=dict(embed_dims=4, num_heads=2, num_levels=2), ffn_cfg=dict(embed_dims=4))\n"
    "attn = dict(embed_dims=4, num_heads=1)\n"
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4,\n"
    "    out_indices=(1, 2, 3)),\n"
    "  decode_head=dict(type='Mask2FormerHead', in_channels=[8, 16, 32], feat_channels=4, out_channels=4,\n"
    "    num_classes=3, num_queries=5, num_transformer_feat_level=2, enforce_decoder_input_project=True,\n"
    "    pixel_decoder=dict(type='mmdet.MSDeformAttnPixelDecoder', norm_cfg=dict(type='GN', num_groups=2),\n"
    "      encoder=dict(num_layers=1, layer_cfg=layer), positional_encoding=dict(num_feats=2)),\n"
    "    positional_encoding=dict(num_feats=2), transformer_decoder=dict(num_layers=1,\n"
    "      layer_cfg=dict(self_attn_cfg=attn, cross_attn_cfg=attn, ffn_cfg=dict(embed_dims=4))),\n"
    "    loss_cls=dict(type='mmdet.CrossEntropyLoss', class_weight=[1, 1, 2, 0.1]),\n"
    "    train_cfg=dict(num_points=16, sampler=dict(type='mmdet.MaskPseudoSampler'),\n"
    "      assigner=dict(type='mmdet.HungarianAssigner', match_costs=dict(type='mmdet.ClassificationCost')))))\n",
    "model = dict(type='MultimodalEncoderDecoder', encoder_resolution=0.5, pretrained='clip.pth',\n"
    "  image_encoder=dict(type='VisionTransformer', img_size=32, patch_pad=0, embed_dims=8, num_layers=1, "
    "num_heads=2,\n"
    "    mlp_ratio=1, out_origin=True, out_indices=(0,), output_cls_token=True),\n"
    "  text_encoder=dict(type='CLIPTextEncoder', vocabulary=['cat'], templates=['a {}'], embed_dims=8, num_layers=1,\n"
    "    num_heads=2, output_dims=6),\n"
    "  decode_head=dict(type='SideAdapterCLIPHead', num_classes=1, deep_supervision_idxs=[],\n"
    "    san_cfg=dict(clip_channels=8, embed_dims=8, num_queries=3, fusion_index=[0, 1],\n"
    "      cfg_encoder=dict(num_encode_layer=1, num_heads=2, mlp_ratio=1), cfg_decoder=dict(num_heads=2, "
    "num_layers=1,\n"
    "      embed_channels=4, mlp_channels=4, num_mlp=2, rescale=True)),\n"
    "    maskgen_cfg=dict(sos_token_num=3, num_layers=1, embed_dims=8, num_heads=2, mlp_ratio=1, out_dims=6),\n"
    "    train_cfg=dict(num_points=8, assigner=dict(type='HungarianAssigner',\n"
    "      match_costs=dict(type='ClassificationCost'))), loss_decode=[\n"
    "      dict(type='CrossEntropyLoss', loss_name='loss_cls_ce'),\n"
    "      dict(type='CrossEntropyLoss', use_sigmoid=True, loss_name='loss_mask_ce'),\n"
    "      dict(type='DiceLoss', ignore_index=None, loss_name='loss_mask_dice')]))\n",
    TEST_DATES("type='FC_EF', in_channels=6, base_channel=4", TEST_PLAIN("4")),
    TEST_DATES("type='FC_Siam_conc', in_channels=3, base_channel=4", TEST_PLAIN("4")),
    TEST_DATES("type='FC_Siam_diff', in_channels=3, base_channel=4", TEST_PLAIN("4")),
    TEST_DATES("type='SNUNet_ECAM', in_channels=3, base_channel=4", TEST_PLAIN("16")),
    TEST_DATES("type='HAN', in_channels=3, base_channel=4", TEST_PLAIN("8")),
    TEST_DATES(
        "type='TinyNet', widen_factor=0.5, stem_stack_nums=1, output_early_x=True, with_cp=True",
        "neck=dict(type='TinyFPN', in_channels=[8, 16, 16, 24], out_channels=4, num_outs=4, exist_early_x=True),\n"
        "  decode_head=dict(type='TinyHead', in_channels=[16, 4, 4], in_index=[0, 1, 4], channels=4, num_classes=2,\n"
        "    feature_strides=[2, 4, 32], priori_attn=True)"),
    TEST_DATES(
        "type='LightCDNet', stage_repeat_num=[1, 1, 1]",
        "neck=dict(type='TinyFPN', in_channels=[24, 48, 48, 96], out_channels=4, num_outs=4, custom_block='conv'),\n"
        "  decode_head=dict(type='DS_FPNHead', in_channels=[4, 4], in_index=[0, 1], channels=4, num_classes=2)"),
    TEST_DATES("type='opencd.CGNet', pretrained=False", "decode_head=" TEST_IDENTITY ", auxiliary_head=" TEST_IDENTITY),
    TEST_DATES("type='IFN', pretrained='vgg16.pth', use_dropout=True",
               "decode_head=" TEST_IDENTITY ", auxiliary_head=dict(type='DSIdentityHead', in_channels=[1, 1],\n"
               "    in_index=[0, 1], num_classes=2, out_channels=1, input_transform='multiple_select',\n"
               "    sampler=dict(type='OHEMPixelSampler', min_kept=100),\n"
               "    loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))"),
    TEST_DATES("type='TinyCD', in_channels=3, freeze_backbone=True", "decode_head=" TEST_IDENTITY),
};
enum { CONFIGS = sizeof configs / sizeof *configs, RUNS = 400 };

static void every_kind_is_tried(void **state)
{
    (void)state;
    const kind *k;
    for (size_t n = 0; (k = kind_at(n)); n++) {
        char type[96];
        bool tried = false;
        snprintf(type, sizeof type, "type='%s%s'", kind_prefix(k), k->name);
        for (int i = 0; i < CONFIGS; i++)
            tried |= strstr(configs[i], type) != NULL;
        if (!tried)
            fail_msg("no config of this test has a %s%s: put one in", kind_prefix(k), k->name);
    }
}

static cseg_status parse_and_build(void *arg, cseg_error *err)
{
    value *cfg = NULL;
    model *m = NULL;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = config_parse_text(arg, "test.py", mem, &cfg, err);
    if (status == CSEG_OK)
        status = model_build(value_get(cfg, "model"), NULL, &m, err);
    if (status == CSEG_OK)
        model_init_weights(m, 3);
    model_free(m);
    arena_free(mem);
    return status;
}

static cseg_status trace_answer(void *arg, cseg_error *err)
{
    const model *m = arg;
    tensor *y = NULL;
    graph *g = graph_new(false);
    if (!g)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    for (int head = -1; head < m->n_heads && status == CSEG_OK; head++)
        status = model_trace_logits(arg, g, 1, 64, 64, head, &y, err);
    graph_free(g);
    return status;
}

/* Some losses take no weights of pixels. */
static trace_options with_weights;

static cseg_status trace_gradients(void *arg, cseg_error *err)
{
    tensor *loss = NULL;
    graph *g = graph_new(true);
    if (!g)
        return fail_memory(err);
    cseg_status status = model_trace_loss(arg, g, 2, 64, 64, &with_weights, &loss, err);
    if (status == CSEG_OK)
        status = graph_backward(g, loss, err);
    graph_free(g);
    return status;
}

static void models_are_built_or_refused(void **state)
{
    (void)state;
    for (int i = 0; i < CONFIGS; i++)
        fail_each_allocation("building", parse_and_build, (void *)(uintptr_t)configs[i], RUNS);
}

static void models_are_traced_or_refused(void **state)
{
    (void)state;
    for (int i = 0; i < CONFIGS; i++) {
        test_model t = test_build_ok(configs[i]);
        with_weights.weight_map = !strstr(configs[i], "DiceLoss") && !strstr(configs[i], "OhemCrossEntropy");
        fail_each_allocation("logits", trace_answer, t.m, RUNS);
        fail_each_allocation("gradients", trace_gradients, t.m, RUNS);
        test_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_tried),
        cmocka_unit_test(models_are_built_or_refused),
        cmocka_unit_test(models_are_traced_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
