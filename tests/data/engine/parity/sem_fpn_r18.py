# A narrow ResNet-18 and a feature pyramid, with Semantic FPN's head.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    neck=dict(type='FPN', in_channels=[16, 32, 64, 128], out_channels=20, num_outs=4),
    decode_head=dict(
        type='FPNHead',
        in_channels=[20, 20, 20, 20],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=24,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FPNHead',
        in_channels=[20, 20],
        in_index=[1, 2],
        feature_strides=[8, 8],
        channels=16,
        num_classes=7,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
