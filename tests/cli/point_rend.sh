#!/bin/sh
# PointHead from training to inference: its random points follow from the seed, and windows, views and bfloat16 take its
# refined maps as any other's.
. "$(dirname "$0")/lib.sh"
make_tiles
cat > point.py <<EOF
_base_ = ['$SOURCE/tests/cli/tiny.py']
model = dict(
    type='CascadeEncoderDecoder', num_stages=2,
    decode_head=[
        dict(
            type='FCNHead', in_channels=8, in_index=1, channels=8, num_convs=1, concat_input=False, num_classes=2,
            norm_cfg=dict(type='BN')),
        dict(type='PointHead', in_channels=[4], in_index=[0], channels=8, num_classes=2)],
    train_cfg=dict(num_points=64, oversample_ratio=3, importance_sample_ratio=0.75),
    test_cfg=dict(subdivision_steps=2, subdivision_num_points=100, scale_factor=2))
EOF
run 0 "$CSEG" train point.py --work-dir whole --threads 1 --seed 5
says_error "decode_1.pointloss_ce"
says_error "decode_1.acc_point"
says_error "mIoU"
run 0 "$CSEG" train point.py --work-dir parts --threads 1 --seed 5
rm parts/iter_12.pth
run 0 "$CSEG" train point.py --work-dir parts --threads 1 --seed 5 --resume-from parts/iter_6.pth
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
for name in whole parts; do
    run 0 "$CSEG" infer point.py $name/iter_12.pth "$image" --scores --out $name.out --threads 1
    check "test_cfg's keys are all known" sh -c "! grep -q subdivision err.txt"
done
check "a resumed run ends in the same weights" sh -c "cmp whole.out/*_scores.tif parts.out/*_scores.tif"
run 0 "$CSEG" test point.py whole/iter_12.pth --threads 1 --work-dir tested
says "per class results:"
run 0 "$CSEG" test point.py whole/iter_12.pth --threads 1 --work-dir tested --tta
says "per class results:"
run 0 "$CSEG" test point.py whole/iter_12.pth --threads 1 --work-dir tested --cfg-options \
    model.test_cfg.mode=slide "model.test_cfg.crop_size=(32,32)" "model.test_cfg.stride=(20,20)"
says "per class results:"
run 0 "$CSEG" infer point.py whole/iter_12.pth "$image" --out coarse.out --scores --threads 1 \
    --cfg-options model.test_cfg.subdivision_steps=0
check "points are refined" sh -c "! cmp -s whole.out/*_scores.tif coarse.out/*_scores.tif"
run 1 "$CSEG" train point.py --work-dir none --cfg-options model.train_cfg.num_points=0
says_error "num_points"
finish
