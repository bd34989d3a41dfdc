# Mask2FormerHead on maps of equal channels, of which the encoder sees the smallest alone: three are added as in a
# pyramid, by the convolutions that the reference takes for them.
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=dict(type='BN')),
    neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=12, num_outs=4),
    decode_head=dict(
        type='Mask2FormerHead',
        in_channels=[12, 12, 12, 12],
        strides=[4, 8, 16, 32],
        feat_channels=12,
        out_channels=12,
        num_classes=4,
        num_queries=5,
        num_transformer_feat_level=1,
        pixel_decoder=dict(
            type='mmdet.MSDeformAttnPixelDecoder',
            num_outs=1,
            norm_cfg=dict(type='GN', num_groups=3),
            encoder=dict(
                num_layers=1,
                layer_cfg=dict(
                    self_attn_cfg=dict(embed_dims=12, num_heads=3, num_levels=1, num_points=2, batch_first=True),
                    ffn_cfg=dict(embed_dims=12, feedforward_channels=20))),
            positional_encoding=dict(num_feats=6, normalize=True)),
        positional_encoding=dict(num_feats=6, normalize=True),
        transformer_decoder=dict(
            num_layers=2,
            layer_cfg=dict(
                self_attn_cfg=dict(embed_dims=12, num_heads=3, batch_first=True),
                cross_attn_cfg=dict(embed_dims=12, num_heads=3, batch_first=True),
                ffn_cfg=dict(embed_dims=12, feedforward_channels=20))),
        loss_cls=dict(type='mmdet.CrossEntropyLoss', class_weight=[1.0] * 4 + [0.1]),
        loss_mask=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0),
        loss_dice=dict(type='mmdet.DiceLoss', naive_dice=True, eps=1.0, loss_weight=5.0),
        train_cfg=dict(
            num_points=60,
            assigner=dict(
                type='mmdet.HungarianAssigner',
                match_costs=[
                    dict(type='mmdet.ClassificationCost', weight=2.0),
                    dict(type='mmdet.CrossEntropyLossCost', weight=5.0),
                    dict(type='mmdet.DiceCost', weight=5.0, pred_act=True, eps=1.0)
                ]),
            sampler=dict(type='mmdet.MaskPseudoSampler'))),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
