# A small ViT as 0.x has it: its patches' convolution has a bias. Its position codes fit the images.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    pretrained=None,
    backbone=dict(
        type='VisionTransformer',
        img_size=(128, 96),
        patch_size=16,
        embed_dims=16,
        num_layers=2,
        num_heads=4,
        drop_rate=0.1,
        attn_drop_rate=0.1,
        with_cls_token=False),
    decode_head=dict(
        type='FCNHead', in_channels=16, in_index=0, channels=16, num_convs=1, num_classes=7, norm_cfg=norm_cfg))
optimizer = dict(type='AdamW', lr=0.0001, weight_decay=0.05)
optimizer_config = dict()
