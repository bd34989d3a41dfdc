# Mask2FormerHead with everything else than its defaults: two maps of three through the encoder, projected ones, wide
# values, fewer queries than classes, all points the most uncertain ones, an ignored label among the classes.
attention = dict(embed_dims=12, num_heads=3, bias=False)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=dict(type='BN'), out_indices=(1, 2, 3)),
    decode_head=dict(
        type='Mask2FormerHead',
        in_channels=[16, 32, 64],
        feat_channels=12,
        out_channels=8,
        num_things_classes=3,
        num_stuff_classes=2,
        num_classes=7,
        num_queries=4,
        num_transformer_feat_level=2,
        ignore_index=2,
        align_corners=True,
        enforce_decoder_input_project=True,
        pixel_decoder=dict(
            type='mmdet.MSDeformAttnPixelDecoder',
            in_channels=[1],
            strides=[8, 16, 32],
            num_outs=2,
            norm_cfg=None,
            act_cfg=dict(type='LeakyReLU'),
            encoder=dict(
                num_layers=1,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=12, num_heads=3, num_levels=2, num_points=3, value_proj_ratio=1.5),
                    ffn_cfg=dict(embed_dims=12, feedforward_channels=20, act_cfg=dict(type='GELU')),
                    norm_cfg=dict(type='LN', eps=0.01))),
            positional_encoding=dict(num_feats=6, temperature=20)),
        positional_encoding=dict(num_feats=6, normalize=True, scale=3, offset=0.25, eps=0.01),
        transformer_decoder=dict(
            num_layers=3,
            return_intermediate=False,
            post_norm_cfg=dict(type='LN', eps=0.001),
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=dict(embed_dims=12, num_heads=2),
                ffn_cfg=dict(embed_dims=12, feedforward_channels=8, layer_scale_init_value=0.5))),
        loss_cls=dict(
            type='mmdet.CrossEntropyLoss',
            loss_weight=2.0,
            class_weight=[1.0, 0.5, 2.0, 0.25, 1.5, 3.0, 1.0, 0.1]),
        loss_mask=dict(type='mmdet.FocalLoss', gamma=1.5, alpha=0.7, loss_weight=2.0),
        loss_dice=dict(type='mmdet.DiceLoss', activate=True, naive_dice=False, eps=0.5, loss_weight=1.5),
        train_cfg=dict(
            num_points=301,
            oversample_ratio=1.5,
            importance_sample_ratio=1.0,
            assigner=dict(
                type='mmdet.HungarianAssigner',
                match_costs=[
                    dict(type='mmdet.ClassificationCost', weight=2.0),
                    dict(type='mmdet.FocalLossCost', weight=2.0, binary_input=True),
                ]),
            sampler=dict(type='mmdet.MaskPseudoSampler'))),
    test_cfg=dict(mode='whole'))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
