# Split attention of three maps in two groups. Group norm: batch norm over the two values that two images have there
# would make gradients of rounding.
norm_cfg = dict(type='GN', num_groups=4, requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNeSt',
        depth=50,
        stem_channels=8,
        base_channels=8,
        groups=2,
        base_width=12,
        radix=3,
        reduction_factor=2,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        contract_dilation=True,
        with_cp=True,
        norm_cfg=norm_cfg),
    decode_head=dict(type='FCNHead', in_channels=256, in_index=3, channels=16, num_classes=7, norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=128,
        in_index=2,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
