#!/bin/bash
# PyTorch and the reference take the checkpoints: $CSEG_PYTHON is a Python that has torch, mmengine and mmseg 1.x.
. "$(dirname "$0")/setup.sh"
python=${CSEG_PYTHON:-python3}
if ! "$python" -c "import torch, mmengine, mmseg" 2> python.txt; then
    echo "skipped: $python has no torch, mmengine and mmseg"
    exit 77
fi
export CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1
for config in iter_1x epoch_1x iter_0x; do
    run 0 train $config $config
done
run 0 "$python" -W ignore "$SOURCE/tests/fault/load_in_torch.py" "$configs" iter_1x/iter_12.pth iter_1x/iter_8.pth \
    epoch_1x/epoch_4.pth epoch_1x/epoch_2.pth iter_0x/iter_12.pth
says "iter_1x/iter_12.pth: strict"
says "iter_0x/iter_12.pth: strict"
says "iter_1x/iter_8.pth: resumed at iter 8, ended at 12"
says "epoch_1x/epoch_2.pth: resumed at epoch 2, ended at 4"
# The reference's own files resume here.
run 0 train iter_1x from-reference --resume-from mmengine-iter_1x/iter_10.pth
says_error "resumed from mmengine-iter_1x/iter_10.pth: epoch"
says_error "iteration 10"
check "it ends" [ -e from-reference/iter_12.pth ]
run 0 train epoch_1x from-reference --resume-from mmengine-epoch_1x/epoch_3.pth
check "it ends" [ -e from-reference/epoch_4.pth ]
finish
