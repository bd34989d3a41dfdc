# HRNet-W18-small with an FCN head, as far as the weights and a training step see it.
norm_cfg = dict(type='SyncBN', requires_grad=True)
channels = [18, 36, 72, 144]
stage = {
    i: dict(num_modules=m, num_branches=i, block='BASIC', num_blocks=[2] * i, num_channels=channels[:i])
    for i, m in ((2, 1), (3, 3), (4, 2))
}
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='HRNet',
        norm_cfg=norm_cfg,
        extra=dict(
            stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(2, ), num_channels=(64, )),
            stage2=stage[2],
            stage3=stage[3],
            stage4=stage[4])),
    decode_head=dict(
        type='FCNHead',
        in_channels=channels,
        in_index=(0, 1, 2, 3),
        channels=sum(channels),
        input_transform='resize_concat',
        kernel_size=1,
        num_convs=1,
        concat_input=False,
        dropout_ratio=-1,
        num_classes=19,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
