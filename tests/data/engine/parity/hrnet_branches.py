# An HRNet that goes from two branches to four at once, between stages of one block each.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='HRNet',
        extra=dict(
            stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(2, ), num_channels=(8, )),
            stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1), num_channels=(6, 12)),
            stage3=dict(
                num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1), num_channels=(6, 12, 24, 48)),
            stage4=dict(
                num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1), num_channels=(6, 12, 24, 48)))),
    decode_head=dict(
        type='FCNHead',
        in_channels=[6, 12, 24, 48],
        in_index=[0, 1, 2, 3],
        input_transform='resize_concat',
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=5,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
