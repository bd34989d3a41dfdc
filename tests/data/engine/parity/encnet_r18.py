# EncNet on a narrow ResNet-18, with its lateral maps and the loss of which classes there are.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        type='EncHead',
        in_channels=[32, 64, 128],
        in_index=(1, 2, 3),
        channels=24,
        num_codes=8,
        use_se_loss=True,
        add_lateral=True,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_se_decode=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
