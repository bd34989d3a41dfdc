# K-Net on a narrow ResNet-18. Its three stages differ in all that a stage can differ in: the first one's transform is a
# matrix for each pixel, the second's a strided 3x3 convolution with norm and activation, the third has none; the first
# two update 16 of a kernel's 32 channels at a time.
norm_cfg = dict(type='SyncBN', requires_grad=True)
stage = dict(
    type='KernelUpdateHead',
    num_classes=7,
    num_heads=4,
    num_mask_fcs=1,
    feedforward_channels=48,
    in_channels=32,
    out_channels=32,
    feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
    kernel_updator_cfg=dict(type='KernelUpdator', in_channels=16, feat_channels=16, out_channels=16))
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        type='IterativeDecodeHead',
        num_stages=3,
        kernel_update_head=[
            stage,
            dict(
                stage,
                num_ffn_fcs=3,
                num_mask_fcs=2,
                act_cfg=dict(type='GELU'),
                ffn_act_cfg=dict(type='LeakyReLU'),
                feat_gather_stride=2,
                mask_transform_stride=2,
                feat_transform_cfg=dict(kernel_size=3, groups=2, bias=True, norm_cfg=norm_cfg),
                kernel_updator_cfg=dict(
                    type='KernelUpdator',
                    in_channels=16,
                    feat_channels=16,
                    gate_sigmoid=False,
                    gate_norm_act=True,
                    activate_out=True,
                    norm_cfg=dict(type='LN', eps=1e-3),
                    act_cfg=dict(type='PReLU'))),
            dict(
                stage,
                num_mask_fcs=0,
                with_ffn=False,
                mask_transform_stride=2,
                feat_transform_cfg=None,
                kernel_updator_cfg=dict(type='KernelUpdator', in_channels=32, feat_channels=32))
        ],
        kernel_generate_head=dict(
            type='FCNHead',
            in_channels=[64, 128],
            in_index=(2, 3),
            input_transform='resize_concat',
            channels=32,
            num_convs=1,
            num_classes=7,
            norm_cfg=norm_cfg,
            align_corners=True,
            loss_decode=[
                dict(type='CrossEntropyLoss', avg_non_ignore=True),
                dict(type='CrossEntropyLoss', use_sigmoid=True, loss_name='loss_bce', loss_weight=0.5)
            ],
            sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100))))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
