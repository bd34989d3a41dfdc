# A PointHead of the 0.x dialect that sees the coarse logits once, between an FCNHead and another PointHead, whose points
# are all random.
norm_cfg = dict(type='BN', requires_grad=True)
point = dict(
    type='PointHead',
    in_channels=[8],
    in_index=[0],
    channels=8,
    num_fcs=1,
    coarse_pred_each_layer=False,
    dropout_ratio=-1,
    num_classes=4)
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=3,
    backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm_cfg),
    decode_head=[
        dict(type='FCNHead', in_channels=64, in_index=3, channels=8, num_convs=1, num_classes=4, norm_cfg=norm_cfg),
        point, point
    ],
    train_cfg=dict(num_points=200, oversample_ratio=1, importance_sample_ratio=0.0),
    test_cfg=dict(mode='whole', subdivision_steps=1, subdivision_num_points=100, scale_factor=1.5))
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
