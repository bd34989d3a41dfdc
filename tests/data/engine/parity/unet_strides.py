# A UNet of one channel that goes down by strides, pools or not at all, dilates on both ways, and comes back by transposed
# convolutions with ELU.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='UNet',
        in_channels=1,
        base_channels=4,
        strides=(2, 1, 2, 1, 1),
        downsamples=(False, True, True, False),
        enc_num_convs=(1, 2, 3, 1, 2),
        dec_num_convs=(2, 1, 2, 3),
        enc_dilations=(1, 2, 1, 3, 2),
        dec_dilations=(2, 1, 2, 1),
        upsample_cfg=dict(type='DeconvModule', kernel_size=4),
        act_cfg=dict(type='ELU', alpha=0.5),
        norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead',
        in_channels=[64, 32, 16, 8, 4],
        in_index=[0, 1, 2, 3, 4],
        input_transform='resize_concat',
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=5,
        norm_cfg=dict(type='BN', requires_grad=True)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
