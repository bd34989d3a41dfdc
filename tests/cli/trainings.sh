#!/bin/sh
# Each model of configs/camvid trains, goes on from its checkpoint as if it had not stopped, and is tested; and
# tools/trainings.py tells what two programs' logs of one config say.
. "$(dirname "$0")/lib.sh"
make_tiles
options() {
    for part in train val test; do
        echo "${part}_dataloader.dataset.data_root=tiles ${part}_dataloader.dataset.img_suffix=.png"
        echo "${part}_dataloader.dataset.data_prefix.seg_map_path=labels/${part%test}$(echo $part | sed -n 's/test/val/p')"
        [ $part = train ] || echo "${part}_dataloader.dataset.indices=2"
    done
    # The scene's last tiles are cut off, and UNet takes multiples of 16.
    echo "model.data_preprocessor.test_cfg.size_divisor=32"
    echo "default_hooks.checkpoint.interval=2 default_hooks.logger.interval=1 log_processor.window_size=1"
}
# What a training line says, without the time that it took and the memory.
said() {
    grep "Iter(train) \[3/3\]" err.txt | sed 's/eta: .*loss: /loss: /'
}
for config in "$SOURCE"/configs/camvid/*.py; do
    name=$(basename "$config" .py)
    # shellcheck disable=SC2046  # one word an override
    {
        run 0 "$CSEG" train "$config" --threads 1 --work-dir "$name" --cfg-options $(options) \
            train_cfg.max_iters=3 train_cfg.val_interval=3
        said > straight.txt
        check "$name: the losses are logged" grep -q 'loss: [0-9.]*  decode' straight.txt
        check "$name: all are numbers" [ "$(grep -cE 'nan|inf' straight.txt)" -eq 0 ]
        run 0 "$CSEG" train "$config" --threads 1 --work-dir again --no-validate --resume-from "$name/iter_2.pth" \
            --cfg-options $(options) train_cfg.max_iters=3
        said > resumed.txt
        check "$name: goes on as if it had not stopped" cmp -s straight.txt resumed.txt
        run 0 "$CSEG" test "$config" "$name/iter_3.pth" --threads 1 --work-dir again --cfg-options $(options)
        says "mIoU"
        rm -rf again "$name"
    }
done

# The tool on logs that were made by hand: the last 50 iterations that both have, names and learning rates that differ.
command -v python3 > /dev/null || finish
mkdir -p p/tools p/configs p/docs/images
cp "$SOURCE/tools/trainings.py" p/tools
cp -r "$SOURCE/configs/camvid" p/configs
rm -f p/configs/camvid/reference.json
printf 'before\n<!-- table: tools/trainings.py -->\nold\n<!-- end -->\nafter\n' > p/docs/trainings.md
log() { # FOLDER OFFSET MIOU LR NAME LAST
    mkdir -p "$1/1/vis_data"
    for i in $(seq 10 10 "$6"); do
        echo "{\"lr\": $4, \"loss\": $((i + $2)).5, \"$5\": 1.0, \"time\": 0.25, \"iter\": $i, \"step\": $i}"
    done > "$1/1/vis_data/1.json"
    echo "{\"mIoU\": $3, \"aAcc\": 50.0, \"step\": $6}" >> "$1/1/vis_data/1.json"
}
log p/build/trainings/0/stdc1 0 12.25 0.01 decode.loss_ce 600
log p/build/trainings/7/stdc1 0 13.5 0.01 decode.loss_ce 600
log p/build/trainings/mmseg/stdc1 100 11.75 0.02 decode.loss_cf 60
run 0 python3 p/tools/trainings.py
says "stdc1: the logs differ in names ['decode.loss_ce', 'decode.loss_cf']"
says "stdc1: the logs differ in learning rates"
row='| [STDC1](../configs/camvid/stdc1.py) | 60 | 40.50 | 140.50 | -73.8 % | 12.25 |  | 13.50 |  | 0.25 | 0.25 |'
check "the row: $(grep STDC1 p/docs/trainings.md)" grep -qxF -- "$row" p/docs/trainings.md
check "the page is kept" [ "$(grep -cx -e before -e after p/docs/trainings.md)" -eq 2 ]
check "not its old table" [ "$(grep -c old p/docs/trainings.md)" -eq 0 ]
check "four curves" [ "$(grep -c '<polyline' p/docs/images/trainings.svg)" -eq 4 ]
check "the reference's run is kept" grep -q '"stdc1": .*140.5, 150.5, 160.5\].*"mIoU": null' p/configs/camvid/reference.json
rm -rf p/build
run 1 python3 p/tools/trainings.py
says_error "--data"
finish
