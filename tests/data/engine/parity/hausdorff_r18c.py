# HuasdorffDisstanceLoss alone on one head, and beside others, with an ignored label that is a class, on another; a
# sampler of pixels that it passes over.
norm_cfg = dict(type='SyncBN', requires_grad=True)
head = dict(
    type='FCNHead', channels=16, num_convs=1, concat_input=False, num_classes=7, norm_cfg=norm_cfg)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        in_channels=128, in_index=3, loss_decode=dict(type='HuasdorffDisstanceLoss', loss_weight=0.01), **head),
    auxiliary_head=dict(
        in_channels=64,
        in_index=2,
        sampler=dict(type='OHEMPixelSampler', min_kept=1500),
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_weight=0.4),
            dict(type='HuasdorffDisstanceLoss', reduction='sum', ignore_index=3, loss_weight=0.002),
            dict(
                type='HuasdorffDisstanceLoss',
                reduction='none',
                ignore_index=0,
                loss_weight=0.001,
                loss_name='loss_distance')
        ],
        **head))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
