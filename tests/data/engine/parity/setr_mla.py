# A small SETR-MLA.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='VisionTransformer',
        img_size=64,
        embed_dims=16,
        num_layers=3,
        num_heads=2,
        out_indices=(0, 1, 2),
        with_cls_token=False),
    neck=dict(
        type='MLANeck', in_channels=[16, 16, 16], out_channels=12, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU')),
    decode_head=dict(
        type='SETRMLAHead',
        in_channels=(12, 12, 12),
        in_index=(0, 1, 2),
        channels=24,
        mla_channels=8,
        up_scale=2,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead', in_channels=12, in_index=0, channels=12, num_convs=0, concat_input=False, num_classes=7))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
