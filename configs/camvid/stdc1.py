_base_ = './_base_/camvid.py'
norm_cfg = dict(type='BN', requires_grad=True)
loss = dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)
head = dict(
    type='FCNHead',
    num_convs=1,
    concat_input=False,
    num_classes=11,
    norm_cfg=norm_cfg,
    sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=4096),
    loss_decode=loss)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='STDCContextPathNet',
        backbone_cfg=dict(
            type='STDCNet',
            stdc_type='STDCNet1',
            in_channels=3,
            channels=(32, 64, 256, 512, 1024),
            bottleneck_type='cat',
            num_convs=4,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='ReLU'),
            with_final_conv=False),
        last_in_channels=(1024, 512),
        out_channels=128,
        ffm_cfg=dict(in_channels=384, out_channels=256, scale_factor=4)),
    decode_head=dict(in_channels=256, in_index=3, channels=256, dropout_ratio=0.1, align_corners=True, **head),
    auxiliary_head=[
        dict(in_channels=128, in_index=2, channels=64, align_corners=False, **head),
        dict(in_channels=128, in_index=1, channels=64, align_corners=False, **head),
        dict(
            type='STDCHead',
            in_channels=256,
            in_index=0,
            channels=64,
            num_convs=1,
            num_classes=2,
            boundary_threshold=0.1,
            norm_cfg=norm_cfg,
            concat_input=False,
            align_corners=True,
            loss_decode=[
                dict(type='CrossEntropyLoss', loss_name='loss_ce', use_sigmoid=True, loss_weight=1.0),
                dict(type='DiceLoss', loss_name='loss_dice', loss_weight=1.0)
            ])
    ])
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=100),
    dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=100, end=600, by_epoch=False)
]
