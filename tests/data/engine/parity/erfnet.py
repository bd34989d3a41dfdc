# A narrow ERFNet of two steps each way, and fields that the reference does not pass on.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ERFNet',
        in_channels=3,
        enc_downsample_channels=(8, 16, 24),
        enc_stage_non_bottlenecks=(1, 4),
        enc_non_bottleneck_dilations=(2, 4),
        enc_non_bottleneck_channels=(16, 24),
        dec_upsample_channels=(16, 8),
        dec_stages_non_bottleneck=(2, 1),
        dec_non_bottleneck_channels=(12, 8),
        dropout_ratio=0.1,
        norm_cfg=dict(type='SyncBN', requires_grad=True)),
    decode_head=dict(
        type='FCNHead',
        in_channels=8,
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=dict(type='SyncBN', requires_grad=True)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
