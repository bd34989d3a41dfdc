# DiceLoss as configs of 1.x mean it, in all its forms.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead',
        in_channels=128,
        in_index=3,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=[
            dict(type='DiceLoss', loss_weight=3.0),
            dict(type='DiceLoss', use_sigmoid=False, ignore_index=2, loss_name='loss_dice_softmax'),
            dict(type='DiceLoss', naive_dice=True, reduction='sum', loss_name='loss_dice_naive'),
            dict(type='DiceLoss', activate=False, eps=0.5, ignore_index=None, loss_name='loss_dice_plain')
        ]))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
