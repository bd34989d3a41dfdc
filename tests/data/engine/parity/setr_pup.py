# A small SETR-PUP, with one map more in an auxiliary head of 1x1 convolutions.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='VisionTransformer',
        img_size=64,
        embed_dims=16,
        num_layers=2,
        num_heads=2,
        out_indices=(0, 1),
        interpolate_mode='bilinear'),
    decode_head=dict(
        type='SETRUPHead',
        in_channels=16,
        in_index=1,
        channels=8,
        num_convs=3,
        up_scale=1.6,
        norm_layer=dict(type='LN', eps=1e-2),
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='SETRUPHead',
        in_channels=[16, 16],
        in_index=[0, 1],
        input_transform='resize_concat',
        channels=8,
        kernel_size=1,
        act_cfg=dict(type='GELU'),
        align_corners=True,
        num_classes=7))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
