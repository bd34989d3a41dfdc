# K-Net's stages on each of the heads that hand out the map before their classifier.
norm_cfg = dict(type='SyncBN', requires_grad=True)
loss = dict(type='CrossEntropyLoss', loss_weight=0.3)
stage = dict(
    type='KernelUpdateHead',
    num_heads=2,
    num_mask_fcs=1,
    feedforward_channels=24,
    in_channels=16,
    out_channels=16,
    feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
    kernel_updator_cfg=dict(type='KernelUpdator', in_channels=16, feat_channels=16))
knet = dict(type='IterativeDecodeHead', num_stages=1, kernel_update_head=[stage])
head = dict(in_channels=128, in_index=3, channels=16, num_classes=7, norm_cfg=norm_cfg, loss_decode=loss)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        knet,
        num_stages=2,
        kernel_update_head=[stage, stage],
        kernel_generate_head=dict(
            type='UPerHead',
            in_channels=[16, 32, 64, 128],
            in_index=[0, 1, 2, 3],
            channels=16,
            pool_scales=(1, 2, 3),
            num_classes=7,
            norm_cfg=norm_cfg)),
    auxiliary_head=[
        dict(knet, kernel_generate_head=dict(head, type='PSPHead', pool_scales=(1, 2))),
        dict(knet, kernel_generate_head=dict(head, type='ASPPHead', dilations=(1, 2, 3))),
        dict(knet, kernel_generate_head=dict(head, type='DepthwiseSeparableFCNHead', num_convs=1, dw_act_cfg=None)),
        dict(knet, kernel_generate_head=dict(head, type='GCHead')),
        dict(knet, kernel_generate_head=dict(head, type='CCHead')),
        dict(knet, kernel_generate_head=dict(head, type='DNLHead'))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
