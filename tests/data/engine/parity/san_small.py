# SideAdapterCLIPHead with CLIP's text encoder: names of a vocabulary in sentences of its own, maps that do not tile the
# side network's, a bias for each layer, one head for all, CLIP's maps behind some layers alone, one layer that learns early.
norm_cfg = dict(type='LN', eps=1e-5)
num_classes = 5
model = dict(
    type='MultimodalEncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[122.7709, 116.7460, 104.0937], std=[68.5005, 66.6322, 70.3232],
                           bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=(96, 128)),
    pretrained=None,
    asymetric_input=True,
    encoder_resolution=0.7,
    image_encoder=dict(type='VisionTransformer', img_size=(28, 42), patch_size=14, patch_pad=0, in_channels=3, embed_dims=24,
                       num_layers=2, num_heads=3, mlp_ratio=2, out_origin=True, out_indices=(0, 1), qkv_bias=True,
                       with_cls_token=True, output_cls_token=True, patch_bias=False, pre_norm=True, norm_cfg=norm_cfg,
                       act_cfg=dict(type='QuickGELU'), interpolate_mode='bicubic', frozen_exclude=['pos_embed']),
    text_encoder=dict(type='CLIPTextEncoder', dataset_name=None,
                      vocabulary=['grass', 'dining table-merged', 'Café au lait', "a dog's 1st toy", 'tv&  monitor'],
                      templates=['a photo of a {}.', 'There is {{the}} {0} in the scene'], embed_dims=16, num_layers=2,
                      num_heads=2, mlp_ratio=3, output_dims=20, cache_feature=True, cat_bg=True, norm_cfg=norm_cfg),
    decode_head=dict(
        type='SideAdapterCLIPHead',
        num_classes=num_classes,
        deep_supervision_idxs=[2],
        san_cfg=dict(in_channels=3, clip_channels=24, embed_dims=16, patch_size=16, patch_bias=True, num_queries=7,
                     cfg_encoder=dict(num_encode_layer=3, num_heads=2, mlp_ratio=2), fusion_index=[0, 2, 2],
                     cfg_decoder=dict(num_heads=1, num_layers=2, embed_channels=12, mlp_channels=14, num_mlp=3, rescale=True),
                     norm_cfg=dict(type='LN', eps=1e-6)),
        maskgen_cfg=dict(sos_token_format='cls_token', sos_token_num=7, cross_attn=False, num_layers=2, embed_dims=24,
                         num_heads=3, mlp_ratio=2, qkv_bias=True, out_dims=20, final_norm=True,
                         act_cfg=dict(type='QuickGELU'), norm_cfg=norm_cfg, frozen_exclude=['layers.1']),
        align_corners=False,
        train_cfg=dict(
            num_points=60, oversample_ratio=3.0, importance_sample_ratio=0.75,
            assigner=dict(type='HungarianAssigner', match_costs=[
                dict(type='ClassificationCost', weight=2.0),
                dict(type='CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
                dict(type='DiceCost', weight=5.0, pred_act=True, eps=1.0)])),
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_name='loss_cls_ce', loss_weight=2.0, class_weight=[1.0] * num_classes + [0.1]),
            dict(type='CrossEntropyLoss', use_sigmoid=True, loss_name='loss_mask_ce', loss_weight=5.0),
            dict(type='DiceLoss', ignore_index=None, naive_dice=True, eps=1, loss_name='loss_mask_dice', loss_weight=5.0)]),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.0001))
