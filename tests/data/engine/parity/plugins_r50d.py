# Plugin layers in a narrow ResNet-50: each kind, two at one place (of which the last counts), in some of the stages.
norm_cfg = dict(type='SyncBN', requires_grad=True)
attention = dict(type='GeneralizedAttention', num_heads=3, position_magnitude=2)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1d',
        depth=50,
        stem_channels=8,
        base_channels=8,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        contract_dilation=True,
        norm_cfg=norm_cfg,
        plugins=[
            dict(cfg=dict(type='ContextBlock', ratio=0.5, postfix='_a'), position='after_conv3'),
            dict(
                cfg=dict(type='ContextBlock', ratio=0.25, fusion_types=('channel_add', 'channel_mul'), postfix=2),
                stages=(True, False, False, True),
                position='after_conv3'),
            dict(
                cfg=dict(type='NonLocal2d', sub_sample=True, norm_cfg=norm_cfg),
                stages=(False, True, False, False),
                position='after_conv2'),
            dict(
                cfg=dict(type='NonLocal2d', mode='dot_product', reduction=4, zeros_init=False, postfix=1),
                stages=(False, True, False, False),
                position='after_conv1'),
            dict(cfg=attention, stages=(False, False, True, False), position='after_conv2'),
            dict(
                cfg=dict(attention, attention_type='1011', q_stride=2, kv_stride=3, postfix=1),
                stages=(False, False, True, True),
                position='after_conv1'),
            dict(
                cfg=dict(type='CrissCrossAttention'), stages=(False, False, False, True), position='after_conv2'),
        ]),
    decode_head=dict(type='FCNHead', in_channels=256, in_index=3, channels=16, num_classes=7, norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
