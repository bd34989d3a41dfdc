# A small Segmenter.
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='VisionTransformer', img_size=96, embed_dims=24, num_layers=2, num_heads=3, final_norm=True),
    decode_head=dict(
        type='SegmenterMaskTransformerHead',
        in_channels=24,
        channels=24,
        num_layers=2,
        num_heads=2,
        embed_dims=16,
        mlp_ratio=3,
        drop_path_rate=0.2,
        num_fcs=3,
        qkv_bias=False,
        act_cfg=dict(type='ReLU'),
        norm_cfg=dict(type='LN', eps=1e-3),
        num_classes=7))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.001, momentum=0.9))
