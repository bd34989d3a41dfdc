#!/bin/sh
# Semantic change detection: three label maps, which SiamEncoderMultiDecoder learns from and SCDMetric measures.
. "$(dirname "$0")/lib.sh"
make_tiles
# Both dates look the same. Labels of dates: 0 is no class, 1 water, 255 (where the scene has no label) no class either.
mkdir scd
for folder in im1 im2; do cp -r tiles/images/train "scd/$folder"; done
for folder in label label1 label2; do cp -r tiles/labels/train "scd/$folder"; done
cat > scd.py <<END
default_scope = 'opencd'
norm_cfg = dict(type='BN')
crop_size = (32, 32)
head = dict(
    type='mmseg.FCNHead', in_channels=8, in_index=1, channels=8, num_convs=1, concat_input=False, norm_cfg=norm_cfg,
    loss_decode=dict(type='mmseg.CrossEntropyLoss'))
model = dict(
    type='SiamEncoderMultiDecoder',
    postprocess_pred_and_label='cover_semantic',
    data_preprocessor=dict(
        type='DualInputSegDataPreProcessor', mean=[22.6, 44.5, 49.4] * 2, std=[17.8, 28.9, 34.6] * 2, bgr_to_rgb=True,
        size_divisor=32, pad_val=0, seg_pad_val=255, test_cfg=dict(size_divisor=32)),
    backbone=dict(
        type='mmseg.ResNet', depth=18, base_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2),
        dilations=(1, 1), norm_cfg=norm_cfg),
    decode_head=dict(
        type='GeneralSCDHead', binary_cd_neck=dict(type='FeatureFusionNeck', policy='abs_diff', out_indices=(0, 1)),
        binary_cd_head=dict(num_classes=2, **head), semantic_cd_head=dict(num_classes=2, **head)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
load = [dict(type='MultiImgLoadImageFromFile'), dict(type='MultiImgMultiAnnLoadAnnotations')]
dataset = dict(
    type='BaseSCDDataset', data_root='scd', img_suffix='.png', seg_map_suffix='.png', reduce_semantic_zero_label=True,
    metainfo=dict(classes=('unchanged', 'changed'), palette=[[0, 0, 0], [255, 255, 255]],
                  semantic_classes=('unchanged', 'land', 'water'),
                  semantic_palette=[[255, 255, 255], [60, 160, 90], [30, 100, 200]]))
END
cat >> scd.py <<END
files = dict(
    img_path_from='im1', img_path_to='im2', seg_map_path='label', seg_map_path_from='label1', seg_map_path_to='label2')
END
cat >> scd.py <<END
train_dataloader = dict(
    batch_size=2, num_workers=1, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(data_prefix=files, pipeline=load + [
        dict(type='MultiImgRandomCrop', crop_size=crop_size), dict(type='MultiImgPackSegInputs')], **dataset))
val_dataloader = dict(
    batch_size=1, num_workers=1, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(data_prefix=files, pipeline=load + [dict(type='MultiImgPackSegInputs')], **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='SCDMetric', iou_metrics=['mFscore', 'mIoU'], cal_sek=True)
test_evaluator = val_evaluator
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.002))
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=6, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=6, val_interval=6)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=6, save_best='semantic/SCD_Score', rule='greater'))
END
run 0 "$CSEG" train scd.py --threads 1 --work-dir work
for name in binary_cd.loss_ce semantic_cd_from.loss_ce semantic_cd_to.loss_ce; do
    check "$name was logged" grep -qrF "decode.$name" work
done
check "the best was kept" [ -n "$(ls work | grep best_semantic_SCD_Score)" ]
run 0 "$CSEG" test scd.py work/iter_6.pth --threads 1
for name in binary/mIoU binary/mFscore semantic/mIoU semantic/Sek semantic/SCD_Score; do
    says "$name"
done
says "water"

# Maps of the dates are 0 where nothing changed.
first=$(ls scd/im1 | head -n 1)
run 0 "$CSEG" infer scd.py work/iter_6.pth "scd/im1/$first" --second "scd/im2/$first" --all-heads \
    --out maps --threads 1
for map in binary_cd_head semantic_cd_head.from semantic_cd_head.to; do
    check "there is a map of $map" [ -n "$(ls maps | grep "$map\.png")" ]
done
# Without such heads there is nothing to measure.
cat > plain.py <<END
_base_ = ['scd.py']
test_evaluator = dict(type='SCDMetric', iou_metrics=['mFscore'], cal_sek=True)
END
run 1 "$CSEG" test plain.py work/iter_6.pth
says_error "cal_sek needs 'mIoU'"
finish
