# FPN from the second map on, with two further maps by convolutions, read in another order than the neck gives them.
norm_cfg = dict(type='GN', num_groups=2)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm_cfg),
    neck=dict(
        type='FPN',
        in_channels=[8, 16, 32, 64],
        out_channels=10,
        start_level=1,
        num_outs=5,
        add_extra_convs='on_lateral',
        relu_before_extra_convs=True,
        no_norm_on_lateral=True,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.2),
        upsample_cfg=dict(mode='bilinear', align_corners=True)),
    decode_head=dict(
        type='UPerHead',
        in_channels=[10, 10, 10],
        in_index=[-2, 1, 0],
        channels=12,
        pool_scales=(2, ),
        num_classes=5,
        align_corners=True,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='SiLU'),
        ignore_index=3),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=[10, 10],
        in_index=(4, 0),
        input_transform='resize_concat',
        channels=8,
        kernel_size=1,
        num_classes=5,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
