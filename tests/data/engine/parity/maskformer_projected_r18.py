# MaskFormerHead whose transformer projects its input though the channels agree, with one map, one cost, one class weight
# for what is ignored, and losses in each other's place.
attention = dict(embed_dims=16, num_heads=4, proj_drop=0.2, dropout_layer=dict(type='DropPath', drop_prob=0.1))
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, num_stages=2, strides=(1, 2),
                  dilations=(1, 1), out_indices=(1, )),
    decode_head=dict(
        type='MaskFormerHead',
        in_channels=[16],
        feat_channels=16,
        out_channels=16,
        num_classes=5,
        num_queries=5,
        ignore_index=255,
        pixel_decoder=dict(type='mmdet.PixelDecoder', norm_cfg=dict(type='BN'), act_cfg=dict(type='Tanh')),
        enforce_decoder_input_project=True,
        positional_encoding=dict(num_feats=8),
        transformer_decoder=dict(
            num_layers=1,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(embed_dims=16, feedforward_channels=8, add_residual=True))),
        loss_cls=dict(
            type='mmdet.CrossEntropyLoss', class_weight=[1.0, 0.5, 2.0, 0.25, 1.5, 0.1], ignore_index=3),
        loss_mask=dict(type='mmdet.FocalLoss', gamma=1.5, alpha=0.7, loss_weight=2.0),
        loss_dice=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.01),
        train_cfg=dict(
            assigner=dict(type='mmdet.HungarianAssigner', match_costs=dict(type='DiceCost', pred_act=True)),
            sampler=dict(type='mmdet.MaskPseudoSampler', unused=1))),
    test_cfg=dict(mode='whole'))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.0001))
