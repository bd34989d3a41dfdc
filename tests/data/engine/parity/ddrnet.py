# A narrow DDRNet, whose norms and activations are not those of the blocks' class; one loss learns from hard pixels by
# probability, the other from the least number of them.
norm_cfg = dict(type='GN', num_groups=4)
act_cfg = dict(type='LeakyReLU', negative_slope=0.1)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='DDRNet', channels=8, ppm_channels=12, align_corners=True, norm_cfg=norm_cfg, act_cfg=act_cfg),
    decode_head=dict(
        type='DDRHead',
        in_channels=32,
        channels=16,
        num_classes=5,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
        align_corners=True,
        loss_decode=[
            dict(type='OhemCrossEntropy', thres=0.15, min_kept=200, class_weight=[0.5, 1, 1.5, 2, 0.25]),
            dict(type='OhemCrossEntropy', thres=0.01, min_kept=3000, loss_weight=0.4)
        ]),
    auxiliary_head=dict(
        type='FCNHead', in_channels=16, in_index=0, channels=8, num_convs=1, concat_input=False, num_classes=5))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
