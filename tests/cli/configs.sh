#!/bin/sh
# The project's own configs: they build as they are, and, made small, train, go on and test on what their commands make of
# the bundled scene.
. "$(dirname "$0")/lib.sh"
: "${BUILD:?the build folder}"
configs=$SOURCE/configs

for config in $(cd "$configs" && find . -name '*.py' ! -path '*/_base_/*' | sort); do
    run 0 "$CSEG" model "$configs/$config" --depth 1
    says "decode_head"
done
run 0 "$CSEG" model "$configs/_rs_waterRGB/fcn_hr48_896x896_4k_water.py" --depth 1
says "EncoderDecoderMultiHead"
says "65867332"
run 0 "$CSEG" model "$configs/change/changeextra_r50_water.py" --depth 1
says "ChangeExtraResNet"
says "6 channels"

# A pair made from the scene: the generator gives the same bytes each time.
cd "$SOURCE" || exit 1
run 0 examples/change/make_pair.sh "$BUILD" "$here/pair"
run 0 "$BUILD/make_pair" examples/water/scene.tif examples/water/mask.tif "$here/again" 60 0
cd "$here" || exit 1
for file in B/scene.tif change.tif to.tif; do
    check "the same bytes again: $file" cmp -s "again/$file" "pair/scenes/$file"
done
check "as many tiles of both dates" [ "$(ls pair/a/images/train)" = "$(ls pair/b/images/train)" ]
WATER_PAIR=$here/pair/
export WATER_PAIR
small="model.pretrained=None model.backbone.depth=18 model.backbone.base_channels=4 model.backbone.stem_channels=8
    model.decode_head.in_channels=64 model.decode_head.channels=8 model.auxiliary_head.in_channels=32
    model.auxiliary_head.channels=8 model.extra_head.in_channels=32 model.extra_head.channels=8
    train_dataloader.dataset.pipeline.2.crop_size=(64,64) model.data_preprocessor.size=(64,64)
    train_cfg.val_interval=2 default_hooks.checkpoint.interval=1 default_hooks.logger.interval=1"
change=$configs/change/changeextra_r50_water.py
# shellcheck disable=SC2086  # one word an override
{
    run 0 "$CSEG" train "$change" --threads 1 --work-dir change --cfg-options $small train_cfg.max_iters=2
    says_error "extra_from.loss_ce"
    says_error "extra_to.loss_ce"
    says_error "aux.loss_ce"
    run 0 "$CSEG" train "$change" --threads 1 --work-dir change --resume --cfg-options $small train_cfg.max_iters=3
    check "it went on" [ -s change/iter_3.pth ]
    run 0 "$CSEG" test "$change" change/iter_2.pth --threads 1 --work-dir change --cfg-options $small
    says "changed"
    tile=$(ls pair/a/images/val | head -n 1)
    run 0 "$CSEG" infer "$change" change/iter_2.pth pair/a/images/val/$tile --second pair/b/images/val --all-heads \
        --out answers --threads 1 --cfg-options $small
    check "change, first date, second date" [ "$(ls answers/*decode_head.png answers/*.from.png answers/*.to.png | wc -l)" -eq 3 ]
    run 2 "$CSEG" infer "$change" change/iter_2.pth pair/a/images/val/$tile --out answers --cfg-options $small
    says_error "--second"
}

# A list of heads, and weights from the distance to the shore.
run 0 "$CSEG" tile "$SOURCE/examples/water/scene.tif" "$SOURCE/examples/water/mask.tif" --out data/waterRGB --size 512 \
    --stride 256 --hold-out bottom:0.35 --edge-weight 4 --edge-width 5
water=$configs/_rs_waterRGB/fcn_hr48_896x896_4k_water.py
small="model.pretrained=None data.train.pipeline.2.img_scale=(96,96) data.train.pipeline.3.crop_size=(64,64)
    data.train.pipeline.7.size=(64,64) data.val.pipeline.1.img_scale=(96,96) data.test.pipeline.1.img_scale=(96,96)
    model.test_cfg.crop_size=(64,64) model.test_cfg.stride=(64,64) evaluation.interval=2 checkpoint_config.interval=1
    log_config.interval=1"
# shellcheck disable=SC2086
{
    run 0 "$CSEG" train "$water" --threads 1 --work-dir water --seed 0 --cfg-options $small runner.max_iters=2
    says_error "decode_0.loss_ce"
    says_error "decode_1.loss_ce"
    first=$(sed -n 's/^Iter \[1\/2\].*decode_0.loss_ce: \([0-9.]*\),.*/\1/p' err.txt)
    run 0 "$CSEG" train "$water" --threads 1 --work-dir plain --seed 0 --no-validate --cfg-options $small \
        runner.max_iters=1 data.train.weight_dir=None data.train.pipeline.9.keys=img,gt_semantic_seg
    plain=$(sed -n 's/^Iter \[1\/1\].*decode_0.loss_ce: \([0-9.]*\),.*/\1/p' err.txt)
    check "weights change the loss ($first, $plain)" [ -n "$first" -a -n "$plain" -a "$first" != "$plain" ]
    run 0 "$CSEG" train "$water" --threads 1 --work-dir water --resume-from water/iter_2.pth --seed 0 --no-validate \
        --cfg-options $small runner.max_iters=3
    check "it went on" [ -s water/iter_3.pth ]
    run 0 "$CSEG" test "$water" water/iter_2.pth --threads 1 --eval mIoU --work-dir water --cfg-options $small
    says "water"
}
finish
