# As opencd_scd.py, with a head for each date.
_base_ = 'opencd_scd.py'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    postprocess_pred_and_label=None,
    decode_head=dict(
        semantic_cd_head_aux=dict(
            type='mmseg.FCNHead',
            in_channels=8,
            in_index=1,
            channels=8,
            num_convs=1,
            num_classes=4,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=0.5))))
