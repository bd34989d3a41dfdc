# K-Net with kernels of 3x3: the first stage's updator makes nine taps of one, the second's keeps them, the third's takes
# them for the channels of one; on heads of which the stages see only what their classes inherit.
norm_cfg = dict(type='BN', requires_grad=True)
stage = dict(
    type='KernelUpdateHead',
    num_heads=3,
    num_mask_fcs=1,
    feedforward_channels=24,
    in_channels=16,
    out_channels=16,
    conv_kernel_size=3)
updator = dict(type='KernelUpdator', in_channels=16, feat_channels=16)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm_cfg),
    decode_head=dict(
        type='IterativeDecodeHead',
        num_stages=3,
        kernel_update_head=[
            dict(
                stage,
                feat_transform_cfg=dict(act_cfg=None),
                kernel_updator_cfg=dict(updator, out_channels=144)),
            dict(stage, feat_transform_cfg=dict(act_cfg=None, dilation=2), kernel_updator_cfg=updator),
            dict(stage, in_channels=144, conv_kernel_size=1, kernel_updator_cfg=updator)
        ],
        kernel_generate_head=dict(
            type='NLHead',
            in_channels=64,
            in_index=3,
            channels=16,
            num_classes=5,
            norm_cfg=norm_cfg)),
    auxiliary_head=[
        dict(
            type='IterativeDecodeHead',
            num_stages=1,
            kernel_update_head=[
                dict(
                    type='KernelUpdateHead',
                    num_heads=2,
                    in_channels=24,
                    out_channels=24,
                    feedforward_channels=24,
                    kernel_init=True,
                    feat_transform_cfg=dict(bias=False, act_cfg=None),
                    kernel_updator_cfg=dict(type='KernelUpdator', in_channels=12, feat_channels=12))
            ],
            kernel_generate_head=dict(
                type='DepthwiseSeparableASPPHead',
                in_channels=32,
                in_index=2,
                channels=24,
                dilations=(1, 2),
                c1_in_channels=8,
                c1_channels=6,
                num_classes=5,
                norm_cfg=norm_cfg,
                loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
