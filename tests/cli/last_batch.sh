#!/bin/sh
# Batch norm behind PSPHead's pooling to one pixel cannot learn from one image. The message names the layer and the way
# out, before the first step where the size of the images is known.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
files=$(ls tiles/images/train | wc -l)
cat > psp.py <<END
_base_ = ['$tiny']
model = dict(decode_head=dict(
    _delete_=True, type='PSPHead', in_channels=8, in_index=1, channels=4, pool_scales=(1, 2), num_classes=2,
    norm_cfg=dict(type='SyncBN')))
train_dataloader = dict(sampler=dict(type='DefaultSampler', shuffle=True), batch_size=$((files - 1)))
train_cfg = dict(max_iters=4, val_interval=9)
END
psp() { # CODE ARGUMENTS...
    code_wanted=$1
    shift
    rm -rf work
    run "$code_wanted" "$CSEG" train psp.py --threads 1 --no-validate --work-dir work --cfg-options "$@"
}
layer="decode_head.psp_modules.0.1.bn (SyncBatchNorm) needs more than one value to normalise, but gets [1, 1, 1, 4]"
psp 1 randomness.seed=1
says_error "$layer"
says_error "train_dataloader=dict(drop_last=True)"
check "before the first step" sh -c "! grep -q 'Checkpoints will be saved' err.txt"
psp 0 train_dataloader.drop_last=True
psp 0 train_dataloader.sampler.type=InfiniteSampler train_dataloader.batch_size=2
psp 0 "model.decode_head.norm_cfg.type=LN2d"
psp 1 train_dataloader.batch_size=1
says_error "$layer"
says_error "train with a larger batch (train_dataloader.batch_size)"
psp 1 train_dataloader.batch_size=2 "model.decode_head.norm_cfg.type=IN"
says_error "decode_head.psp_modules.0.1.in (InstanceNorm2d)"
# Without a known size the batch itself shows it.
printf "_base_ = ['psp.py']\nmodel = dict(data_preprocessor=dict(size=None))\ntrain_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]))\n" > free.py
mv psp.py known.py
sed 's/psp.py/known.py/' free.py > psp.py
psp 1 randomness.seed=1
says_error "$layer"
says_error "train_dataloader=dict(drop_last=True)"
# In 0.x incomplete batches are left out unless asked for.
cat > psp.py <<END
_base_ = ['$SOURCE/tests/cli/tiny_0x.py']
model = dict(_delete_=True, type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2),
        dilations=(1, 1), norm_cfg=dict(type='BN')),
    decode_head=dict(type='PSPHead', in_channels=8, in_index=1, channels=4, pool_scales=(1, 2), num_classes=2,
        norm_cfg=dict(type='SyncBN')),
    test_cfg=dict(mode='whole'))
data = dict(samples_per_gpu=$((files - 1)))
END
psp 0 seed=1
psp 1 data.train_dataloader.drop_last=False
says_error "$layer"
says_error "data=dict(train_dataloader=dict(drop_last=True))"
finish
