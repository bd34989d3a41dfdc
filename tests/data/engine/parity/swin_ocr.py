# A cascade on a small Swin whose blocks are odd in number, with windows wider than its last maps.
norm_cfg = dict(type='SyncBN', requires_grad=True)
head = dict(in_channels=48, in_index=-1, channels=8, num_classes=7, norm_cfg=norm_cfg)
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=2,
    backbone=dict(
        type='SwinTransformer',
        embed_dims=12,
        depths=(1, 3, 1),
        num_heads=(1, 2, 3),
        strides=(4, 2, 2),
        out_indices=(0, 2),
        window_size=12),
    decode_head=[
        dict(type='FCNHead', num_convs=1, **head),
        dict(type='OCRHead', ocr_channels=4, **head)
    ])
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001))
