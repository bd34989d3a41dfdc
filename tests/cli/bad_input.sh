#!/bin/sh
# Bad input: each gets one clear message and its exit code; nothing half-written, nothing run, no crash.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
one() { ls "tiles/$1" | head -n 1; }
train() { # CODE ARGUMENTS...
    code_wanted=$1
    shift
    run "$code_wanted" "$CSEG" train "$tiny" --threads 1 --work-dir work "$@"
}
one_message() {
    check "one error line: $(cat err.txt)" [ "$(grep -c '^cseg: [^0-9]' err.txt)" -eq 1 ]
}

# A good run first, whose checkpoint the others use.
train 0 --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2
good=work/iter_2.pth
check "a checkpoint was written" [ -s $good ]

# Configs that describe nothing buildable.
train 1 --cfg-options model.decode_head.type=FCNHaed
says_error "FCNHead"
one_message
train 1 --cfg-options model.decode_head.num_class=3
says_error "num_classes"
one_message
train 1 --cfg-options model.decode_head.in_channels=99
says_error "99"
one_message
train 1 --cfg-options model.backbone.depth=19
says_error "depth"
train 1 --cfg-options train_dataloader.dataset.type=BaseSegDatset
says_error "BaseSegDataset"
train 1 --cfg-options optim_wrapper.optimizer.type=SDG
says_error "SGD"
train 1 --cfg-options param_scheduler.0.type=PolyLr
says_error "PolyLR"
train 1 --cfg-options train_dataloader.dataset.pipeline.0.type=LoadImagesFromFile
says_error "LoadImageFromFile"
train 1 --cfg-options train_dataloader.dataset.data_prefix.img_path=images/trian
says_error "images/trian"
one_message

# Data that does not fit.
image=tiles/images/train/$(one images/train)
label=tiles/labels/train/$(one labels/train)
cp "$label" label.keep
cp "$image" image.keep
rm "$label"
train 1
says_error "$(basename "$label")"
one_message
head -c 300 image.keep > "$image"
cp label.keep "$label"
train 1 --cfg-options train_cfg.max_iters=40
says_error "$(basename "$image")"
one_message
cp "$(ls -d tiles/images/train/* | tail -n 1)" "$image"
"$CSEG" tile "$SOURCE/examples/water/scene.tif" --out odd --size 48 > odd.txt
cp "odd/images/train/$(ls odd/images/train | head -n 1)" "$image"
train 1 --cfg-options train_cfg.max_iters=40
says_error "48x48"
one_message
cp image.keep "$image"
# One channel under a softmax is one class, whatever the labels are.
train 1 --cfg-options model.decode_head.num_classes=1
says_error "use_sigmoid=True"
says_error "use_sigmoid"
one_message

# A loss that is no number.
train 1 --cfg-options model.data_preprocessor.std=[1e-44,1e-44,1e-44]
says_error "iteration 1"
one_message

# Checkpoints.
head -c 5000 $good > short.pth
printf 'not a checkpoint at all' > text.pth
# The older format: a magic number, the protocol, facts about the system, then the object, which here is a call.
printf '\200\002\212\012\154\374\234\106\371\040\152\250\120\031.\200\002M\351\003.\200\002}.' > evil.pth
printf "cos\nsystem\n(S'touch stolen'\ntR." >> evil.pth
for bad in short text evil nowhere; do
    run 1 "$CSEG" test "$tiny" $bad.pth --threads 1 --work-dir work
    says_error "$bad.pth"
    one_message
    run 1 "$CSEG" infer "$tiny" $bad.pth "$image" --out masks --threads 1
    one_message
    train 1 --resume-from $bad.pth
    one_message
done
run 1 "$CSEG" test "$tiny" evil.pth
says_error "os.system"
check "the pickle was not run" missing stolen
run 1 "$CSEG" test "$tiny" $good --threads 1 --work-dir work --cfg-options model.decode_head.channels=16
says_error "decode_head"
one_message
check "no mask was written" missing masks

# Images.
run 1 "$CSEG" infer "$tiny" $good nowhere.png --out masks
says_error "nowhere.png"
printf 'GIF89a, but no more' > broken.gif
head -c 300 "$image" > cut.png
run 1 "$CSEG" infer "$tiny" $good broken.gif --out masks --threads 1
says_error "broken.gif"
run 1 "$CSEG" infer "$tiny" $good cut.png --out masks --threads 1
says_error "cut.png"
check "no mask of a broken image" missing masks/cut.png
mkdir -p mixed
cp cut.png mixed/
cp "$image" mixed/good.png
run 1 "$CSEG" infer "$tiny" $good mixed --out masks --threads 1
says_error "1 of 2 images could not be segmented"
check "the good one was done" [ -s masks/good.png ]
cp "$image" same.png
run 2 "$CSEG" infer "$tiny" $good same.png --out . --threads 1
says_error "over the image same.png"
check "the image is what it was" cmp -s same.png "$image"
mkdir -p empty
run 1 "$CSEG" infer "$tiny" $good empty
says_error "no image"

# Places that cannot be written.
: > file
run 1 "$CSEG" infer "$tiny" $good "$image" --out file/masks --threads 1
one_message
train 1 --work-dir file/work
one_message
left=$(find . -name '*.tmp*' -o -name '*.partial*' | head)
check "nothing half-written: $left" [ -z "$left" ]
finish
