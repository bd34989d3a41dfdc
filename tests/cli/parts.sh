#!/bin/sh
# Joined validation and test data in the 0.x dialect: each part is measured by itself, under names of its own, or all
# together. The figures are mmseg 0.30.0's for the same maps: a classifier of zeros answers the first class everywhere.
. "$(dirname "$0")/lib.sh"
"$CSEG" tile "$SOURCE/examples/water/scene.tif" "$SOURCE/examples/water/mask.tif" --out tiles --size 64 --stride 64 \
    --hold-out bottom:0.2 --min-labelled 0.9 > tiles.txt || complain "no tiles"
common="data_root='tiles', classes=('land', 'water'), palette=[[60, 160, 90], [30, 100, 200]], img_suffix='.png',
    seg_map_suffix='.png', pipeline={{_base_.test_pipeline}}"
first="dict(type='CustomDataset', img_dir='images/train', ann_dir='labels/train', $common)"
second="dict(type='CustomDataset', img_dir='images/val', ann_dir='labels/val', $common)"
cat > parts.py <<EOF
_base_ = ['$SOURCE/tests/cli/tiny_0x.py']
head = dict(
    type='FCNHead', in_channels=8, in_index=1, channels=8, num_convs=1, concat_input=False, num_classes=2,
    norm_cfg=dict(type='BN'), align_corners=False, loss_decode=dict(type='CrossEntropyLoss'),
    init_cfg=dict(type='Constant', val=0, override=dict(type='Constant', name='conv_seg', val=0)))
model = dict(decode_head=[head, head])
data = dict(val=[$first, $second], test=[$first, $second])
optimizer = dict(lr=0.0)
lr_config = dict(_delete_=True, policy='fixed')
runner = dict(max_iters=1)
evaluation = dict(interval=1, save_best='1_mIoU')
EOF
run 0 "$CSEG" train parts.py --work-dir work --threads 1
says_error "Evaluateing tiles/images/train with $(ls tiles/images/train | wc -l) images now"
says_error "Evaluateing tiles/images/val with $(ls tiles/images/val | wc -l) images now"
says_error "0_aAcc: 0.0142, 0_mIoU: 0.0071, 0_mAcc: 0.5000, 0_IoU.land: 0.0142, 0_IoU.water: 0.0000"
says_error "1_aAcc: 0.1114, 1_mIoU: 0.0557, 1_mAcc: 0.5000, 1_IoU.land: 0.1114, 1_IoU.water: 0.0000"
check "the best of one part" [ -s work/best_1_mIoU_iter_1.pth ]
check "in the JSON log too" sh -c "grep -q '\"0_mIoU\": 0.0071' work/*.log.json && grep -q '\"1_mIoU\": 0.0557' work/*.log.json"
run 1 "$CSEG" train parts.py --work-dir none --threads 1 --cfg-options evaluation.save_best=mIoU
says_error "save_best='mIoU' is none of the figures that evaluation gives; did you mean '0_mIoU'"
check "and that before the first step" missing none/iter_1.pth

figures() { # of the test that ran last, without its braces
    cat tested/eval_*.json | tr -d '\n {}'
    rm tested/eval_*.json
}
run 0 "$CSEG" test parts.py work/latest.pth --work-dir tested --threads 1 --eval mIoU mFscore
says "Evaluateing tiles/images/val with"
check "two tables of classes, two summaries" [ "$(grep -c -e 'per class results:' -e 'Summary:' out.txt)" -eq 4 ]
figures > all.txt
for figure in '"0_aAcc":0.014199999161064625' '"0_mIoU":0.007099999580532312' '"0_mFscore":0.0279999990016222' \
    '"1_aAcc":0.11140000075101852' '"1_mIoU":0.05570000037550926' '"1_mFscore":0.2004999965429306' \
    '"1_Fscore.water":NaN'; do
    check "$figure" grep -qF "$figure" all.txt
done

# tested NAME DATASET: another config, which tests DATASET.
tested() {
    printf "_base_ = ['parts.py']\ndata = dict(test=%s)\n" "$2" > "$1.py"
    run "$3" "$CSEG" test "$1.py" work/latest.pth --work-dir tested --threads 1 --eval mIoU mFscore
}
# Each part has the figures that it has alone.
tested alone "$(echo "$second" | sed 's/^dict(/dict(_delete_=True, /')" 0
figures > alone.txt
check "as alone" [ "$(sed 's/.*"0_Recall.water":[^,]*,//; s/"1_/"/g' all.txt)" = "$(sed 's/.*"metric"://' alone.txt)" ]

# Lists of folders are parts too; with separate_eval=False they are measured together.
lists="_delete_=True, type='CustomDataset', img_dir=['images/train', 'images/val'], ann_dir=['labels/train',
    'labels/val'], $common"
tested lists "dict($lists)" 0
figures > lists.txt
check "lists of folders" [ "$(sed 's/.*"metric"://' lists.txt)" = "$(sed 's/.*"metric"://' all.txt)" ]
tested joint "dict(separate_eval=False, $lists)" 0
check "one table of classes" [ "$(grep -c 'per class results:' out.txt)" -eq 1 ]
figures > joint.txt
for figure in '"aAcc":0.04110000282526016' '"mIoU":0.020499998703598976'; do
    check "together: $figure" grep -qF "$figure" joint.txt
done
# Each part's own ignored label is left out.
both="_delete_=True, type='ConcatDataset', separate_eval=False, datasets=["
tested ignored "dict($both$first, $(echo "$second" | sed 's/^dict(/dict(ignore_index=1, /')])" 0
figures > ignored.txt
for figure in '"aAcc":0.0544000007212162' '"mIoU":0.017799999564886093'; do
    check "without the water of one: $figure" grep -qF "$figure" ignored.txt
done
tested mixed "dict($both$first, dict(type='LoveDADataset', img_dir='tiles/images/val', ann_dir='tiles/labels/val',
    pipeline={{_base_.test_pipeline}})])" 1
says_error "mixed.py:"
says_error "separate_eval=False measures datasets of one type together, but part 0 is a CustomDataset and part 1 a LoveDADataset"
finish
