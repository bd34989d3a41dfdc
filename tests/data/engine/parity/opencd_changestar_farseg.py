default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='SiamEncoderDecoder',
    backbone=dict(type='mmseg.ResNetV1c', depth=18, stem_channels=8, base_channels=8, norm_cfg=norm_cfg),
    neck=dict(type='FarSegFPN', policy='concat', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=4),
    decode_head=dict(
        type='ChangeStarHead',
        inference_mode='t2t1',
        in_channels=[1, 1, 1, 1, 1],
        in_index=[0, 1, 2, 3, 4],
        channels=12,
        num_classes=2,
        out_channels=1,
        threshold=0.5,
        seg_head_cfg=dict(
            type='FarSegHead',
            in_channels=[16, 16, 16, 16, 64],
            in_index=[0, 1, 2, 3, 4],
            fsr_channels=12,
            channels=8,
            norm_cfg=norm_cfg),
        changemixin_cfg=dict(in_channels=16, inner_channels=12, num_convs=2),
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True, loss_name='loss_ce', loss_weight=1.0),
            dict(type='mmseg.DiceLoss', use_sigmoid=True, loss_name='loss_dice', loss_weight=1.0)
        ]),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
