#!/bin/sh
# A cascade of three heads from training to inference: the last one answers, and a resumed run is the same to the bit.
. "$(dirname "$0")/lib.sh"
make_tiles
cat > cascade.py <<END
_base_ = ['$SOURCE/tests/cli/tiny.py']
norm_cfg = dict(type='BN')
head = dict(in_channels=8, in_index=1, channels=8, num_classes=2, norm_cfg=norm_cfg, dropout_ratio=0.1)
model = dict(
    type='CascadeEncoderDecoder', num_stages=3,
    decode_head=[
        dict(type='FCNHead', num_convs=1, concat_input=False, **head),
        dict(type='OCRHead', ocr_channels=4, **head),
        dict(type='OCRHead', ocr_channels=4, **head)])
END
run 0 "$CSEG" model cascade.py
run 0 "$CSEG" train cascade.py --work-dir whole --threads 1 --seed 5
says_error "decode_0.loss_ce"
says_error "decode_2.loss_ce"
says_error "mIoU"
run 0 "$CSEG" train cascade.py --work-dir parts --threads 1 --seed 5
rm parts/iter_12.pth
run 0 "$CSEG" train cascade.py --work-dir parts --threads 1 --seed 5 --resume-from parts/iter_6.pth
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
for name in whole parts; do
    run 0 "$CSEG" infer cascade.py $name/iter_12.pth "$image" --scores --out $name.out --threads 1
done
check "a resumed run ends in the same weights" sh -c "cmp whole.out/*_scores.tif parts.out/*_scores.tif"
run 0 "$CSEG" test cascade.py whole/iter_12.pth --threads 1 --work-dir tested
says "per class results:"
run 1 "$CSEG" model cascade.py --cfg-options model.num_stages=2
says_error "num_stages is 2, but decode_head is a list of 3"
finish
