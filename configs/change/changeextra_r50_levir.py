# Buildings that appeared, on LEVIR-CD as its authors lay it out: A/, B/ and label/ (0 and 255) below data_root. The
# environment's LEVIR says where. There is no list of a test part here: what is trained on is tested on, unless another
# config puts other folders in place.
_base_ = './_base_/changeextra_r50.py'
data_root = '{{$LEVIR:data/levir}}'
dataset = dict(
    type='LEVIRCDDataset',
    data_root=data_root,
    format_seg_map='to_binary',
    data_prefix=dict(img_path_from='A', img_path_to='B', seg_map_path='label'))
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(pipeline={{_base_.train_pipeline}}, **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline={{_base_.test_pipeline}}, **dataset))
test_dataloader = val_dataloader
