#!/bin/bash
# Names that come from files reach the terminal, logs and JSON as escapes where they would act on a terminal or look like
# lines of the program's own; names of all scripts stay as they are.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
esc=$'\033]0;owned\a'
harmless() { # FILE...: no control character but newline and tab, no C1, no mark of direction
    LC_ALL=C grep -nP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]' "$@" && return 1
    return 0
}
quiet() { check "the terminal gets no control characters" harmless out.txt err.txt; }

# Class names: the tables, the logs, the JSON of figures.
cat > names.py <<END
_base_ = '$tiny'
classes = ('水域\x1b]0;owned\x07', 'a\ncseg: done\r\u202e')
for_all = dict(classes=classes, palette=[[1, 2, 3], [4, 5, 6]])
train_dataloader = dict(dataset=dict(metainfo=for_all))
val_dataloader = dict(dataset=dict(metainfo=for_all))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=2, val_interval=2)
END
run 0 "$CSEG" train names.py --threads 1 --work-dir work
quiet
good=work/iter_2.pth
run 0 "$CSEG" test names.py $good --threads 1 --work-dir tested
says '水域\x1b]0;owned\x07'
says 'a\ncseg: done\r\u202e'
quiet
logs=$(find work tested -name '*.log' -o -name '*.json')
check "there are logs" [ "$(echo "$logs" | wc -l)" -ge 4 ]
check "logs have no control characters" harmless $logs
run 0 "$CSEG" config names.py
says '水域\x1b]0;owned\x07'
quiet
"$CSEG" config names.py > again.py
run 0 "$CSEG" config again.py
check "what config prints says the same again" cmp out.txt again.py
run 0 "$CSEG" config names.py --json
says '水域\u001b]0;owned\u0007'
quiet

# Files' names, of folders, images, checkpoints and configs; arguments; keys.
mkdir "in$esc"
cp "$(ls -d tiles/images/val/* | head -n 1)" "in$esc/b"$'\n'"cseg: c.png"
echo no > "in$esc/"$'\302\233'"31m.png"
run 1 "$CSEG" infer "$tiny" $good "in$esc" --threads 1 --out "out$esc"
says_error 'in\x1b]0;owned\x07/\u009b31m.png'
says 'out\x1b]0;owned\x07'
quiet
check "the file has its own name all the same" [ -s "out$esc/b"$'\n'"cseg: c.png" ]
printf '\377\376no checkpoint' > $'bad\377\n.pth'
run 1 "$CSEG" infer "$tiny" $'bad\377\n.pth' "$(ls -d tiles/images/val/* | head -n 1)"
says_error 'bad\xff\n.pth'
quiet
run 2 "$CSEG" train "$tiny" $'more\ncseg: done'
says_error "one argument too many: 'more\\ncseg: done'"
run 1 "$CSEG" config "$tiny" --where $'model\033[2J'
says_error 'model\x1b[2J'
run 1 "$CSEG" train "$tiny" --cfg-options $'model.decode_head.x\033[2J=1'
says_error 'x\x1b[2J'
quiet
printf 'model = dict(\n  x\t= "\342\200\256" +)\n' > broken.py
run 1 "$CSEG" config broken.py
says_error 'broken.py:2:'
says_error '"\u202e" +)'
quiet
check "the caret stands below its place" [ "$(grep -n '\^$' err.txt | cut -d: -f1)" = 3 ]
run 1 "$CSEG" plot "in$esc"
says_error 'in\x1b]0;owned\x07: no training log'
quiet
finish
