#!/bin/sh
# Training and testing on a scene without cutting it: the page's config on the bundled scene, resuming, pictures, files
# that do not fit, in both dialects.
. "$(dirname "$0")/lib.sh"
page=$SOURCE/docs/scene-training.md
water=$SOURCE/examples/water

# The page's config, in two parts: MODEL is that of tiny.py.
awk '/^```python/ { on = 1; next } /^```/ { on = 0 } on' "$page" > data.py
check "the page has a config" test -s data.py
sed "s|examples/water|$water|" data.py > page.py
awk '/^dataset = dict/ { skip = 1 } /^val_evaluator/ { skip = 0 } !skip' "$SOURCE/tests/cli/tiny.py" > tiny.py
{ echo "_base_ = './tiny.py'"; cat page.py; } > scene.py

every="default_hooks.logger.interval=1 log_processor.window_size=1"
run 0 "$CSEG" train scene.py --work-dir work --cfg-options $every
says_error "SceneDataset (train): "
says_error "SceneDataset (val): "
check "the counts are kept" ls work/scenes/*.index
check "12 iterations" test -f work/iter_12.pth
grep -o '"loss": [0-9.]*' work/*/vis_data/scalars.json > losses.txt

# The same run, resumed in the middle: the same numbers.
run 0 "$CSEG" train scene.py --work-dir again --resume-from work/iter_6.pth \
    --cfg-options $every train_dataloader.num_workers=4
grep -o '"loss": [0-9.]*' again/*/vis_data/scalars.json > resumed.txt
tail -n 6 losses.txt > last.txt
check "six iterations are logged" test "$(wc -l < resumed.txt)" -eq 6
check "the same losses after resuming" cmp resumed.txt last.txt

run 0 "$CSEG" test scene.py work/iter_12.pth --out maps --show-dir pictures --work-dir tested
says "mIoU"
windows=$(sed -n 's/.*Iter(test) \[\([0-9]*\).*/\1/p' out.txt)
check "a map a window" test "$(ls maps | wc -l)" -eq "$windows"
check "a picture a window" test "$(ls pictures | wc -l)" -eq "$windows"

# 0.x
cat > old.py <<'OLD'
_base_ = ['./base_0x.py']
scenes = dict(
    type='SceneDataset', data_root='WATER', classes=('land', 'water'), palette=[[60, 160, 90], [30, 100, 200]],
    scenes=[dict(img='scene.tif', ann='mask.tif')], crop_size=64)
split = dict(by='blocks', block=128, val=0.2, test=0.1, gap=16)
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=2,
    train=dict(split=dict(part='train', **split), class_balanced=True, pipeline={{_base_.train_pipeline}}, **scenes),
    val=dict(split=dict(part='val', **split), pipeline={{_base_.test_pipeline}}, **scenes),
    test=dict(split=dict(part='test', **split), pipeline={{_base_.test_pipeline}}, **scenes))
OLD
sed -i "s|WATER|$water|" old.py
awk '/^common = dict/ { skip = 1 } /^optimizer = dict/ { skip = 0 } !skip'  "$SOURCE/tests/cli/tiny_0x.py" > base_0x.py
run 0 "$CSEG" train old.py --work-dir old
says_error "SceneDataset (train): "
run 0 "$CSEG" test old.py old/iter_6.pth --eval mIoU --work-dir old
says_error "SceneDataset (test): "
says "mIoU"

# The bundled config.
WATER_SCENE=$water
export WATER_SCENE
run 0 "$CSEG" train "$SOURCE/configs/water/fcn_hr18s_water_scene.py" --work-dir whole --no-validate --cfg-options \
    train_cfg.max_iters=1 train_dataloader.batch_size=1
says_error "SceneDataset (train): 369397 pixels"

# What does not fit is said before the first step, and by name.
sed "s|mask.tif|short.tif|" scene.py > short.py
sed -i "s|$water|data|" short.py
mkdir data
cp "$water/scene.tif" data/
head -c 2000 "$water/mask.tif" > data/short.tif
run 1 "$CSEG" train short.py --work-dir failed
says_error "short.tif"
check "no checkpoint" missing failed/iter_6.pth
sed "s|val=0.35|val=1.35|" scene.py > wrong.py
run 1 "$CSEG" train wrong.py --work-dir failed
says_error "val"
finish
