# A narrow ResNet-18 v1c and a non-local head that compares pixels beside each other, which the reference cannot train: it
# changes the ReLU's result in place.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=8,
        stem_channels=8,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='NLHead',
        in_channels=64,
        in_index=3,
        channels=24,
        reduction=3,
        mode='concatenation',
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
