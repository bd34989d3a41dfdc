_base_ = './_base_/camvid.py'
norm_cfg = dict(type='BN', requires_grad=True)
ohem = dict(type='OhemCrossEntropy', thres=0.9, min_kept=4096)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='DDRNet', in_channels=3, channels=32, ppm_channels=128, norm_cfg=norm_cfg, align_corners=False),
    decode_head=dict(
        type='DDRHead',
        in_channels=32 * 4,
        channels=64,
        dropout_ratio=0.,
        num_classes=11,
        align_corners=False,
        norm_cfg=norm_cfg,
        loss_decode=[dict(loss_weight=1.0, **ohem), dict(loss_weight=0.4, **ohem)]))
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=600, by_epoch=False)]
