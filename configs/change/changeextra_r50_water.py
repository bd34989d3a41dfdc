# Shores that moved: the pair that examples/change/make_pair.sh makes from the bundled scene. Beside the change map, an
# extra head with shared weights gives the water of each date.
_base_ = './_base_/changeextra_r50.py'
data_root = '{{$WATER_PAIR:build/pair/}}'
model = dict(
    extra_head=dict(
        type='FCNHead',
        in_channels=2048,
        in_index=3,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=2,
        norm_cfg=dict(type='BN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.5)))
dataset = dict(
    type='BaseCDDataset',
    data_root=data_root,
    metainfo=dict(classes=('unchanged', 'changed'), palette=[[0, 0, 0], [220, 40, 40]]),
    img_suffix='.png',
    seg_map_suffix='.png')
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_prefix=dict(
            img_path_from='a/images/train',
            img_path_to='b/images/train',
            seg_map_path='a/labels/train',
            seg_map_path_from='from/labels/train',
            seg_map_path_to='to/labels/train'),
        pipeline={{_base_.train_pipeline}},
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_prefix=dict(
            img_path_from='a/images/val',
            img_path_to='b/images/val',
            seg_map_path='a/labels/val'),
        pipeline={{_base_.test_pipeline}},
        **dataset))
test_dataloader = val_dataloader
