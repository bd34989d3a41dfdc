#!/bin/sh
# cseg config: the resolved config, origins, and errors with place and caret.
. "$(dirname "$0")/lib.sh"

mkdir -p _base_
cat > _base_/model.py <<'END'
model = dict(
    type='EncoderDecoder',
    decode_head=dict(type='FCNHead', num_classes=19, channels=512))
lr = 0.01
END
cat > child.py <<'END'
_base_ = './_base_/model.py'
model = dict(decode_head=dict(num_classes=2))
total_iters = 10 * 100
END
run 0 "$CSEG" config child.py
says "num_classes=2"
says "channels=512"
says "total_iters = 1000"
run 0 "$CSEG" config child.py --json
says '"num_classes": 2'
run 0 "$CSEG" config child.py --cfg-options model.decode_head.num_classes=5 total_iters=7 'extra=[1,2]'
says "num_classes=5"
says "total_iters = 7"
says "extra = [1, 2]"
run 0 "$CSEG" config child.py --options lr=1e-3
says "lr = 0.001"
run 0 "$CSEG" config child.py --where model.decode_head.num_classes
says "child.py:2:"
says "_base_/model.py:3:"
run 1 "$CSEG" config child.py --where model.decode_head.num_clases
says_error "num_classes"

run 1 "$CSEG" config nowhere.py
says_error "nowhere.py"
printf 'a = 1\nb = (2,\nc = 3 +\n' > broken.py
run 1 "$CSEG" config broken.py
says_error "broken.py:2:5:"
check "a caret points at it" grep -qE '^ *\^' err.txt
printf "x = open('/etc/passwd').read()\n" > opens.py
run 1 "$CSEG" config opens.py
says_error "opens.py:1:"
says_error "open"
printf "import os\nx = os.system('touch stolen')\n" > runs.py
run 1 "$CSEG" config runs.py
check "nothing was run" missing stolen
printf "_base_ = './loop2.py'\n" > loop1.py
printf "_base_ = './loop1.py'\n" > loop2.py
run 1 "$CSEG" config loop1.py
says_error "loop1.py"
printf "_base_ = ['./_base_/model.py', './twice.py']\n" > bases.py
printf "lr = 0.1\n" > twice.py
run 1 "$CSEG" config bases.py
says_error "lr"
finish
