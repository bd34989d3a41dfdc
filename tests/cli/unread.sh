#!/bin/sh
# What a config or an option says, and nothing obeys: told, or refused where the reference refuses it. In both dialects.
. "$(dirname "$0")/lib.sh"
make_tiles
new=$SOURCE/tests/cli/tiny.py
old=$SOURCE/tests/cli/tiny_0x.py
train() { # CODE CONFIG ARGUMENTS...
    code_wanted=$1
    config=$2
    shift 2
    rm -rf work
    run "$code_wanted" "$CSEG" train "$config" --threads 1 --no-validate --work-dir work "$@"
}
# child BASE TEXT: a config that says TEXT on its second line.
child() { printf "_base_ = ['%s']\n%s\n" "$1" "$2" > child.py; }
warns() { # BASE TEXT WARNING
    child "$1" "$2"
    train 0 child.py
    says_error "warning: $3"
}
refuses() { # BASE TEXT MESSAGE
    child "$1" "$2"
    train 1 child.py
    says_error "cseg: child.py:2: $3"
    check "nothing was saved" missing work/last_checkpoint
}

# Options that reach nothing.
option() { # CONFIG OPTION WARNING
    train 0 "$1" --cfg-options "$2"
    says_error "warning: --cfg-options $3"
}
option "$new" optim_wraper.optimizer.lr=1 "optim_wraper.optimizer.lr: 'optim_wraper' is taken for a variable of the config's own, which changes nothing by itself; is 'optim_wrapper' meant?"
option "$new" optimizer.lr=1 "optimizer.lr=1 has no effect: 'optimizer' is a key of MMSegmentation 0.x, and this config is written as for 1.x"
option "$new" data.samples_per_gpu=3 "data.samples_per_gpu=3 has no effect"
option "$old" train_dataloader.batch_size=3 "train_dataloader.batch_size=3 has no effect: 'train_dataloader' is a key of MMSegmentation 1.x"
option "$new" lr=1 "lr=1 has no effect: no part of the program looks for 'lr'"
option "$new" train_pipeline.2.crop_size=16 "train_pipeline.2.crop_size=16 does not reach the model or the data: 'train_pipeline' is a variable of the config's own"
for good in model.decode_head.dropout_ratio=0.2 optim_wrapper.optimizer.lr=0.01 work_dir=other load_from=None; do
    train 0 "$new" --cfg-options $good
    check "no warning: $(cat err.txt)" [ "$(grep warning err.txt | grep -vc 'no label file has a pixel')" -eq 0 ]
done

# Names that are all but a key's; a config's own variables are nobody's business.
warns "$new" "train_dataloder = dict(batch_size=4)" "child.py:2: 'train_dataloder' is taken for a variable"
warns "$old" "optimiser = dict(lr=1)" "child.py:2: 'optimiser' is taken for a variable of the config's own, which changes nothing by itself; is 'optimizer' meant?"
child "$new" "optimizer = dict(type='SGD', lr=0.01); iters = 3; my_data_root = 'x'"
train 0 child.py
check "no warning: $(cat err.txt)" [ "$(grep warning err.txt | grep -vc 'no label file has a pixel')" -eq 0 ]

# Lengths and steps in the unit that the run does not count.
refuses "$new" "train_cfg = dict(max_epochs=5)" "train_cfg counts iterations: it is max_iters that says how long"
refuses "$new" "train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=1, max_iters=5)" "train_cfg counts epochs"
refuses "$new" "train_cfg = dict(by_epoch=True)" "by_epoch=True is not what IterBasedTrainLoop does"
refuses "$old" "runner = dict(max_epochs=3)" "runner counts iterations"
warns "$new" "param_scheduler = [dict(type='PolyLR', eta_min=1e-4, end=12)]" "child.py:2: PolyLR counts epochs (by_epoch=True, which is the default) in a run that counts iterations"
warns "$old" "lr_config = dict(by_epoch=True)" "child.py:2: this policy counts epochs in a run that counts iterations"
check "the rate never moved: $(cat err.txt)" [ "$(grep -c 'lr: 2.000e-02' err.txt)" -eq 3 ]
refuses "$new" "param_scheduler = [dict(type='LinearLR', start_factor=0, end=3, by_epoch=False)]" "LinearLR: start_factor must be larger than 0"
refuses "$new" "train_cfg = dict(dynamic_intervals=[(i, 1) for i in range(1, 10)])" "dynamic_intervals has 9 entries; there is room for 7"

# Multipliers of parameters.
refuses "$new" "optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(decode_head=10.)))" "custom_keys['decode_head'] is described by a dict, not by a float"
refuses "$new" "optim_wrapper = dict(paramwise_cfg=dict(custom_keys=['decode_head']))" "custom_keys is a dict of dicts"
warns "$new" "optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mul=10.))))" "child.py:2: custom_keys['decode_head']: 'lr_mul' is not known here and is passed over"

# What is measured.
refuses "$new" "val_evaluator = []" "there is no evaluator in this list"
warns "$new" "val_dataloader = dict(batch_size=8, drop_last=True)" "child.py:2: val_dataloader: drop_last=True has no effect on what is measured"
finish
