#!/bin/sh
# cseg convert-weights as a user meets it. What it makes is compared with the reference in io/test_convert_weights.
. "$(dirname "$0")/lib.sh"
weights=$SOURCE/tests/data/io/weights

run 2 "$CSEG" convert-weights "$weights/vit.safetensors"
says_error "DST is missing"
run 0 "$CSEG" convert-weights --help
for name in beit clip_b16 clip_l14 mit san stdc1 stdc2 swin swin_timm twins vit vit_jax; do
    says "$name"
    check "docs/convert-weights.md has $name" grep -q "^| \`$name\` |" "$SOURCE/docs/convert-weights.md"
done

# Told from the names; folders are made; the ending says the format.
run 0 "$CSEG" convert-weights "$weights/swin.safetensors" new/folder/swin.pth
says_error "has the names of swin"
says "new/folder/swin.pth: 100 tensors of swin written, 2 left out: head.bias, head.weight"
run 0 "$CSEG" convert-weights "$weights/vit_jax.npz" vit.safetensors --quiet
says "vit.safetensors: 150 tensors of vit_jax written, 2 left out: head/kernel, head/bias"
run 0 "$CSEG" convert-weights "$weights/vit.safetensors" mae.pth --model beit
says_error "is taken for beit"

# What is none.
run 2 "$CSEG" convert-weights new/folder/swin.pth again.pth
says_error "has the names of MMSegmentation already"
run 1 "$CSEG" convert-weights "$SOURCE/tests/data/io/pth/module.pth" again.pth
says_error "its 7 names (0.weight, 0.bias, 1.weight...) are none of those that are converted"
says_error "mit (patch_embed1.proj.weight)"
run 1 "$CSEG" convert-weights "$weights/mit.safetensors" again.pth --model clip_b16
says_error "none of its 178 tensors has a name of clip_b16"
run 2 "$CSEG" convert-weights "$weights/mit.safetensors" again.pth --model bert
says_error "--model must be one of san|"
run 1 "$CSEG" convert-weights nowhere.pth again.pth
says_error "nowhere.pth"
run 1 "$CSEG" convert-weights "$SOURCE/tests/cli/lib.sh" again.pth
says_error "is no PyTorch checkpoint"
run 1 "$CSEG" convert-weights "$weights/mit.safetensors" new
says_error "new: is a folder"
check "nothing was written" missing again.pth
cp "$weights/vit.safetensors" own.safetensors
ln -s own.safetensors link.safetensors
run 2 "$CSEG" convert-weights own.safetensors link.safetensors
says_error "give another DST"
check "the source is as it was" cmp own.safetensors "$weights/vit.safetensors"

# Where a model's weights are wanted, the message says how to get them.
make_tiles
run 1 "$CSEG" train "$SOURCE/tests/cli/tiny.py" --work-dir w --load-from "$weights/swin.safetensors"
says_error "it has the names of swin"
says_error "\`cseg convert-weights $weights/swin.safetensors NEW.pth\` gives them those of MMSegmentation"

# For images of more bands, of names that are converted and of MMSegmentation's own.
run 0 "$CSEG" convert-weights "$weights/swin.safetensors" five.pth --adapt-bands 5
says_error "adapted to 5 bands (mean): patch_embed.projection.weight"
run 0 "$CSEG" convert-weights new/folder/swin.pth twice.pth --adapt-bands 5
says "tensors of MMSegmentation written"
check "the same" cmp five.pth twice.pth
run 0 "$CSEG" convert-weights new/folder/swin.pth twelve.pth --adapt-bands 12 --how rgb-first=4,3,2
run 1 "$CSEG" convert-weights five.pth again.pth --adapt-bands 6
says_error "no convolution reads images of 3 bands"
run 1 "$CSEG" convert-weights new/folder/swin.pth again.pth --adapt-bands 2 --how zero
says_error "patch_embed.projection.weight: zero keeps all 3 channels, but there are 2 now"
run 2 "$CSEG" convert-weights new/folder/swin.pth again.pth --adapt-bands 5 --how average
says_error "'average' is none of mean, repeat, zero, rgb-first=R,G,B"
run 2 "$CSEG" convert-weights new/folder/swin.pth again.pth --how mean
says_error "--how says how --adapt-bands N is done"
check "nothing was written" missing again.pth
finish
