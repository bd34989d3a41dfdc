# Three heads, which learn from one label map (gt_sem_seg, gt_sem_seg_from and gt_sem_seg_to are the same); the logits are
# seg_logits.
default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='SiamEncoderMultiDecoder',
    postprocess_pred_and_label='cover_semantic',
    backbone=dict(type='mmseg.ResNetV1c', depth=18, stem_channels=8, base_channels=8, norm_cfg=norm_cfg),
    neck=dict(type='mmseg.FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4),
    decode_head=dict(
        type='GeneralSCDHead',
        binary_cd_neck=dict(type='FeatureFusionNeck', policy='abs_diff'),
        binary_cd_head=dict(
            type='mmseg.UPerHead',
            in_channels=[8, 8, 8, 8],
            in_index=[0, 1, 2, 3],
            channels=8,
            num_classes=2,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
        semantic_cd_head=dict(
            type='mmseg.FPNHead',
            in_channels=[8, 8, 8, 8],
            in_index=[0, 1, 2, 3],
            feature_strides=[4, 8, 16, 32],
            channels=8,
            num_classes=6,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=0.5, avg_non_ignore=True))),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
