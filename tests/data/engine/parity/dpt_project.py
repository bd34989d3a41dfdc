# A small DPT: a layer joins pixels and class tokens.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='VisionTransformer',
        img_size=64,
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
        channels=12,
        embed_dims=16,
        post_process_channels=[8, 12, 12, 16],
        readout_type='project',
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
