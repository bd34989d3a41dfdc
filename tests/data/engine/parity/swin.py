# A small Swin with what no shipped config sets: windows of an even side, an FFN of a broken ratio, no biases of the
# projections, another scale, merging by other strides, no norm of patches, codes of places, a frozen stage.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='SwinTransformer',
        pretrain_img_size=(96, 128),
        in_channels=3,
        embed_dims=12,
        patch_size=4,
        window_size=4,
        mlp_ratio=2.5,
        depths=(2, 2, 3),
        num_heads=(2, 3, 4),
        strides=(4, 3, 1),
        out_indices=(0, 1, 2),
        qkv_bias=False,
        qk_scale=0.4,
        patch_norm=False,
        drop_rate=0.1,
        attn_drop_rate=0.1,
        drop_path_rate=0.2,
        use_abs_pos_embed=True,
        act_cfg=dict(type='GELU'),
        norm_cfg=dict(type='LN', eps=1e-3),
        with_cp=True,
        frozen_stages=1),
    decode_head=dict(
        type='FPNHead',
        in_channels=[12, 24, 48],
        in_index=[0, 1, 2],
        feature_strides=[4, 12, 12],
        channels=12,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001))
