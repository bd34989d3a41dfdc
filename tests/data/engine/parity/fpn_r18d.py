# A narrow ResNet-18 v1d whose maps go through a feature pyramid; the head sees all of them, the finest first.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1d', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    neck=dict(type='FPN', in_channels=[16, 32, 64, 128], out_channels=20, num_outs=5, add_extra_convs='on_lateral'),
    decode_head=dict(
        type='FCNHead',
        in_channels=[20] * 5,
        in_index=(0, 1, 2, 3, 4),
        channels=24,
        input_transform='resize_concat',
        num_convs=1,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
