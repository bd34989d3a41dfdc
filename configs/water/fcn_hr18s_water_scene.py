# The same network on the same part of the scene, without cutting tiles: crops are drawn from the scene itself.
#   cseg train configs/water/fcn_hr18s_water_scene.py
_base_ = './fcn_hr18s_water.py'
scenes = dict(
    _delete_=True,
    type='SceneDataset',
    data_root='{{$WATER_SCENE:examples/water}}',
    metainfo={{_base_.metainfo}},
    scenes=[dict(img='scene.tif', ann='mask.tif')],
    crop_size=256)
# Above row 467 to train on, below to test on, as in the demo.
split = dict(by='rows', val=0.35, gap=0)
train_dataloader = dict(
    dataset=dict(
        samples_per_epoch=64, split=dict(part='train', **split), min_valid=0.2, pipeline={{_base_.train_pipeline}},
        **scenes))
val_dataloader = dict(dataset=dict(split=dict(part='val', **split), pipeline={{_base_.test_pipeline}}, **scenes))
test_dataloader = val_dataloader
