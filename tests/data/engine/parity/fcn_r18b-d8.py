# A dilated ResNet-18 with an FCN head and an auxiliary one, align_corners on.
norm_cfg = dict(type='SyncBN', requires_grad=True)
head = dict(type='FCNHead', num_classes=19, norm_cfg=norm_cfg, align_corners=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNet',
        depth=18,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg,
        contract_dilation=True),
    decode_head=dict(head, in_channels=512, in_index=3, channels=128, num_convs=2),
    auxiliary_head=dict(
        head,
        in_channels=256,
        in_index=2,
        channels=64,
        num_convs=1,
        concat_input=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
