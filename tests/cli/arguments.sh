#!/bin/bash
# Arguments that are missing, or stand in another order: what each is, what is missing, and the order, on two lines.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2
cp work/iter_2.pth w.pth
cp w.pth weights # known by its first bytes
cp "$(ls -d tiles/images/val/*.png | head -n 1)" a.png
cp "$tiny" c.py
tells() { # TEXT ARGUMENT...
    text=$1
    shift
    run 2 "$CSEG" "$@"
    says_error "cseg: $text"
    says_error "usage: cseg $1"
    check "$*: two lines" [ "$(wc -l < err.txt)" -eq 2 ]
}
tells "CONFIG is missing: 'w.pth' is a checkpoint, 'a.png' is an image" infer w.pth a.png
tells "CONFIG is missing: 'weights' is a checkpoint, 'tiles' is a folder" infer weights tiles
tells "CHECKPOINT is missing: 'c.py' is a config, 'a.png' is an image" infer c.py a.png
tells "CHECKPOINT is missing: 'c.py' is a config, 'a.png' is an image, 'a.png' is an image" infer c.py a.png a.png
tells "CONFIG is missing" infer w.pth a.png a.png
tells "IMAGE|FOLDER is missing: 'c.py' is a config, 'w.pth' is a checkpoint" infer c.py w.pth
tells "CONFIG and CHECKPOINT are missing: 'a.png' is an image" infer a.png
tells "CONFIG, CHECKPOINT and IMAGE|FOLDER are missing" infer
tells "the arguments are not those that are wanted, in their order: 'w.pth' is a checkpoint, 'c.py' is a config" test w.pth c.py
tells "the arguments are not those that are wanted, in their order: 'a.png' is an image, 'c.py'" infer a.png c.py w.pth
tells "CONFIG is missing: 'w.pth' is a checkpoint" test w.pth
tells "CHECKPOINT is missing: 'c.py' is a config" test c.py
tells "CONFIG is missing: 'w.pth' is a checkpoint" train w.pth
tells "CONFIG is missing: 'a.png' is an image" model a.png
tells "CONFIG is missing: 'tiles' is a folder" config tiles
tells "infer|train|load is missing: 'c.py' is a config" bench c.py
tells "CONFIG is missing: 'w.pth' is a checkpoint" bench infer w.pth
tells "SCENE is missing: 'w.pth' is a checkpoint" tile w.pth
tells "LOG is missing: 'a.png' is an image" plot a.png
tells "one argument too many: 'b.py'" train c.py b.py
# What is right is let through, whatever it is called; a folder of a mode's name is not the mode.
run 0 "$CSEG" infer c.py weights a.png --threads 1 --out out
cp c.py "a b.py"
mkdir infer
run 0 "$CSEG" bench infer "a b.py" --size 32 --repeat 1 --threads 1
run 1 "$CSEG" infer c.py gone.pth a.png --threads 1
says_error "gone.pth"
run 1 "$CSEG" test gone.py w.pth
says_error "gone.py"
run 1 "$CSEG" train c.yaml
says_error "YAML"
finish
