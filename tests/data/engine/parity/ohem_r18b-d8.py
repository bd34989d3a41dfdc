# The hard pixels alone are learnt from: a fixed number of them in the head, those below a probability in the other.
norm_cfg = dict(type='SyncBN', requires_grad=True)
head = dict(type='FCNHead', num_convs=1, concat_input=False, num_classes=7, norm_cfg=norm_cfg)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=16,
        stem_channels=16,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        head, in_channels=128, in_index=3, channels=24, sampler=dict(type='OHEMPixelSampler', min_kept=3000)),
    auxiliary_head=dict(
        head,
        in_channels=64,
        in_index=2,
        channels=16,
        sampler=dict(type='OHEMPixelSampler', thresh=0.14, min_kept=2000)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
