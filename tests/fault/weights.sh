#!/bin/bash
# Checkpoints as a user meets them: kept, best, averaged, finetuned from; those of other models, damaged and malicious.
. "$(dirname "$0")/setup.sh"
run 0 train iter_1x plain
test_on() { # CODE CHECKPOINT OPTION...
    code=$1 checkpoint=$2
    shift 2
    run "$code" "$CSEG" test "$configs/iter_1x.py" "$checkpoint" --threads 1 --work-dir tested "$@"
}
test_on 0 plain/iter_12.pth
says mIoU

# max_keep_ckpts and save_best.
run 0 train iter_1x kept --cfg-options default_hooks.checkpoint.max_keep_ckpts=2 default_hooks.checkpoint.interval=3 \
    default_hooks.checkpoint.save_best=mIoU train_cfg.val_interval=3
check "two are kept" [ "$(ls kept/iter_*.pth | tr '\n' ' ')" = "kept/iter_12.pth kept/iter_9.pth " ]
check "and the best one" [ "$(ls kept/best_mIoU_iter_*.pth | wc -l)" = 1 ]
test_on 0 kept/best_mIoU_iter_*.pth
run 0 train iter_1x begun --cfg-options default_hooks.checkpoint.interval=3 default_hooks.checkpoint.save_begin=5
check "saved from the fifth on" [ "$(ls begun/*.pth | tr '\n' ' ')" = "begun/iter_11.pth begun/iter_12.pth begun/iter_5.pth begun/iter_8.pth " ]
# A hook that counts epochs: iterations are one epoch.
run 0 train iter_1x counted --cfg-options default_hooks.checkpoint.by_epoch=True
check "the whole run is saved as an epoch" [ "$(ls counted/*.pth)" = counted/epoch_1.pth ]
check "it is the whole run" [ "$("$TOOL" number counted/epoch_1.pth meta iter)" = 12 ]
# out_dir has a folder for each run.
run 0 train iter_1x runs/here --cfg-options default_hooks.checkpoint.out_dir=store
check "checkpoints are in out_dir" [ -e store/here/iter_12.pth ]
check "the work dir tells where" [ "$(cat runs/here/last_checkpoint)" = store/here/iter_12.pth ]
run 0 train iter_1x runs/here --resume --cfg-options default_hooks.checkpoint.out_dir=store
says_error "resumed from store/here/iter_12.pth"
run 0 train iter_0x runs/old --cfg-options checkpoint_config.out_dir=store
run 0 train iter_0x runs/old --auto-resume --cfg-options checkpoint_config.out_dir=store
says_error "resumed from store/old/latest.pth"

# Averages: the state dict holds them, the evaluation within the run and the test of the file agree.
run 0 train averages_1x averaged --cfg-options train_cfg.val_interval=12
grep 'Iter(val)' err.txt | grep -o 'aAcc: .*  mAcc: [0-9.]*' > within.txt
test_on 0 averaged/iter_12.pth
grep 'Iter(test)' out.txt | grep -o 'aAcc: .*  mAcc: [0-9.]*' > after.txt
check "$(cat within.txt) is $(cat after.txt)" cmp -s within.txt after.txt
check "there is something to compare" [ -s within.txt ]
run 1 "$TOOL" same plain/iter_12.pth averaged/iter_12.pth weights
# Another number of classes: what fits is taken, the rest is listed, and it trains.
run 0 train iter_1x tuned --load-from plain/iter_12.pth --cfg-options model.decode_head.num_classes=5
says_error "decode_head.conv_seg.weight ([3, 8, 1, 1] in the file, [5, 8, 1, 1] in the model)"
check "it trained" [ -e tuned/iter_12.pth ]
run 1 "$CSEG" train "$configs/iter_1x.py" --work-dir no --resume-from tuned/iter_12.pth
says_error "tuned/iter_12.pth"
says_error "decode_head.conv_seg.weight"
test_on 1 tuned/iter_12.pth
says_error "is a checkpoint of another model"
says_error "decode_head.conv_seg.weight"
run 0 train wide_1x wide --cfg-options train_cfg.max_iters=1 --no-validate
test_on 1 wide/iter_1.pth
says_error "wide/iter_1.pth: is a checkpoint of another model"

# Damage. Every cut, and a flipped bit in the weights.
size=$(stat -c %s plain/iter_12.pth)
for n in 0 1 100 $((size / 2)) $((size - 30)) $((size - 1)); do
    head -c "$n" plain/iter_12.pth > cut.pth
    test_on 1 cut.pth
    says_error cut.pth
    run 1 train iter_1x no --resume-from cut.pth
    says_error cut.pth
    check "nothing is saved" missing no/iter_12.pth
done
for entry in data.pkl data/0 data/20; do
    cp plain/iter_12.pth flipped.pth
    run 0 "$TOOL" flip flipped.pth archive/$entry
    test_on 1 flipped.pth
    says_error flipped.pth
done
test_on 2 "$configs/iter_1x.py"
says_error iter_1x.py
test_on 1 nowhere.pth
says_error nowhere.pth
test_on 2 data
says_error data

# A pickle that wants to call something, in both of PyTorch's formats.
run 0 "$TOOL" calls evil.pth
printf "\\200\\002cos\nsystem\n(S'touch called'\ntR." > plain-evil.pth
for file in evil.pth plain-evil.pth; do
    test_on 1 $file
    says_error os.system
    says_error $file
    run 1 train iter_1x no --load-from $file
    says_error os.system
done
check "nothing was called" missing called
finish
