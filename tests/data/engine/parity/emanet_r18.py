# EMANet's head on a narrow ResNet-18.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        type='EMAHead',
        in_channels=128,
        in_index=3,
        channels=16,
        ema_channels=32,
        num_bases=8,
        num_stages=3,
        momentum=0.1,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
