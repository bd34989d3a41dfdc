# Split attention of one map, which a sigmoid weighs; its convolutions have the strides.
norm_cfg = dict(type='GN', num_groups=4, requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNeSt',
        depth=50,
        stem_channels=8,
        base_channels=8,
        radix=1,
        avg_down_stride=False,
        num_stages=2,
        strides=(1, 2),
        dilations=(1, 1),
        out_indices=(0, 1),
        frozen_stages=1,
        style='caffe',
        norm_cfg=norm_cfg),
    decode_head=dict(type='FCNHead', in_channels=64, in_index=1, channels=16, num_classes=7, norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
