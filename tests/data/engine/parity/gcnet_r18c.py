# A narrow ResNet-18 v1c, dilated, with GCNet's head; DiceLoss beside cross-entropy, and in its other forms.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=16,
        stem_channels=16,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='GCHead',
        in_channels=128,
        in_index=3,
        channels=24,
        ratio=0.3,
        fusion_types=('channel_mul', 'channel_add'),
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=[dict(type='CrossEntropyLoss'),
                     dict(type='DiceLoss', loss_weight=3.0)]),
    auxiliary_head=dict(
        type='GCHead',
        in_channels=64,
        in_index=2,
        channels=16,
        pooling_type='avg',
        concat_input=False,
        dilation=2,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=[
            dict(type='DiceLoss', use_sigmoid=False, ignore_index=2, loss_name='loss_dice_softmax'),
            dict(type='DiceLoss', naive_dice=True, reduction='sum', loss_name='loss_dice_naive')
        ]))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
