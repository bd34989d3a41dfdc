#!/bin/sh
# What the model takes is compared with what the data gives on every way to it: training in both dialects, its
# validation and its val workflow, test, infer; channels, and pairs where one date is wanted or the other way round.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
tiny_0x=$SOURCE/tests/cli/tiny_0x.py
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
refused() { # TEXT COMMAND...
    text=$1
    shift
    rm -rf work
    run 1 "$@"
    says_error "$text"
    check "one error line: $(cat err.txt)" [ "$(grep -c '^cseg: [^0-9]' err.txt)" -eq 1 ]
}

# Fewer channels, more, and so many that memory beyond the batch would be read.
for channels in 1 2 4 6 128; do
    refused ".png has 3 channels, the model takes $channels" \
        "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options model.backbone.in_channels=$channels
    check "nothing was saved" missing work/last_checkpoint
done
refused ".png has 3 channels, the model takes 128" \
    "$CSEG" train "$tiny_0x" --threads 1 --work-dir work --cfg-options model.backbone.in_channels=128

# One channel comes, three are wanted: validation, the val workflow, test, infer.
gray="color_type=grayscale model.data_preprocessor.mean=None model.data_preprocessor.std=None"
refused ".png has 1 channels, the model takes 3" "$CSEG" train "$tiny" --threads 1 --work-dir work \
    --cfg-options val_dataloader.dataset.pipeline.0.$gray train_cfg.max_iters=1 train_cfg.val_interval=1
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir good --cfg-options train_cfg.max_iters=1 train_cfg.val_interval=9
refused ".png has 1 channels, the model takes 3" "$CSEG" test "$tiny" good/iter_1.pth --threads 1 \
    --cfg-options test_dataloader.dataset.pipeline.0.$gray
refused ".png has 1 channels, the model takes 3" "$CSEG" infer "$tiny" good/iter_1.pth "$image" --threads 1 --out out \
    --cfg-options test_dataloader.dataset.pipeline.0.$gray
refused ".png has 1 channels, the model takes 3" "$CSEG" infer "$tiny" good/iter_1.pth "$image" --threads 1 --out out \
    --cfg-options test_dataloader.dataset.pipeline.0.$gray model.test_cfg.mode=slide model.test_cfg.crop_size=32,32 \
    model.test_cfg.stride=32,32

# Pairs: both dates are the same tiles here.
cat > pair.py <<END
_base_ = ['$tiny']
model = dict(
    _delete_=True,
    type='ChangeExtraSegmentor',
    fusion='concat',
    backbone=dict(
        type='ChangeExtraResNet', depth=18, base_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2),
        dilations=(1, 1), norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead', in_channels=16, in_index=1, channels=8, num_convs=1, concat_input=False, num_classes=2,
        norm_cfg=dict(type='BN')),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
load = [dict(type='MultiImgLoadImageFromFile'), dict(type='MultiImgLoadAnnotations')]
common = dict(
    type='BaseCDDataset', metainfo=dict(classes=('same', 'changed'), palette=[[0, 0, 0], [255, 255, 255]]),
    data_root='tiles', img_suffix='.png', seg_map_suffix='.png')
train_dataloader = dict(dataset=dict(
    _delete_=True, **common,
    data_prefix=dict(img_path_from='images/train', img_path_to='images/train', seg_map_path='labels/train'),
    pipeline=load + [dict(type='MultiImgRandomCrop', crop_size=(32, 32)), dict(type='MultiImgPackSegInputs')]))
val_dataloader = dict(dataset=dict(
    _delete_=True, **common,
    data_prefix=dict(img_path_from='images/val', img_path_to='images/val', seg_map_path='labels/val'),
    pipeline=load + [dict(type='MultiImgPackSegInputs')]))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=1, val_interval=1)
END
pair() { # WORK ARGUMENTS...
    work=$1
    shift
    "$CSEG" train pair.py --threads 1 --work-dir "$work" "$@"
}
run 0 pair pair-work
for channels in 1 2 4 6 128; do
    refused ".png has 6 (two dates of 3) channels, the model takes $((2 * channels)) (two dates of $channels)" \
        pair work --cfg-options model.backbone.in_channels=$channels
done

# A pair for a model of one date, one image for a model of two.
sed "s/^steps = .*/steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]/" "$tiny" > one.py
cat > pair_one.py <<END
_base_ = ['one.py']
load = [dict(type='MultiImgLoadImageFromFile'), dict(type='MultiImgLoadAnnotations')]
model = dict(data_preprocessor=dict(type='DualInputSegDataPreProcessor', mean=None, std=None))
train_dataloader = dict(dataset=dict(
    type='BaseCDDataset',
    data_prefix=dict(_delete_=True, img_path_from='images/train', img_path_to='images/train',
                     seg_map_path='labels/train'),
    pipeline=load + [dict(type='MultiImgRandomCrop', crop_size=(32, 32)), dict(type='MultiImgPackSegInputs')]))
END
refused ".png has 6 (two dates of 3) channels, the model takes 3" \
    "$CSEG" train pair_one.py --threads 1 --work-dir work
refused ".png has 3 channels, the model takes 6 (two dates of 3)" \
    pair work --cfg-options "train_dataloader.dataset.pipeline.0.type=LoadImageFromFile"
run 2 "$CSEG" infer pair.py pair-work/iter_1.pth "$image" --threads 1 --out out
says_error "this model compares two dates"
run 2 "$CSEG" infer "$tiny" good/iter_1.pth "$image" --second "$image" --threads 1 --out out
says_error "this model sees one image"
finish
