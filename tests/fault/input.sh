#!/bin/bash
# Bad input: one clear message, exit code 1, nothing half-written.
. "$(dirname "$0")/setup.sh"

# refuses WORD...: training stops before the first step; one message, at the end, has all WORDs.
refuses() {
    checks=$((checks + 1))
    grep -n '^cseg: [^0-9]' err.txt > told.txt
    [ "$(wc -l < told.txt)" = 1 ] || complain "there should be one message: $(cat told.txt)"
    sed -n '/^cseg: [^0-9]/,$p' err.txt > told.txt
    for word in "$@"; do
        grep -qF -- "$word" told.txt || complain "no '$word' in: $(cat told.txt)"
    done
    check "no checkpoint is written" [ -z "$(find . -path './w/*.pth*')" ]
    rm -rf w
}
config() { # OVERRIDE WORD...
    override=$1
    shift
    run 1 train iter_1x w --cfg-options "$override"
    refuses "$@"
}
# Types and keys, with the nearest known one.
config model.type=EncoderDecode "'EncoderDecode'" "'EncoderDecoder'"
config model.backbone.type=ResNett "'ResNett'" "'ResNet'"
config model.decode_head.type=FCNHad decode_head "'FCNHad'" "'FCNHead'"
config model.decode_head.loss_decode.type=CrossEntropyLos "'CrossEntropyLos'" "'CrossEntropyLoss'"
config model.backbone.dephts=18 "'dephts'" "'depth'"
config model.decode_head.num_clases=3 "'num_clases'" "'num_classes'"
config model.backbone.norm_cfg.type=BatchNorn BatchNorn BN
config train_dataloader.dataset.type=BaseSegDatset "'BaseSegDatset'" "'BaseSegDataset'"
config train_dataloader.dataset.data_rot=x "'data_rot'" "'data_root'"
config train_dataloader.dataset.pipeline.2.type=RandomCropp "'RandomCropp'" "'RandomCrop'"
config train_dataloader.dataset.pipeline.2.crop_sise=3 "'crop_sise'" "'crop_size'"
config optim_wrapper.type=OptimWraper "'OptimWraper'"
config optim_wrapper.optimizer.type=SGDD "'SGDD'" SGD
config optim_wrapper.optimizer.momentun=0.9 "'momentun'" "'momentum'"
config param_scheduler.0.type=LinearRL "'LinearRL'" LinearLR
config train_cfg.type=IterBasedTrainLop "'IterBasedTrainLop'" IterBasedTrainLoop
config val_evaluator.type=IoUMetrics "'IoUMetrics'" IoUMetric
config val_evaluator.iou_metrics=[mIou] "'mIou'" mIoU
config custom_hooks=[a] "a hook is a dict"

# Values.
config model.backbone.depth=19 19 18
config model.decode_head.align_corners=maybe "'align_corners'" True
config optim_wrapper.optimizer.lr=-1 "'lr'"
config optim_wrapper.accumulative_counts=0 accumulative_counts
config train_cfg.max_iters=many max_iters "a string"
config train_cfg.max_iters=0 max_iters
config train_dataloader.batch_size=0 batch_size "1 or more"
config train_dataloader.num_workers=-1 num_workers "-1" "0 or more"
config val_dataloader.batch_size=-2 batch_size "-2"
config default_hooks.checkpoint.save_best=mIuo save_best mIoU

# Shapes: both sides of the mismatch are named.
config model.decode_head.in_channels=33 decode_head in_channels=33 backbone 8
config model.decode_head.in_index=7 decode_head 7 backbone
config model.decode_head.in_index=[0,1] decode_head in_index
config model.decode_head.loss_decode.class_weight=[1,2] class_weight 2 3
config train_dataloader.dataset.metainfo.classes=[one,two] 2

# Files.
config train_dataloader.dataset.data_root=nowhere nowhere
config load_from=nowhere.pth nowhere.pth
run 1 train iter_1x w --resume-from nowhere.pth
refuses nowhere.pth
run 1 "$CSEG" train nowhere.py
refuses nowhere.py
printf '_base_ = "./two.py"\n' > one.py
printf '_base_ = "./one.py"\n' > two.py
run 1 "$CSEG" train one.py --work-dir w
refuses one.py two.py
printf 'model = dict(\n    type="EncoderDecoder",,\n)\n' > wrong.py
run 1 "$CSEG" train wrong.py --work-dir w
says_error wrong.py:2

# Pairs of pictures and labels.
pairs() { # a fresh copy of the training data in broken/
    rm -rf broken
    cp -r data/train broken
}
broken() { # WORD...
    run 1 train iter_1x w --cfg-options train_dataloader.dataset.data_root=broken
    refuses "$@"
}
pairs
rm broken/ann/3.png
broken broken/ann/3.png
pairs
rm broken/img/*
broken broken/img
pairs
"$TOOL" label broken/ann/2.png 40 48 0
broken 2.png 40 48
pairs
"$TOOL" label broken/ann/4.png 48 48 255
"$TOOL" label broken/ann/2.png 48 48 7
broken broken/ann/2.png "7 in 2304 pixels" "3 classes"
pairs
head -c 70 data/train/ann/1.png > broken/ann/1.png
broken broken/ann/1.png
pairs
head -c 300 data/train/img/1.png > broken/img/1.png
broken broken/img/1.png
pairs
echo "no picture" > broken/img/5.png
broken broken/img/5.png
pairs
: > broken/img/0.png
broken broken/img/0.png
pairs
for i in 0 1 2 3 4 5; do "$TOOL" label broken/ann/$i.png 48 48 255; done
"$TOOL" label broken/ann/0.png 48 48 128
run 1 train iter_1x w --cfg-options train_dataloader.dataset.data_root=broken
refuses 128
finish
