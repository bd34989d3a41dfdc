# PointHead without layers that see the coarse logits again, normalised point by point along the line; all of its points
# are drawn at random.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=2,
    backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm_cfg, norm_eval=True),
    decode_head=[
        dict(type='PSPHead', in_channels=64, in_index=3, channels=8, pool_scales=(2, 3), num_classes=5),
        dict(
            type='PointHead',
            in_channels=(8, 16),
            in_index=(0, -3),
            channels=12,
            num_fcs=2,
            coarse_pred_each_layer=False,
            dropout_ratio=0,
            num_classes=5,
            norm_cfg=dict(type='IN1d', affine=True),
            act_cfg=dict(type='Tanh'))
    ],
    train_cfg=dict(num_points=150, oversample_ratio=1, importance_sample_ratio=0.0),
    test_cfg=dict(mode='whole', subdivision_steps=1, subdivision_num_points=300, scale_factor=(2, 3)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
