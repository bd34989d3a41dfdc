# A small DPT that leaves class tokens aside; its position codes are those of images that are no squares.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='VisionTransformer',
        img_size=(48, 80),
        embed_dims=16,
        num_layers=4,
        num_heads=2,
        out_indices=(0, 1, 2, 3),
        output_cls_token=True),
    decode_head=dict(
        type='DPTHead',
        in_channels=(16, 16, 16, 16),
        in_index=(0, 1, 2, 3),
        input_transform='multiple_select',
        channels=8,
        embed_dims=16,
        post_process_channels=[4, 8, 8, 16],
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
