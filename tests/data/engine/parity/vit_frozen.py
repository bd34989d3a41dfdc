# A small ViT without class token whose attentions and position codes alone learn; zeros all around its images.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='VisionTransformer',
        img_size=(96, ),
        patch_size=20,
        patch_pad='same',
        embed_dims=16,
        num_layers=2,
        num_heads=2,
        out_indices=(0, 1),
        with_cls_token=False,
        interpolate_mode='bilinear',
        frozen_exclude=['pos_embed', 'attn'],
        with_cp=True),
    decode_head=dict(
        type='FCNHead', in_channels=16, in_index=1, channels=16, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead', in_channels=16, in_index=0, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
