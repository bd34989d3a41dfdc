#!/bin/sh
# What cannot work in the data stops a run before its first step, and says what to do; what the reference trains, trains.
. "$(dirname "$0")/lib.sh"
make_tiles
# All of one size: 64 x 64.
for part in images labels; do
    rm -r "tiles/$part/val" && cp -r "tiles/$part/train" "tiles/$part/val"
done
tiny=$SOURCE/tests/cli/tiny.py
tiny_0x=$SOURCE/tests/cli/tiny_0x.py
one() { ls "tiles/$1" | head -n 1; }
short="train_cfg.max_iters=2 train_cfg.val_interval=2"
train() { # CODE CONFIG ARGUMENTS...
    code_wanted=$1
    config=$2
    shift 2
    # shellcheck disable=SC2086
    run "$code_wanted" "$CSEG" train "$config" --threads 1 --work-dir work "$@"
}
# One message, and no iteration before it.
before_the_first_step() {
    check "one error line: $(cat err.txt)" [ "$(grep -c '^cseg: [^0-9]' err.txt)" -eq 1 ]
    check "no iteration was made" [ "$(cat out.txt err.txt | grep -c -e 'Iter(train)' -e 'Iter \[')" -eq 0 ]
}
# A gray PNG of h x w whose pixels are awk's EXPRESSION of y and x.
cat > mask.c <<'END'
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    png_image m;
    memset(&m, 0, sizeof m);
    m.version = PNG_IMAGE_VERSION;
    m.format = PNG_FORMAT_GRAY;
    m.height = (png_uint_32)atoi(argv[2]);
    m.width = (png_uint_32)atoi(argv[3]);
    png_byte *at = malloc(PNG_IMAGE_SIZE(m));
    for (unsigned i = 0, v; argc == 4 && i < m.height * m.width && scanf("%u", &v) == 1; i++)
        at[i] = (png_byte)v;
    return !png_image_write_to_file(&m, argv[1], 0, at, 0, NULL);
}
END
"${CC:-cc}" -o mask mask.c -lpng || complain "no tool for masks"
mask() { # FILE H W EXPRESSION
    awk -v h="$2" -v w="$3" "BEGIN { for (y = 0; y < h; y++) for (x = 0; x < w; x++) print $4 }" |
        ./mask "$1" "$2" "$3"
}
# Makes NAME.py: a config with changes in Python.
derive() { # NAME BASE TEXT
    printf '_base_ = ["%s"]\n%s\n' "$2" "$3" > "$1.py"
}

# A good run, in both dialects; the labels of validation are looked at too.
train 0 "$tiny" --cfg-options $short
cat out.txt err.txt > said.txt
check "training's labels" grep -q "training data: looked at" said.txt
check "validation's labels" grep -q "validation data: looked at" said.txt
cp work/iter_2.pth good.pth
train 0 "$tiny_0x" --cfg-options runner.max_iters=2 evaluation.interval=2

