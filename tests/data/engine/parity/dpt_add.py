# A small DPT of maps in another order, without norms; class tokens are added to pixels.
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
        in_index=(-1, 1, 1, 0),
        input_transform='multiple_select',
        channels=12,
        embed_dims=16,
        post_process_channels=[8, 12, 12, 16],
        readout_type='add',
        num_classes=7,
        act_cfg=dict(type='GELU'),
        norm_cfg=None))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
