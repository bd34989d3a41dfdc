#!/bin/sh
# Scopes in every registry that a config reaches: a foreign project's name is refused, scope and all, and is never
# taken for the one here that reads alike; the scopes of mmseg and of what it stands on are fine.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
train() { # CODE ASSIGNMENTS...
    code_wanted=$1
    shift
    rm -rf work
    run "$code_wanted" "$CSEG" train "$tiny" --threads 1 --no-validate --work-dir work --cfg-options train_cfg.max_iters=1 "$@"
}
# Where a type stands, what it is, and in which scopes it is known.
while read -r key name scopes; do
    for scope in $scopes; do
        train 0 "$key=$scope.$name"
    done
    train 1 "$key=mmdet.$name"
    # mmdet's loss of this name is there, but is none for a decode head.
    if [ "$name" = CrossEntropyLoss ]; then says_error "$name compares numbers"; else says_error "mmdet.$name"; fi
done <<END
train_dataloader.dataset.type BaseSegDataset mmseg
train_dataloader.dataset.pipeline.0.type LoadImageFromFile mmcv.transforms mmengine mmseg
train_dataloader.dataset.pipeline.1.type LoadAnnotations mmseg mmseg.datasets.transforms
train_dataloader.dataset.pipeline.2.type RandomCrop mmseg
train_dataloader.sampler.type InfiniteSampler mmengine mmengine.dataset.sampler
model.type EncoderDecoder mmseg
model.backbone.type ResNet mmseg
model.decode_head.type FCNHead mmseg
model.decode_head.loss_decode.type CrossEntropyLoss mmseg
model.decode_head.norm_cfg.type BN mmengine mmcv
model.data_preprocessor.type SegDataPreProcessor mmseg
optim_wrapper.type OptimWrapper mmengine
optim_wrapper.optimizer.type SGD torch.optim mmengine
param_scheduler.0.type PolyLR mmengine
train_cfg.type IterBasedTrainLoop mmengine
END
train 1 train_dataloader.dataset.pipeline.1.type=mmcv.LoadAnnotations
says_error "there is no transform 'mmcv.LoadAnnotations' here"
train 1 train_dataloader.dataset.pipeline.2._scope_=mmdet
says_error "there is no transform 'mmdet.RandomCrop' here"
train 1 train_dataloader.dataset._scope_=mmdet
says_error "there is no dataset 'mmdet.BaseSegDataset' here"
train 1 model.backbone._scope_=mmcls
says_error "mmpretrain.ResNet is not implemented here; another is mmseg.ResNet"
# What lies in the registry that all projects share is found from any of them.
train 0 optim_wrapper.optimizer._scope_=mmdet param_scheduler.0._scope_=mmdet
# The config's own scope.
train 0 default_scope=opencd
train 0 default_scope=None
train 1 default_scope=mmdet
says_error "default_scope='mmdet'"
run 1 "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options val_evaluator.type=mmdet.IoUMetric
says_error "there is no metric 'mmdet.IoUMetric' here"
finish
