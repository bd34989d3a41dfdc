#!/bin/sh
# Help, wrong usage, the spellings of the reference's tools, completion.
. "$(dirname "$0")/lib.sh"

run 2 "$CSEG"
says_error "usage: cseg COMMAND"
run 0 "$CSEG" --help
says "commands:"
run 0 "$CSEG" --version
says "cseg "
says "(oneDNN 3."
run 2 "$CSEG" trian
says_error "did you mean 'train'"
run 2 "$CSEG" train
says_error "CONFIG is missing"
run 2 "$CSEG" test config.py
says_error "missing"
run 2 "$CSEG" config a.py b.py
says_error "one argument too many: 'b.py'"
run 2 "$CSEG" train config.py --wrok-dir x
says_error "did you mean --work-dir?"
run 2 "$CSEG" train config.py --seed many
says_error "--seed needs a whole number from 0 to 4294967295, not 'many'"
run 2 "$CSEG" train config.py --seed
says_error "--seed needs a value"
run 2 "$CSEG" train config.py --launcher ssh
says_error "--launcher must be one of none|pytorch|slurm|mpi"
run 2 "$CSEG" test config.py last.pth --opacity 1.5
says_error "--opacity must be from"
run 2 "$CSEG" train config.py --cfg-options
says_error "--cfg-options needs KEY=VALUE"
run 2 "$CSEG" parity everything config.py
says_error "config, model or train"
run 2 "$CSEG" completion tcsh
says_error "bash, zsh and fish"

commands=$("$CSEG" --help | sed -n '/^commands:/,/^$/s/^  \([a-z-]\{1,\}\).*/\1/p')
check "commands are listed" [ "$(echo "$commands" | wc -l)" -ge 9 ]
for command in $commands; do
    run 0 "$CSEG" "$command" --help
    says "usage: cseg $command"
    says "options:"
    cp out.txt help.txt
    wide=$(awk 'length($0) > 80' help.txt)
    check "cseg $command --help fits 80 columns: $wide" [ -z "$wide" ]
    run 0 "$CSEG" help "$command"
    check "cseg help $command says the same" cmp -s out.txt help.txt
done

# tools/train.py and tools/test.py of 0.30.0 and 1.2.2. --help comes last: what stands before it is parsed.
run 0 "$CSEG" train config.py --work-dir d --load-from a.pth --resume-from b.pth --no-validate --gpu-id 0 --seed 3 \
    --diff_seed --deterministic --options model.pretrained=None data.samples_per_gpu=2 --launcher none --local_rank 0 \
    --auto-resume --help
run 0 "$CSEG" train config.py --work-dir=d --gpus 1 --gpu-ids 0 1 --cfg-options a=1 'b=[1,2]' c=x,y --help
run 0 "$CSEG" train config.py --work-dir d --resume --amp --cfg-options a.b=1 --launcher none --local-rank 0 --help
run 0 "$CSEG" train config.py --resume auto --help
run 0 "$CSEG" test config.py last.pth --work-dir d --aug-test --out r.pkl --eval mIoU mDice mFscore --show \
    --show-dir s --gpu-collect --gpu-id 0 --tmpdir t --options a=1 --eval-options b=2 --launcher none --opacity 0.5 \
    --local_rank 0 --help
run 0 "$CSEG" test config.py last.pth --format-only --cfg-options a=1 --help
run 0 "$CSEG" test config.py last.pth --work-dir d --out o --show --show-dir s --wait-time 2 --cfg-options a=1 \
    --launcher none --tta --local-rank 0 --help
run 0 "$CSEG" infer config.py last.pth one.png two.tif folder --out o --opacity 0.4 --all-heads --help

# A completion that a shell accepts and that knows the commands and options.
run 0 "$CSEG" completion bash
cp out.txt completion.bash
if command -v bash > /dev/null; then
    run 0 bash -n completion.bash
    run 0 bash -c '. ./completion.bash; COMP_WORDS=(cseg tr); COMP_CWORD=1; _cseg; echo "${COMPREPLY[@]}"'
    check "tr is completed to train" [ "$(cat out.txt)" = train ]
    run 0 bash -c '. ./completion.bash; COMP_WORDS=(cseg train --work); COMP_CWORD=2; _cseg; echo "${COMPREPLY[@]}"'
    check "--work is completed" [ "$(cat out.txt)" = --work-dir ]
    run 0 bash -c '. ./completion.bash; COMP_WORDS=(cseg train --launcher p); COMP_CWORD=3; _cseg; echo "${COMPREPLY[@]}"'
    check "choices are completed" [ "$(cat out.txt)" = pytorch ]
fi
if command -v zsh > /dev/null; then
    "$CSEG" completion zsh > _cseg
    run 0 zsh -n _cseg
fi
if command -v fish > /dev/null; then
    "$CSEG" completion fish > cseg.fish
    run 0 fish -n cseg.fish
fi

# Output that cannot be written is a failure.
[ -e /dev/full ] && {
    "$CSEG" --help > /dev/full 2> err.txt
    check "a full disk is told" [ $? -eq 1 ]
    says_error "standard output: cannot write"
}
finish
