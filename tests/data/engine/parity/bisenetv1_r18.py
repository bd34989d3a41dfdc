# BiSeNetV1 around a narrow ResNet-18, its maps in another order and counted from the end.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='BiSeNetV1',
        spatial_channels=(8, 12, 16, 24),
        context_channels=(40, 64, 128),
        out_indices=(2, -3, 1),
        out_channels=32,
        backbone_cfg=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg)),
    decode_head=dict(
        type='FCNHead',
        in_channels=32,
        in_index=1,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(type='FCNHead', in_channels=40, in_index=2, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
        dict(type='FCNHead', in_channels=40, in_index=0, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
