# Group norm, as in resnest_s50.py.
default_scope = 'opencd'
norm_cfg = dict(type='GN', num_groups=4, requires_grad=True)
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(
        type='IA_ResNeSt',
        depth=50,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(0, 2),
        stem_channels=8,
        base_channels=8,
        radix=2,
        norm_cfg=norm_cfg,
        interaction_cfg=(None, dict(type='TwoIdentity'), dict(type='ChannelExchange', p=1))),
    decode_head=dict(
        type='Changer',
        in_channels=[32, 128],
        in_index=[0, 1],
        channels=8,
        num_classes=2,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
        interpolate_mode='bicubic',
        align_corners=True,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
