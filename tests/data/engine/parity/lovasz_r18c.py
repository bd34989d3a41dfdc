# LovaszLoss of several classes in all its forms.
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
            dict(type='LovaszLoss', reduction='none', loss_weight=3.0),
            dict(type='LovaszLoss', per_image=True, loss_name='loss_lovasz_images'),
            dict(type='LovaszLoss', per_image=True, reduction='sum', classes='all', loss_name='loss_lovasz_sum'),
            dict(
                type='LovaszLoss',
                reduction='none',
                classes=[1, 4, 4],
                class_weight=[1.0, 0.5, 2.0, 1.5, 0.2, 0.8, 1.0],
                loss_name='loss_lovasz_list')
        ]))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
