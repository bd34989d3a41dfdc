#!/bin/sh
# Training and what it is measured on say the same thing in different ways; and data in which something is missing. Each
# is right alone: what is wrong is told, in both dialects.
. "$(dirname "$0")/lib.sh"
make_tiles
new=$SOURCE/tests/cli/tiny.py
old=$SOURCE/tests/cli/tiny_0x.py
child() { printf "_base_ = ['%s']\n%s\n" "$1" "$2" > child.py; }
train() { # CODE BASE TEXT
    rm -rf work
    child "$2" "$3"
    run "$1" "$CSEG" train child.py --threads 1 --work-dir work
}
quiet() { # but for classes that these few tiles have none of
    check "no warning: $(cat err.txt)" [ "$(grep warning err.txt | grep -vc 'no label file has a pixel')" -eq 0 ]
}

train 0 "$new" ""
quiet
train 0 "$old" ""
quiet

# Classes.
order="warning: to training, class 0 is 'land', which in these data is class 1: the order of classes differs"
train 0 "$new" "val_dataloader = dict(dataset=dict(metainfo=dict(classes=('water', 'land'))))"
says_error "$order"
train 0 "$old" "data = dict(val=dict(classes=('water', 'land')))"
says_error "$order"
train 0 "$new" "val_dataloader = dict(dataset=dict(metainfo=dict(classes=('Land', 'Water'))))" # other names are no other order
quiet
train 0 "$new" ""
run 0 "$CSEG" test "$new" work/iter_12.pth --threads 1 --work-dir t
quiet
run 0 "$CSEG" test "$new" work/iter_12.pth --threads 1 --work-dir t \
    --cfg-options test_dataloader.dataset.metainfo.classes=water,land
says_error "warning: to work/iter_12.pth, class 0 is 'land', which in these data is class 1"

run 0 "$CSEG" test "$new" work/iter_12.pth --threads 1 --work-dir t \
    --cfg-options test_dataloader.dataset.reduce_zero_label=True
says_error "warning: work/iter_12.pth: was trained with reduce_zero_label=False, and these data have True"

train 0 "$new" "train_dataloader = dict(dataset=dict(metainfo=dict(_delete_=True, clases=('land', 'water'))))"
says_error "warning: child.py:2: metainfo: 'clases' is looked for by nothing; is 'classes' meant?"
train 0 "$new" "train_dataloader = dict(dataset=dict(metainfo=dict(classes=('land', 'land'))))"
says_error "warning: child.py:2: class 0 and class 1 have one name, 'land'"

# Label files.
train 0 "$new" "val_dataloader = dict(dataset=dict(reduce_zero_label=True))"
says_error "warning: 0 in a label file is class 0 (land) in training and ignored where it is measured"
train 0 "$old" "data = dict(val=dict(reduce_zero_label=True))"
says_error "warning: 0 in a label file is class 0 (land) in training and ignored where it is measured"
train 0 "$old" "data = dict(train=dict(reduce_zero_label=True))"
says_error "warning: reduce_zero_label of the training CustomDataset counts for measuring alone"
train 1 "$new" "train_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', reduce_zero_label=True), dict(type='RandomCrop', crop_size=(32, 32)), dict(type='PackSegInputs')]))"
says_error "child.py:2: LoadAnnotations has reduce_zero_label=True, its dataset False"
check "nothing was saved" missing work/last_checkpoint

# Normalisation.
train 0 "$old" "data = dict(train=dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='RandomCrop', crop_size=(32, 32)), dict(type='DefaultFormatBundle'), dict(type='Collect', keys=['img', 'gt_semantic_seg'])]))"
says_error "warning: Normalize differs between the pipelines of training and validation"
train 0 "$new" "model = dict(data_preprocessor=dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]))"
says_error "mean and std seem to be those of images of 0 to 1; multiply both by 255"
train 0 "$new" "model = dict(data_preprocessor=dict(mean=[0, 0, 0], std=[1, 1, 1]))"
quiet

# What is not counted is the evaluator's word in 1.x, not the dataset's.
train 0 "$new" "val_dataloader = dict(dataset=dict(ignore_index=1))"
quiet
train 0 "$new" "val_evaluator = dict(ignore_index=7)"
says_error "is neither one of the dataset's 2 classes nor ignored by the evaluation"

# Labels of which all are ignored.
mkdir -p blank/images blank/labels
for k in 1 2; do
    cp "$(find tiles/images/train -name '*.png' | head -1)" blank/images/$k.png
    { printf 'P5 64 64 255\n' && head -c 4096 /dev/zero | tr '\0' '\377'; } > blank/labels/$k.pgm
done
train 0 "$new" "train_dataloader = dict(dataset=dict(data_root='blank', seg_map_suffix='.pgm', data_prefix=dict(img_path='images', seg_map_path='labels')))"
says_error "warning: training data: every pixel of all 2 label files is ignored: there is nothing to learn"
finish
