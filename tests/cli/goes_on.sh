#!/bin/bash
# What a run goes on with, or ends at, though somebody may not expect it, is a warning: no checkpoint to resume from, one
# that cannot be removed, early stopping at a figure that is no number, links that lead nowhere.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
short="train_cfg.max_iters=2 train_cfg.val_interval=2 default_hooks.checkpoint.interval=1"
train() { "$CSEG" train "$tiny" --threads 1 --work-dir "$@"; }

run 0 train work --resume --cfg-options $short
says_error "warning: work holds no checkpoint to resume from: training begins at the start"
run 0 train fresh --cfg-options $short
check "a new run has nothing to tell: $(cat err.txt)" [ "$(grep -c warning: err.txt)" -eq 0 ]

rm work/iter_1.pth
mkdir work/iter_1.pth
run 0 train work --resume --cfg-options $short train_cfg.max_iters=3 default_hooks.checkpoint.max_keep_ckpts=1
says_error "warning: work/iter_1.pth cannot be removed (Is a directory): more checkpoints stay than are to be kept"
check "no warning about the resumed one" [ "$(grep -c 'no checkpoint to resume' err.txt)" -eq 0 ]

# Validation whose labels are all ignored has no figures that are numbers.
cat > ignored.py <<'PY'
import os, struct, zlib
def chunk(name, data):
    return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
for name in os.listdir('tiles/labels/val'):
    path = 'tiles/labels/val/' + name
    w, h = struct.unpack('>II', open(path, 'rb').read()[16:24])
    with open(path, 'wb') as f:
        f.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 0, 0, 0, 0)) +
                chunk(b'IDAT', zlib.compress((b'\0' + b'\xff' * w) * h)) + chunk(b'IEND', b''))
PY
if command -v python3 > /dev/null; then
    cp -r tiles/labels/val val.keep
    python3 ignored.py
    run 0 train stops --cfg-options $short train_cfg.max_iters=6 \
        "default_hooks.early={'type': 'EarlyStoppingHook', 'monitor': 'mIoU', 'rule': 'greater'}"
    says_error "warning: mIoU is nan, which is no finite number, and training ends early"
    check "it has ended" missing stops/iter_6.pth
    rm -r tiles/labels/val
    mv val.keep tiles/labels/val
fi

for i in 1 2; do ln -s gone.png tiles/images/train/z$i.png; done
run 0 train links --cfg-options $short
says_error ".png: is a link that leads nowhere and is left out (there are 2 such links)"
finish
