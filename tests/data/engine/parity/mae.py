# A small MAE, of which one layer's map is taken.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='MAE',
        img_size=[96, 128],
        patch_size=32,
        embed_dims=16,
        num_layers=3,
        num_heads=2,
        mlp_ratio=3,
        out_indices=-1,
        drop_path_rate=0.2,
        final_norm=True,
        init_values=1.0),
    decode_head=dict(
        type='FCNHead', in_channels=16, in_index=0, channels=8, num_convs=1, num_classes=7, norm_cfg=dict(type='BN')))
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=0.0002, weight_decay=0.05),
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(num_layers=3, layer_decay_rate=0.65))
