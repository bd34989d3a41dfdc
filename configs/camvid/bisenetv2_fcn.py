_base_ = './_base_/camvid.py'
norm_cfg = dict(type='BN', requires_grad=True)
loss = dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)
head = dict(
    type='FCNHead', concat_input=False, num_classes=11, norm_cfg=norm_cfg, align_corners=False, loss_decode=loss)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='BiSeNetV2',
        detail_channels=(64, 64, 128),
        semantic_channels=(16, 32, 64, 128),
        semantic_expansion_ratio=6,
        bga_channels=128,
        out_indices=(0, 1, 2, 3, 4),
        init_cfg=None,
        align_corners=False),
    decode_head=dict(in_channels=128, in_index=0, channels=1024, num_convs=1, dropout_ratio=0.1, **head),
    auxiliary_head=[
        dict(in_channels=16, in_index=1, channels=16, num_convs=2, **head),
        dict(in_channels=32, in_index=2, channels=64, num_convs=2, **head),
        dict(in_channels=64, in_index=3, channels=256, num_convs=2, **head),
        dict(in_channels=128, in_index=4, channels=1024, num_convs=2, **head)
    ])
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=100),
    dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=100, end=600, by_epoch=False)
]
