#!/bin/sh
# What a step writes into labels must be a class or ignored, for every step that does and in both dialects; and a loss
# that could name no class is refused. Before the first step, by field and place.
. "$(dirname "$0")/lib.sh"
"$CSEG" tile "$SOURCE/examples/water/scene.tif" "$SOURCE/examples/water/mask.tif" --out tiles --size 64 --stride 64 \
    --hold-out bottom:0.2 --min-labelled 1 > tiles.txt || complain "no tiles" # so that no label file holds 255
tiny=$SOURCE/tests/cli/tiny.py
train() { # CODE CONFIG ARGUMENTS...
    code_wanted=$1
    config=$2
    shift 2
    rm -rf work
    run "$code_wanted" "$CSEG" train "$config" --threads 1 --no-validate --work-dir work "$@"
}

# config STEP: tiny.py with one more step behind LoadAnnotations, as line 3.
config() {
    printf "_base_ = ['%s']\ntrain_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),\n%s,\ndict(type='RandomCrop', crop_size=(80, 80)), dict(type='PackSegInputs')]))\ntrain_cfg = dict(max_iters=2, val_interval=9)\n" \
        "$tiny" "$1" > step.py
}
for step in \
    "seg_pad_val RandomRotate prob=1.0,degree=(20,20),seg_pad_val=" \
    "seg_pad_val RandomRotFlip rotate_prob=1.0,degree=(20,20),seg_pad_val=" \
    "seg_fill_in RandomCutOut prob=1.0,n_holes=1,cutout_shape=(8,8),seg_fill_in=" \
    "pad_val.seg Pad size=(80,80),pad_val=dict(img=0,seg="; do
    set -- $step
    close=
    [ "$2" = Pad ] && close=")"
    config "dict(type='$2',${3}7$close)"
    train 1 step.py
    says_error "step.py:3: $2 fills labels with $1=7, which to decode_head is neither a class (0 to 1) nor its ignore_index (255)"
    check "nothing was looked at or saved" missing work/last_checkpoint
    for good in 0 1 255; do
        config "dict(type='$2',${3}$good$close)"
        train 0 step.py
        check "no warning: $(cat err.txt)" [ "$(grep warning err.txt | grep -vc 'no label file has a pixel')" -eq 0 ]
    done
    # The head's own ignore_index is what it ignores; 255 is then no longer fine where something is filled.
    config "dict(type='$2',${3}7$close)"
    train 0 step.py --cfg-options model.decode_head.ignore_index=7 model.data_preprocessor.seg_pad_val=7
    config "dict(type='$2',${3}255$close)"
    train 1 step.py --cfg-options model.decode_head.ignore_index=7 model.data_preprocessor.seg_pad_val=7
    says_error "warning: step.py:3: $2 fills labels with $1=255"
    says_error "label 255 is out of bounds in gt_semantic_seg: decode_head.loss_decode takes the classes 0 to 1, and ignores 7"
    says_error ".png: label 255"
done

# The batch's own padding; within wrappers; in the other dialect.
printf "_base_ = ['%s']\nmodel = dict(data_preprocessor=dict(\n    seg_pad_val=7))\n" "$tiny" > batch.py
train 1 batch.py
says_error "batch.py:3: data_preprocessor fills labels with seg_pad_val=7"
train 1 "$tiny" --cfg-options model.data_preprocessor.seg_pad_val=-1
says_error "seg_pad_val=-1"
train 0 "$tiny" --cfg-options model.data_preprocessor.seg_pad_val=-1 model.decode_head.loss_decode.use_sigmoid=True train_cfg.max_iters=1
config "dict(type='RandomApply', prob=0.0, transforms=[dict(type='RandomRotate', prob=1.0, degree=(20,20), seg_pad_val=7)])"
train 1 step.py
says_error "RandomRotate fills labels with seg_pad_val=7"
train 1 "$SOURCE/tests/cli/tiny_0x.py" --cfg-options data.train.pipeline.4.seg_pad_val=7
says_error "Pad fills labels with seg_pad_val=7, which to decode_head.0 is neither a class (0 to 1)"
train 1 "$SOURCE/tests/cli/tiny_0x.py" --cfg-options data.train.pipeline.4.seg_pad_val=-1 model.decode_head.0.ignore_index=-1 \
    model.decode_head.1.ignore_index=-1
says_error "no byte"
train 1 "$SOURCE/tests/cli/tiny_0x.py" --cfg-options data.train.pipeline.4.seg_pad_val=0.5
says_error "seg_pad_val=0.5"

# Softmax over one channel names no class.
train 1 "$tiny" --cfg-options model.decode_head.out_channels=1
says_error "softmax over one channel"
says_error "use_sigmoid=True"
train 1 "$tiny" --cfg-options model.decode_head.out_channels=1 model.decode_head.threshold=0.5
says_error "softmax over one channel"
train 1 "$tiny" --cfg-options model.decode_head.num_classes=1
says_error "softmax over one channel"
train 0 "$tiny" --cfg-options model.decode_head.out_channels=1 model.decode_head.loss_decode.use_sigmoid=True \
    train_cfg.max_iters=1
finish
