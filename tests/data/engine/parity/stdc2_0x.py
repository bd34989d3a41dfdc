# As 0.x writes it: a narrow STDCNet2 whose modules add their maps to their input, with a final convolution; the nearest
# pixel; and a head that learns borders by its release's DiceLoss.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='STDCContextPathNet',
        backbone_cfg=dict(
            type='STDCNet',
            stdc_type='STDCNet2',
            in_channels=3,
            channels=(8, 12, 32, 48, 64),
            bottleneck_type='add',
            num_convs=3,
            with_final_conv=True,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='ReLU6')),
        last_in_channels=(1024, 48),
        out_channels=24,
        ffm_cfg=dict(in_channels=56, out_channels=32, scale_factor=4)),
    decode_head=dict(
        type='FCNHead',
        in_channels=32,
        in_index=3,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        align_corners=True,
        norm_cfg=norm_cfg,
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=2000)),
    auxiliary_head=[
        dict(type='FCNHead', in_channels=24, in_index=2, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
        dict(
            type='STDCHead',
            in_channels=32,
            in_index=0,
            channels=16,
            num_convs=1,
            concat_input=False,
            num_classes=2,
            boundary_threshold=0.2,
            align_corners=True,
            norm_cfg=norm_cfg,
            loss_decode=[
                dict(type='CrossEntropyLoss', loss_name='loss_ce', use_sigmoid=True, loss_weight=1.0),
                dict(type='DiceLoss', loss_name='loss_dice', loss_weight=0.5)
            ]),
    ])
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
optimizer_config = dict()
