# LovaszLoss of one channel.
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
        num_classes=2,
        out_channels=1,
        threshold=0.4,
        norm_cfg=norm_cfg,
        loss_decode=[
            dict(type='LovaszLoss', loss_type='binary', reduction='none', loss_weight=3.0),
            dict(type='LovaszLoss', loss_type='binary', per_image=True, loss_name='loss_lovasz_images'),
            dict(
                type='LovaszLoss',
                loss_type='binary',
                per_image=True,
                reduction='sum',
                loss_name='loss_lovasz_sum')
        ]))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
