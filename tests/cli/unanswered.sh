#!/bin/bash
# What cannot be told is not taken for "no": a dataset, palette or class file that cannot be understood gives no colours
# of the program's own invention, a folder that cannot be read is not an empty one.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2
one=$(ls -d tiles/images/val/*.png | head -n 1)
infer() { "$CSEG" infer "$tiny" work/iter_2.pth "$one" --threads 1 --out "out" --cfg-options "$@"; }
told() { # TEXT OVERRIDE
    run 1 infer "$2"
    says_error "$1"
    says_error "names and colours of the classes"
    check "nothing is written" missing out
}
told "BaseSegDatset" test_dataloader.dataset.type=BaseSegDatset
told "missing.txt" test_dataloader.dataset.metainfo.classes=missing.txt
told "palette" "test_dataloader.dataset.metainfo.palette=[[1,2],[3,4]]"
told "palette" "test_dataloader.dataset.metainfo.palette=[[1,2,3]]"
told "palette" "test_dataloader.dataset.metainfo.palette=red"
printf 'land\nwater\n' > classes.txt
run 0 infer test_dataloader.dataset.metainfo.classes=classes.txt
rm -r out


# --resume where the last checkpoint cannot be told does not begin anew over the old ones.
train() { "$CSEG" train "$tiny" --threads 1 --work-dir work --resume --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2; }
rm work/last_checkpoint
mkdir work/last_checkpoint
run 1 train
says_error "work/last_checkpoint"
rmdir work/last_checkpoint
run 0 train
says_error "resumed from work/iter_2.pth"
if [ "$(id -u)" != 0 ]; then
    chmod 000 tiles/images/val
    run 1 "$CSEG" infer "$tiny" work/iter_2.pth tiles --threads 1 --out out
    says_error "tiles/images/val"
    chmod 755 tiles/images/val
fi

# A damaged TIFF gives no PNG, a picture that GDAL does not know is read all the same.
head -c 2000 "$SOURCE/examples/water/scene.tif" > damaged.tif
run 1 "$CSEG" infer "$tiny" work/iter_2.pth damaged.tif --threads 1 --out out2
says_error "damaged.tif"
check "no PNG either" missing out2/damaged.png
finish
