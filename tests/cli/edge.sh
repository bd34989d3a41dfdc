#!/bin/sh
# Labels beside the map: PIDHead learns from a map of borders, which GenerateEdge makes. A pipeline that delivers none is
# refused before the first step. Training goes on with it where gradients are accumulated, after a resumption, and with
# padding.
. "$(dirname "$0")/lib.sh"
make_tiles
cat > base.py <<END
_base_ = ['$SOURCE/tests/cli/tiny.py']
ohem = dict(type='OhemCrossEntropy', thres=0.9, min_kept=50)
weighted = dict(type='CrossEntropyLoss', class_weight=[1.0, 2.0], loss_weight=0.4)
model = dict(
    backbone=dict(_delete_=True, type='PIDNet', channels=4, ppm_channels=4),
    decode_head=dict(
        _delete_=True, type='PIDHead', in_channels=16, channels=8, num_classes=2,
        loss_decode=[weighted, ohem, dict(type='BoundaryLoss', loss_weight=20.0), ohem]))
END
pid() { # CODE NAME ARGUMENTS...
    code_wanted=$1 name=$2
    shift 2
    run "$code_wanted" "$CSEG" train "$name.py" --threads 1 --no-validate "$@"
}
cat > without.py <<END
_base_ = ['base.py']
model = dict(data_preprocessor=dict(size=(64, 64)))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='RandomCrop', crop_size=(48, 48)),
    dict(type='PackSegInputs')]))
END
sed "s/    dict(type='PackSegInputs')/    dict(type='GenerateEdge', edge_width=2), dict(type='PackSegInputs')/" \
    without.py > with.py
pid 1 without --work-dir refused
says_error "training data"
says_error "decode_head (PIDHead) learns from gt_edge_map beside the labels"
says_error "GenerateEdge"
check "before the first step" sh -c "! grep -q 'Checkpoints will be saved' err.txt"
pid 0 with --work-dir whole --seed 5
for loss in loss_sem_p loss_sem_i loss_bd loss_sem_bd acc_seg; do
    says_error "decode.$loss"
done
pid 0 with --work-dir parts --seed 5
rm parts/iter_12.pth
pid 0 with --work-dir parts --seed 5 --resume-from parts/iter_6.pth
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
check "a resumed run ends in the same weights" sh -c "'$CSEG' infer with.py whole/iter_12.pth '$image' --scores --out a \
    --threads 1 > /dev/null 2>&1 && '$CSEG' infer with.py parts/iter_12.pth '$image' --scores --out b --threads 1 \
    > /dev/null 2>&1 && cmp a/*_scores.tif b/*_scores.tif"
pid 0 with --work-dir summed --cfg-options optim_wrapper.accumulative_counts=3
# Evaluation needs no such map.
run 0 "$CSEG" test with.py whole/iter_12.pth --threads 1 --work-dir tested
says "mIoU"

# In 0.x Collect must name it.
cat > old.py <<END
_base_ = ['$SOURCE/tests/cli/tiny_0x.py']
ohem = dict(type='OhemCrossEntropy', thres=0.9, min_kept=50)
model = dict(
    _delete_=True, type='EncoderDecoder', backbone=dict(type='PIDNet', channels=4, ppm_channels=4),
    decode_head=dict(type='PIDHead', in_channels=16, channels=8, num_classes=2,
        loss_decode=[dict(type='CrossEntropyLoss'), ohem, dict(type='BoundaryLoss'), ohem]),
    test_cfg=dict(mode='whole'))
data = dict(train=dict(pipeline=[
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='RandomCrop', crop_size=(64, 64)),
    dict(type='GenerateEdge'), dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg', 'gt_edge_map'])]))
END
sed "s/, 'gt_edge_map'//" old.py > forgotten.py
pid 1 forgotten --work-dir refused
says_error "Collect, where there is one, must name it"
pid 0 old --work-dir old
says_error "decode.loss_bd"

# cseg parity makes the map where it is asked to.
parity() {
    run 0 "$CSEG" parity model "$SOURCE/tests/data/engine/parity/pidnet.py" "$@"
}
parity
says "decode_head learns from gt_edge_map beside the labels; --edge makes it"
parity --edge
says '"decode.loss_bd": '
check "with ignored pixels" cp out.txt ignored.txt
parity --edge --label all
says '"decode.loss_bd": '
check "without any it is another loss" sh -c "! cmp -s out.txt ignored.txt"
run 2 "$CSEG" parity model x.py --label none
says_error "--label"
finish
