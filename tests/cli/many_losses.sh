#!/bin/sh
# A run logs every loss, however many heads there are.
. "$(dirname "$0")/lib.sh"
make_tiles
cat > many.py <<EOF
_base_ = ['$SOURCE/tests/cli/tiny.py']
model = dict(auxiliary_head=[
    dict(type='FCNHead', in_channels=4, in_index=0, channels=4, num_convs=1, concat_input=False, num_classes=2)
    for _ in range(40)])
EOF
run 0 "$CSEG" train many.py --work-dir work --threads 1 --cfg-options train_cfg.max_iters=1 default_hooks.logger.interval=1
log=$(find work -name '*.json' -path '*vis_data*' | head -n 1)
for name in decode.loss_ce aux_0.loss_ce aux_39.loss_ce aux_39.acc_seg '"loss"'; do
    check "$name is in the log" grep -q -- "$name" "$log"
done
# Their sum is the loss that is learned from.
check "the losses add up" awk '{
    n = split($0, part, /[,{}]/)
    for (i = 1; i <= n; i++) {
        split(part[i], kv, ": ")
        if (kv[1] ~ /loss_ce"/) sum += kv[2]
        if (kv[1] ~ /^ *"loss"$/) total = kv[2]
    }
} END { exit !(total > 1 && (sum - total) ^ 2 < 1e-6 * total ^ 2) }' "$log"
finish
