# MaskFormerHead with a transformer's encoder in the pixel decoder and everything else than its defaults: fewer queries
# than classes, the last layer alone, other costs and losses (one of them mmseg's), an old name of an argument.
attention = dict(embed_dims=12, num_heads=3, bias=False)
ffn = dict(
    embed_dims=12,
    feedforward_channels=20,
    num_fcs=3,
    act_cfg=dict(type='GELU'),
    dropout=0.2,
    layer_scale_init_value=0.5)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=dict(type='BN'), out_indices=(1, 2, 3)),
    decode_head=dict(
        type='MaskFormerHead',
        in_channels=[16, 32, 64],
        feat_channels=12,
        out_channels=12,
        num_things_classes=3,
        num_stuff_classes=2,
        num_classes=7,
        num_queries=4,
        ignore_index=2,
        align_corners=True,
        pixel_decoder=dict(
            type='mmdet.TransformerEncoderPixelDecoder',
            in_channels=[1],
            norm_cfg=None,
            act_cfg=dict(type='LeakyReLU'),
            encoder=dict(
                num_layers=2,
                layer_cfg=dict(
                    self_attn_cfg=dict(embed_dims=12, num_heads=2, dropout=0.1, batch_first=True), ffn_cfg=ffn)),
            positional_encoding=dict(num_feats=6, temperature=20, offset=-0.5)),
        positional_encoding=dict(num_feats=6, normalize=True, scale=3, offset=0.25, eps=0.01),
        transformer_decoder=dict(
            num_layers=2,
            return_intermediate=False,
            post_norm_cfg=dict(type='LN', eps=0.001),
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(embed_dims=12, feedforward_channels=8, add_identity=False),
                norm_cfg=dict(type='LN', eps=0.01))),
        loss_cls=dict(
            type='CrossEntropyLoss',
            loss_weight=2.0,
            class_weight=[1.0, 0.5, 2.0, 0.25, 1.5, 3.0, 1.0, 0.1]),
        loss_mask=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=1e-5),
        loss_dice=dict(type='mmdet.DiceLoss', activate=False, eps=0.5, loss_weight=1.5),
        train_cfg=dict(
            assigner=dict(
                type='mmdet.HungarianAssigner',
                match_costs=[
                    dict(type='mmdet.FocalLossCost', weight=2.0, alpha=0.4, gamma=1.5),
                    dict(type='CrossEntropyLossCost', weight=3.0),
                    dict(type='DiceCost', weight=1.5, pred_act=True, naive_dice=False)
                ]),
            sampler=dict(type='mmdet.MaskPseudoSampler'))),
    test_cfg=dict(mode='whole'))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.0001))
