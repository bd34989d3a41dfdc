# Losses that pass over a sampler's weights, of both kinds of sampler: DiceLoss of 0.x, TverskyLoss and LovaszLoss.
norm_cfg = dict(type='SyncBN', requires_grad=True)
losses = [
    dict(type='CrossEntropyLoss', avg_non_ignore=True),
    dict(type='DiceLoss', loss_weight=2.0),
    dict(type='TverskyLoss', loss_weight=3.0),
    dict(type='LovaszLoss', reduction='none', loss_name='loss_ce')
]
head = dict(
    type='FCNHead', channels=16, num_convs=1, concat_input=False, num_classes=7, norm_cfg=norm_cfg, loss_decode=losses)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(in_channels=128, in_index=3, sampler=dict(type='OHEMPixelSampler', min_kept=1500), **head),
    auxiliary_head=dict(
        in_channels=64, in_index=2, sampler=dict(type='OHEMPixelSampler', thresh=0.15, min_kept=900), **head))
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
optimizer_config = dict()
