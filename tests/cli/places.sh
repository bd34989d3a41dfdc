#!/bin/sh
# Messages name the line that is at fault, whichever of a config's ancestors wrote the dict.
. "$(dirname "$0")/lib.sh"

cat > base0.py <<'END'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead',
        in_channels=2048,
        channels=512,
        num_classes=19,
        norm_cfg=norm_cfg))
END
printf "_base_ = './base0.py'\nmodel = dict(backbone=dict(\n  norm_cfg=dict(eps=1e-4)))\n" > base1.py

# at PLACE MESSAGE CONFIG [OPTION...]: what the child's text, from its third line on, makes of the model
at() {
    place=$1 message=$2
    printf "_base_ = './base1.py'\n\n%s\n" "$3" > child.py
    shift 3
    run 1 "$CSEG" model child.py "$@"
    says_error "$message"
    check "$place: $(head -1 err.txt)" grep -qF -- "$place: " err.txt
}
at child.py:4 "there is no head type 'NoHead'" "model = dict(decode_head=dict(
    type='NoHead'))"
at child.py:4 "norm_cfg of type XX is not supported" "model = dict(backbone=dict(
    norm_cfg=dict(eps=2, type='XX')))"
at child.py:4 "ResNetV1c: 'depth' must be an int" "model = dict(backbone=dict(
    depth='x'))"
at child.py:5 "FCNHead has no key 'chanels'" "model = dict(
  decode_head=dict(
    chanels=3))"
at child.py:3 "FCNHead needs the key 'in_channels'" "model = dict(decode_head=dict(_delete_=True, type='FCNHead'))"
at "--cfg-options model.decode_head.type" "there is no head type 'Foo'" "model = dict(decode_head=dict(channels=8))" \
    --cfg-options model.decode_head.type=Foo
at "--cfg-options model.decode_head" "BN has no key 'tipe'" "" \
    --cfg-options "model.decode_head={'norm_cfg': {'tipe': [1, 2]}}"
finish
