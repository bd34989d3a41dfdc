# A narrow SegNeXt whose bases are drawn once and kept, the same for all images.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='MSCAN',
        embed_dims=[8, 16, 20, 32],
        mlp_ratios=[2, 2, 1.5, 2],
        drop_rate=0.1,
        drop_path_rate=0.2,
        depths=[1, 2, 1, 1],
        attention_kernel_sizes=[3, [1, 5], [3, 7], [1, 11]],
        attention_kernel_paddings=[1, [0, 2], [1, 3], [0, 5]],
        act_cfg=dict(type='ReLU'),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='LightHamHead',
        in_channels=[16, 20, 32],
        in_index=[1, 2, 3],
        channels=12,
        ham_channels=24,
        ham_kwargs=dict(MD_S=3, MD_R=5, train_steps=2, eval_steps=4, inv_t=7, rand_init=False),
        num_classes=5,
        norm_cfg=dict(type='GN', num_groups=4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