# Validation's labels: 0 and 255, values that are no class, missing, of another size, colours, damage.
val=$(one labels/val)
cp -r tiles/labels/val keep
for f in tiles/labels/val/*; do mask "$f" 64 64 '255 * (x < 32)'; done
for config in "$tiny" "$tiny_0x"; do
    train 1 "$config"
    says_error "validation data: "
    says_error "hold 0 and 255 only"
    says_error "write 1 for 255"
    before_the_first_step
done
run 1 "$CSEG" test "$tiny" good.pth --threads 1 --work-dir work
says_error "test data: "
says_error "hold 0 and 255 only"
rm -r tiles/labels/val && cp -r keep tiles/labels/val
mask "tiles/labels/val/$val" 64 64 '7 * (x < 2)'
for config in "$tiny" "$tiny_0x"; do
    train 1 "$config"
    says_error "validation data: tiles/labels/val/$val: 7 in 128 pixels; there are 2 classes"
    before_the_first_step
done
run 1 "$CSEG" test "$tiny" good.pth --threads 1 --work-dir work
says_error "$val: 7 in 128 pixels"
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir work --no-validate --cfg-options $short
mask "tiles/labels/val/$val" 32 64 0
train 1 "$tiny_0x"
says_error "$val is 32x64 (height x width), its image"
before_the_first_step
cp "tiles/images/val/$(one images/val)" "tiles/labels/val/$val"
train 1 "$tiny"
says_error "$val has 3 channels"
before_the_first_step
head -c 60 "keep/$val" > "tiles/labels/val/$val"
train 1 "$tiny"
says_error "$val"
before_the_first_step
rm "tiles/labels/val/$val"
for config in "$tiny" "$tiny_0x"; do
    train 1 "$config"
    says_error "validation data: the label 'tiles/labels/val/$val' does not exist"
    before_the_first_step
done
cp "keep/$val" "tiles/labels/val/$val"
train 1 "$tiny_0x" --cfg-options data.val.ann_dir=None
says_error "has no labels to measure against: ann_dir is missing"
before_the_first_step

# Pipelines that cannot work: the step is named.
steps="dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')"
pipeline() { # NAME BASE KEY STEPS
    key=dataset=dict"(pipeline=[$4])"
    [ "$3" = data ] && key="train=dict(pipeline=[$4])"
    derive "$1" "$2" "$3 = dict($key)"
}
pipeline early "$tiny" val_dataloader "$steps, dict(type='Resize', scale=(80, 80)), dict(type='PackSegInputs')"
train 1 early.py
says_error "early.py:2"
says_error "validation data: "
says_error "are 80 x 80 after Resize"
says_error "the size of the file, 64 x 64"
says_error "put LoadAnnotations behind"
before_the_first_step
pipeline no_image "$tiny" val_dataloader "dict(type='LoadAnnotations'), dict(type='Resize', scale=(80, 80))"
train 1 no_image.py
says_error "validation data: Resize: "
before_the_first_step
# Behind it, it works.
pipeline late "$tiny" val_dataloader "dict(type='LoadImageFromFile'), dict(type='Resize', scale=(80, 80)), dict(type='LoadAnnotations'), dict(type='PackSegInputs')"
train 0 late.py --cfg-options $short
pipeline sizes "$tiny" train_dataloader "$steps, dict(type='RandomResize', scale=(80, 80), ratio_range=(0.5, 2.0)), dict(type='PackSegInputs')"
train 1 sizes.py --cfg-options model.data_preprocessor.size=None
says_error "images of one batch have different sizes"
says_error "after RandomResize"
says_error "data_preprocessor"
before_the_first_step
pipeline sizes_0x "$tiny_0x" data "$steps, dict(type='Resize', img_scale=(80, 80), ratio_range=(0.5, 2.0)), dict(type='Collect', keys=['img', 'gt_semantic_seg'])"
train 1 sizes_0x.py
says_error "images of one batch have different sizes"
says_error "after Resize"
says_error "Pad(size=...)"
check "0.x is not told of 1.x's ways" [ "$(grep -c data_preprocessor err.txt)" -eq 0 ]
before_the_first_step
pipeline late_train "$tiny" train_dataloader "dict(type='LoadImageFromFile'), dict(type='Resize', scale=(80, 80)), dict(type='LoadAnnotations'), dict(type='PackSegInputs')"
train 1 late_train.py
says_error "is 80 x 80 after Resize"
says_error "is 64 x 64 (width x height)"
before_the_first_step
# 0.x: the workflow's validation goes through the training pipeline.
derive workflow "$tiny_0x" "workflow = [('train', 1), ('val', 1)]"
train 1 workflow.py --no-validate --cfg-options data.val.ann_dir=labels/nowhere
says_error "workflow's validation data: the label"
before_the_first_step

# Labels that the loss takes: the head's ignore_index, and one channel under a sigmoid.
for f in tiles/labels/train/* ; do mask "$f" 64 64 '(x + y) % 6'; done
train 1 "$tiny" --no-validate --cfg-options model.decode_head.num_classes=5
says_error "5 in "
says_error "there are 5 classes for decode_head (0 to 4 in the file), and 255 is ignored"
train 0 "$tiny" --no-validate --cfg-options $short model.decode_head.num_classes=5 model.decode_head.ignore_index=5
says_error "warning: "
says_error "the dataset has names for 2 classes alone"
for f in tiles/labels/train/* ; do mask "$f" 64 64 '(x + y) % 6 == 5 ? 255 : (x + y) % 5'; done
train 1 "$tiny" --no-validate --cfg-options $short model.decode_head.num_classes=5 model.decode_head.ignore_index=5
says_error "255 in "
for f in tiles/labels/train/* ; do mask "$f" 64 64 '(x + y) % 2'; done
sigmoid="model.decode_head.loss_decode.use_sigmoid=True"
train 0 "$tiny" --cfg-options $short model.decode_head.num_classes=1 $sigmoid
train 0 "$tiny" --cfg-options $short model.decode_head.num_classes=2 model.decode_head.out_channels=1 $sigmoid
# An auxiliary head learns from the same labels.
head="dict(type='FCNHead', in_channels=4, in_index=0, channels=8, num_convs=1, concat_input=False, norm_cfg=dict(type='BN'), num_classes"
derive aux "$tiny" "model = dict(auxiliary_head=$head=2))"
train 0 aux.py --cfg-options $short
derive aux "$tiny" "model = dict(auxiliary_head=[$head=2), $head=1, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))])"
train 0 aux.py --cfg-options $short
derive aux "$tiny" "model = dict(auxiliary_head=[$head=2), $head=1)])"
train 1 aux.py --cfg-options $short
says_error "auxiliary_head.1: CrossEntropyLoss is a softmax over one channel"
derive aux "$tiny" "model = dict(auxiliary_head=[$head=2), $head=1, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))])"
train 0 aux.py --cfg-options $short
# What the head ignores and the evaluation counts goes on, with a warning.
for f in tiles/labels/train/* tiles/labels/val/*; do mask "$f" 64 64 '(x + y) % 3'; done
train 0 "$tiny" --cfg-options $short model.decode_head.ignore_index=2
says_error "whatever is predicted there counts as wrong"

# Dialects that are mixed, and datasets that are nobody's.
{ sed '/^train_dataloader/,$d' "$tiny"; sed -n '/^data = dict/,/^optimizer/p' "$tiny_0x" | sed '$d; s/\*\*common/**dataset/'; echo "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
default_hooks = dict()"; } > mixed.py
train 1 mixed.py
says_error "data is how MMSegmentation 0.x writes data, but this config is read as one of 1.x, for "
says_error "there is no dataset to train on"
train 1 "$tiny" --cfg-options train_dataloader.dataset.type=RiverDataset
says_error "there is no dataset 'RiverDataset'"
says_error "use type='BaseSegDataset' with metainfo=dict(classes=[...], palette=[...])"
train 1 "$tiny_0x" --cfg-options data.train.type=RiverDataset
says_error "use type='CustomDataset' with classes=[...], palette=[...]"
finish
