# The last two stages look at a large backbone of which only the position codes learn.
default_scope = 'opencd'
model = dict(
    type='BAN',
    asymetric_input=True,
    encoder_resolution=dict(size=(32, 48), mode='bilinear'),
    image_encoder=dict(
        type='mmseg.VisionTransformer',
        img_size=(32, 32),
        patch_size=8,
        patch_pad=0,
        embed_dims=16,
        num_layers=3,
        num_heads=2,
        out_indices=(0, 2),
        output_cls_token=True,
        pre_norm=True,
        act_cfg=dict(type='mmseg.QuickGELU'),
        interpolate_mode='bicubic',
        frozen_exclude=['pos_embed']),
    decode_head=dict(
        type='BitemporalAdapterHead',
        ban_cfg=dict(
            clip_channels=16,
            fusion_index=[1, 2],
            side_enc_cfg=dict(
                type='mmseg.MixVisionTransformer',
                embed_dims=8,
                num_stages=3,
                num_layers=[1, 1, 1],
                num_heads=[1, 2, 4],
                patch_sizes=[7, 3, 3],
                strides=[4, 2, 2],
                sr_ratios=[4, 2, 1],
                out_indices=(0, 1, 2))),
        ban_dec_cfg=dict(
            type='BAN_MLPDecoder',
            in_channels=[8, 16, 32],
            channels=12,
            num_classes=2,
            norm_cfg=dict(type='SyncBN', requires_grad=True),
            interpolate_mode='bicubic'),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
