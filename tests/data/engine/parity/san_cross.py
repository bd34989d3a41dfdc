# SideAdapterCLIPHead whose queries look at the pixels from outside (cross_attn), one bias for all layers but one for each
# head, without what is switched off elsewhere: other sizes of the image, a learnt background, a last norm, biases of
# attention, a scale of the biases.
norm_cfg = dict(type='LN', eps=1e-5)
num_classes = 5
model = dict(
    type='MultimodalEncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[122.7709, 116.7460, 104.0937], std=[68.5005, 66.6322, 70.3232],
                           bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=(96, 128)),
    pretrained=None,
    asymetric_input=False,
    encoder_resolution=None,
    image_encoder=dict(type='VisionTransformer', img_size=(32, 64), patch_size=16, patch_pad=0, in_channels=3, embed_dims=24,
                       num_layers=2, num_heads=3, mlp_ratio=2, out_origin=True, out_indices=(0, 1), qkv_bias=True,
                       with_cls_token=True, output_cls_token=True, patch_bias=False, pre_norm=True, norm_cfg=norm_cfg,
                       act_cfg=dict(type='QuickGELU'), interpolate_mode='bicubic', frozen_exclude=['pos_embed']),
    text_encoder=dict(type='CLIPTextEncoder', dataset_name=None,
                      vocabulary=['grass', 'dining table', 'dog', 'sky', 'tv monitor', 'nothing'],
                      templates=['{}', 'a photo of {}'], embed_dims=16, num_layers=2,
                      num_heads=2, mlp_ratio=3, output_dims=20, cache_feature=True, cat_bg=False, norm_cfg=norm_cfg),
    decode_head=dict(
        type='SideAdapterCLIPHead',
        num_classes=num_classes,
        deep_supervision_idxs=[1, 2],
        san_cfg=dict(in_channels=3, clip_channels=24, embed_dims=16, patch_size=32, patch_bias=False, num_queries=7,
                     cfg_encoder=dict(num_encode_layer=3, num_heads=2, mlp_ratio=2), fusion_index=[1, 2, 3],
                     cfg_decoder=dict(num_heads=3, num_layers=1, embed_channels=12, mlp_channels=14, num_mlp=1, rescale=False),
                     norm_cfg=dict(type='LN', eps=1e-6)),
        maskgen_cfg=dict(sos_token_format='cls_token', sos_token_num=7, cross_attn=True, num_layers=3, embed_dims=24,
                         num_heads=3, mlp_ratio=2, qkv_bias=False, out_dims=20, final_norm=False,
                         act_cfg=dict(type='GELU'), norm_cfg=norm_cfg, frozen_exclude=['all']),
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
