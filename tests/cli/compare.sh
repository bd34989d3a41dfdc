#!/bin/sh
# bench/compare.py: rows chosen, peers alternated with, ratios and skipped peers told. The peers here are a script that
# prints what it is told to; the models stand in for the reference's.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null || exit 77
mkdir -p configs/hrnet configs/fcn build
for name in hrnet/fcn_hr18 hrnet/fcn_hr48 fcn/fcn_r50-d8; do
    cp "$SOURCE/tests/cli/tiny.py" "configs/${name}_4xb2-40k_cityscapes-512x1024.py"
done
ln -s "$CSEG" build/cseg
unset CSEG_PEERS

# Says that a call takes 1000 s, 2000 s for onnxruntime; logs what was asked for. openvino cannot be loaded.
mkdir modules
echo '__version__ = "1.2.3"' | tee modules/torch.py > modules/onnxruntime.py
echo 'raise ImportError("no such engine here")' > modules/openvino.py
cat > peers.py <<'PEERS'
import json, os, sys
mode, config, size = sys.argv[1:4]
o = dict(zip(sys.argv[4::2], sys.argv[5::2]))
engine = o.get('--engines', 'torch')
with open('asked.txt', 'a') as f:
    print(mode, size, engine, o['--batch'], o['--precision'], os.environ['THREADS'], file=f)
if mode == 'train' and 'hr18' in config:
    sys.exit('this model is too much')
took = 2000.0 if engine == 'ort' else 1000.0
print('a line that is not for us')
print(json.dumps(dict(mode=mode, config=config, size=int(size), batch=int(o['--batch']), threads=1, engine=engine,
                      precision=o['--precision'], min_s=took, median_s=2 * took, peak_rss_mib=100000)))
PEERS
export PYTHONPATH="$here/modules"
compare() { "$SOURCE/bench/compare.py" --build build --configs configs --rounds 2 --repeat 1 --threads 1 "$@"; }

run 0 compare --rows infer-fp32-fcn_hr18 train-fp32-fcn_hr --peers python3:peers.py
says "skipped: OpenVINO: ImportError: no such engine here"
says "train-fp32-fcn_hr18-512: PyTorch failed: this model is too much"
check "each round asks each peer, beginning with another" [ "$(grep infer asked.txt | cut -d' ' -f3 | tr '\n' ' ')" = "torch ort torch ort " ]
check "a peer that failed is not asked again" [ "$(grep -c 'train 512 torch 2 fp32 1' asked.txt)" -eq 3 ]
check "a ratio of two engines" grep -q '| infer fp32, FCN-HRNet-W18, 512x512 | .* | 1000.000 (2000.000) | 2000.000 (4000.000) | skipped | \*\*.*\*\* (PyTorch) | 2.0, met |' build/bench-results/table.md
check "memory of training" grep -q '| train fp32, FCN-HRNet-W48, 512x512, batch 2 | [0-9]* | 100000 | \*\*0.0[0-9]\*\* | 0.6, met |' build/bench-results/table.md
check "versions" grep -q 'cseg .*(oneDNN.*PyTorch 1.2.3, ONNX Runtime 1.2.3' build/bench-results/table.md
run 0 "$CSEG" config build/bench-results/bench.json
says "best_peer='torch'"

rm asked.txt
run 0 compare --rows train-fp32-fcn_r50
says "skipped: PyTorch: no peers were named"
check "no peer is asked" missing asked.txt
run 1 compare --rows nothing
says_error "no row is called so"
run 1 compare --rows train --configs nowhere
says_error "make reference"
run 0 "$SOURCE/bench/compare.py" --list
check "the rows of the table" [ "$(wc -l < out.txt)" -eq 54 ]

make_tiles
run 0 compare --rows load --load "$SOURCE/tests/cli/tiny.py:$here"
says "skipped: MMSegmentation: no peers were named"
check "loading" grep -q '| CamVid | [0-9.]* ms | skipped |  | 3.0 |' build/bench-results/table.md
run 1 compare --rows load
says "skipped: load-camvid: no config was named"
finish
