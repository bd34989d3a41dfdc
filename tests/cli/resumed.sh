#!/bin/sh
# A run goes on with what its checkpoint says of rates and seed, as in the reference; what the config says else is told
# of, and what cannot go on is refused.
. "$(dirname "$0")/lib.sh"
make_tiles
new=$SOURCE/tests/cli/tiny.py
old=$SOURCE/tests/cli/tiny_0x.py
run 0 "$CSEG" train "$new" --threads 1 --work-dir first
run 0 "$CSEG" train "$old" --threads 1 --work-dir first_0x
again() { # CODE OPTION...
    code_wanted=$1
    shift
    rm -rf second
    run "$code_wanted" "$CSEG" train "$new" --threads 1 --no-validate --work-dir second --resume-from first/iter_6.pth "$@"
}
plain() {
    check "no warning: $(cat err.txt)" [ "$(grep warning err.txt | grep -vc 'no label file has a pixel')" -eq 0 ]
}

again 0
plain
grep 'lr: ' err.txt | sed 's/.*lr: \([^ ]*\) .*loss: \([^ ]*\) .*/\1 \2/' > as_it_was.txt
again 0 --cfg-options optim_wrapper.optimizer.lr=0.5 optim_wrapper.optimizer.weight_decay=0.9
says_error "warning: first/iter_6.pth: was trained with lr=0.02, weight_decay=0, and goes on with them, as in the reference; those of this config (0.5, 0.9) have no effect"
grep 'lr: ' err.txt | sed 's/.*lr: \([^ ]*\) .*loss: \([^ ]*\) .*/\1 \2/' > changed.txt
check "the same rates and losses" cmp as_it_was.txt changed.txt
again 0 --cfg-options randomness.seed=77
says_error "warning: first/iter_6.pth: was trained with seed 1, which goes on; 77 has no effect"
again 1 --cfg-options "optim_wrapper.optimizer=dict(_delete_=True,type='AdamW',lr=0.001)"
says_error "first/iter_6.pth: was trained with SGD, this config has Adam or AdamW: its state is of no use"
check "nothing was saved" missing second/last_checkpoint
again 0 --cfg-options train_dataloader.dataset.metainfo.classes=water,land
says_error "warning: to first/iter_6.pth, class 0 is 'land', which in these data is class 1"

# Where gradients wait for a step there is no norm of them yet.
again 0 --cfg-options optim_wrapper.accumulative_counts=4
check "no norm: $(cat err.txt)" [ "$(grep -c 'grad_norm' err.txt)" -eq 0 ]

rm -rf second
run 0 "$CSEG" train "$old" --threads 1 --work-dir second --resume-from first_0x/iter_3.pth --cfg-options optimizer.lr=0.5
says_error "warning: first_0x/iter_3.pth: was trained with lr=0.02"
finish
