#!/bin/sh
# EncoderDecoderMultiHead as it was published: gt_keys and PALETTES on the segmentor, weights by key in weightmaps.
. "$(dirname "$0")/lib.sh"
make_tiles
mkdir -p tiles/edge tiles/weights/train
cp -r tiles/labels/* tiles/edge
# Any gray picture is a map of weights: here the label with the most in it.
shore=$(ls -S tiles/labels/train/* | head -n 1)
for file in tiles/labels/train/*; do cp "$shore" "tiles/weights/train/$(basename "$file")"; done
cat > base.py <<END
_base_ = ['$SOURCE/tests/cli/tiny_0x.py']
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(32, 32)),
    dict(type='Normalize', mean=[22.6, 44.5, 49.4], std=[17.8, 28.9, 34.6], to_rgb=True),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg', 'gt_edge_seg'])]
data = dict(train=dict(
    ann_dir=dict(_delete_=True, gt_semantic_seg='labels/train', gt_edge_seg='edge/train'), pipeline=train_pipeline))
END
cat > published.py <<END
_base_ = ['base.py']
model = dict(gt_keys=['gt_semantic_seg', 'gt_edge_seg'], PALETTES=[[[1, 2, 3], [4, 5, 6]], None])
END
cat > own.py <<END
_base_ = ['base.py']
END
cat > weighted.py <<END
_base_ = ['published.py']
data = dict(train=dict(weight_dir=dict(gt_edge_seg='weights/train'), pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(32, 32)),
    dict(type='Normalize', mean=[22.6, 44.5, 49.4], std=[17.8, 28.9, 34.6], to_rgb=True),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg', 'gt_edge_seg', 'weightmaps'])]))
END
train() { # CODE CONFIG ARGUMENTS...
    code_wanted=$1
    config=$2
    shift 2
    rm -rf "$config.work"
    run "$code_wanted" "$CSEG" train "$config.py" --threads 1 --no-validate --work-dir "$config.work" --cfg-options \
        log_config.interval=1 runner.max_iters=2 checkpoint_config.interval=2 "$@"
}
losses() { # CONFIG NAME: at the first iteration
    grep -o "\"$2\": [0-9.e-]*" "$(ls "$1".work/*.log.json)" | head -n 1
}
train 0 published
train 0 own model.decode_head.1.gt_key=gt_edge_seg
for name in decode_0.loss_ce decode_1.loss_ce; do
    check "$name was logged" [ -n "$(losses published $name)" ]
    check "either spelling: $name" [ "$(losses published $name)" = "$(losses own $name)" ]
done
# The weights of one key are that head's alone.
train 0 weighted
check "the first head has none" [ "$(losses weighted decode_0.loss_ce)" = "$(losses published decode_0.loss_ce)" ]
check "the second head's count" [ "$(losses weighted decode_1.loss_ce)" != "$(losses published decode_1.loss_ce)" ]

# PALETTES colour their head's map.
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
name=$(basename "$image" .png)
run 0 "$CSEG" infer published.py published.work/iter_2.pth "$image" --threads 1 --all-heads --out out
palette() { # FILE: the first two colours of its palette
    od -An -v -tx1 "$1" | tr -d ' \n' | sed 's/.*504c5445\(............\).*/\1/'
}
first=out/${name}_decode_head.0.png
second=out/${name}_decode_head.1.png
check "the first head's colours in $first" [ "$(palette "$first")" = 010203040506 ]
check "the dataset's for the second in $second" [ "$(palette "$second")" = 3ca05a1e64c8 ]

# What contradicts itself or is too short.
train 1 published model.decode_head.1.gt_key=gt_other
says_error "gt_key is 'gt_other', but gt_keys of the segmentor says 'gt_edge_seg'"
train 0 published model.decode_head.1.gt_key=gt_edge_seg
train 1 published "model.gt_keys=['gt_semantic_seg']"
says_error "gt_keys is a list with a name for each of the 2 heads"
train 1 published "model.PALETTES=[[[1,2,3]],None]"
says_error "PALETTES has 1 colours for the 2 classes of decode_head.0"
train 1 published "model.PALETTES=[[[1,2,3],[4,5,256]],None]"
says_error "a colour in PALETTES"
train 1 published "model.test_cfg.postprocess_keys=[[],[]]"
says_error "postprocess_keys is not supported"
train 1 weighted data.train.weight_dir=None
says_error "weightmaps"
finish
