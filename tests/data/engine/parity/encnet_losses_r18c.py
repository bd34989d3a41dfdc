# KLDivLoss and SiLogLoss where they can be: on the classes that an image has.
custom_imports = dict(imports=['mmseg.models.losses.kldiv_loss'], allow_failed_imports=False)
norm_cfg = dict(type='SyncBN', requires_grad=True)
head = dict(type='EncHead', channels=24, num_codes=8, num_classes=7, norm_cfg=norm_cfg)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        in_channels=[64, 128],
        in_index=(2, 3),
        loss_se_decode=dict(type='KLDivLoss', temperature=0.5, reduction='sum'),
        **head),
    auxiliary_head=[
        dict(
            in_channels=[32],
            in_index=(1, ),
            loss_se_decode=dict(type='SiLogLoss', loss_weight=0.3, eps=0.001),
            **head),
        dict(
            in_channels=[64],
            in_index=(2, ),
            loss_se_decode=dict(type='SiLogLoss', reduction='sum', loss_weight=0.1),
            **head),
        dict(in_channels=[128], in_index=(3, ), loss_se_decode=dict(type='KLDivLoss'), **head)
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
