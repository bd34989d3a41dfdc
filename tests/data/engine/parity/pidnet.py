# A narrow PIDNet in its light form, whose norms and activations are not those of the blocks' class.
norm_cfg = dict(type='GN', num_groups=2)
act_cfg = dict(type='LeakyReLU', negative_slope=0.1)
class_weight = [0.5, 1, 1.5, 2, 0.25]
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='PIDNet',
        channels=8,
        ppm_channels=12,
        num_stem_blocks=2,
        num_branch_blocks=2,
        align_corners=True,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg),
    decode_head=dict(
        type='PIDHead',
        in_channels=32,
        channels=16,
        num_classes=5,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
        align_corners=True,
        loss_decode=[
            dict(type='CrossEntropyLoss', class_weight=class_weight, loss_weight=0.4),
            dict(type='OhemCrossEntropy', thres=0.15, min_kept=200, class_weight=class_weight),
            dict(type='BoundaryLoss', loss_weight=20.0),
            dict(type='OhemCrossEntropy', thres=0.01, min_kept=300)
        ]))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
