# A ResNeXt of wide groups and six channels, with a deep stem and pooled shortcuts, whose stages stride and dilate out of
# the usual order.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNeXt',
        depth=50,
        groups=4,
        base_width=8,
        in_channels=6,
        base_channels=8,
        stem_channels=6,
        deep_stem=True,
        avg_down=True,
        strides=(2, 1, 2, 1),
        dilations=(1, 2, 1, 2),
        out_indices=(0, 3),
        norm_cfg=dict(type='BN', requires_grad=True)),
    decode_head=dict(
        type='FCNHead',
        in_channels=[32, 256],
        in_index=[0, 1],
        input_transform='resize_concat',
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=5,
        norm_cfg=dict(type='BN', requires_grad=True)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
