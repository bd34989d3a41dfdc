# A student and three teachers, which see an image at a time.
_base_ = 'opencd_changer_r18.py'
model = dict(
    type='DistillDIEncoderDecoder',
    backbone=dict(
        interaction_cfg=(None, dict(type='SpatialExchange'), dict(type='ChannelExchange'), dict(type='ChannelExchange'))),
    distill_loss=dict(type='DistillLossWithPixel', temperature=2.0, loss_weight=0.5, pixel_weight=3.0),
    auxiliary_head=dict(
        type='mmseg.FCNHead',
        in_channels=64,
        in_index=2,
        channels=8,
        num_convs=1,
        num_classes=2,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=0.4)))
