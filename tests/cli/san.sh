#!/bin/sh
# MultimodalEncoderDecoder from training to inference: classes by their names, CLIP's weights by parts of one file, frozen
# parts that no step computes again, averages, windows, images of odd sizes.
. "$(dirname "$0")/lib.sh"
make_tiles
cat > san.py <<EOF
_base_ = ['$SOURCE/tests/cli/tiny.py']
model = dict(
    _delete_=True, type='MultimodalEncoderDecoder', encoder_resolution=0.5, pretrained=None,
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[22.6, 44.5, 49.4], std=[17.8, 28.9, 34.6], bgr_to_rgb=True, pad_val=0,
        seg_pad_val=255, size_divisor=32, test_cfg=dict(size_divisor=32)),
    image_encoder=dict(
        type='VisionTransformer', img_size=(16, 16), patch_size=8, patch_pad=0, embed_dims=16, num_layers=2, num_heads=2,
        mlp_ratio=2, out_origin=True, out_indices=(0, 1), output_cls_token=True, patch_bias=False, pre_norm=True,
        interpolate_mode='bicubic', frozen_exclude=['pos_embed']),
    text_encoder=dict(
        type='CLIPTextEncoder', vocabulary=['land', 'open water'], templates=['a photo of {}.', '{}'], embed_dims=16,
        num_layers=1, num_heads=2, output_dims=8),
    decode_head=dict(
        type='SideAdapterCLIPHead', num_classes=2, deep_supervision_idxs=[1],
        san_cfg=dict(
            clip_channels=16, embed_dims=16, patch_size=8, num_queries=5, fusion_index=[0, 1, 2],
            cfg_encoder=dict(num_encode_layer=2, num_heads=2, mlp_ratio=2),
            cfg_decoder=dict(num_heads=2, num_layers=1, embed_channels=8, mlp_channels=8, num_mlp=2, rescale=True)),
        maskgen_cfg=dict(
            sos_token_num=5, num_layers=1, embed_dims=16, num_heads=2, mlp_ratio=2, out_dims=8,
            act_cfg=dict(type='QuickGELU')),
        train_cfg=dict(
            num_points=40, oversample_ratio=3.0, importance_sample_ratio=0.75,
            assigner=dict(type='HungarianAssigner', match_costs=[
                dict(type='ClassificationCost', weight=2.0), dict(type='DiceCost', pred_act=True, eps=1.0)])),
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_name='loss_cls_ce', class_weight=[1.0, 1.0, 0.1]),
            dict(type='CrossEntropyLoss', use_sigmoid=True, loss_name='loss_mask_ce'),
            dict(type='DiceLoss', ignore_index=None, naive_dice=True, eps=1, loss_name='loss_mask_dice')]),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
custom_hooks = [dict(type='EMAHook', momentum=0.1)]
optim_wrapper = dict(_delete_=True, type='AmpOptimWrapper', optimizer=dict(type='AdamW', lr=1e-3), loss_scale='dynamic')
EOF
run 0 "$CSEG" train san.py --work-dir whole --threads 1 --seed 5
says_error "decode.loss_mask_dice"
says_error "decode.d1.loss_cls_ce"
run 0 "$CSEG" train san.py --work-dir parts --threads 1 --seed 5 --cfg-options train_cfg.val_interval=5
image=$(find tiles/images/val -name '*.png' | sort | head -n 1)
rm parts/iter_12.pth
run 0 "$CSEG" train san.py --work-dir parts --threads 1 --seed 5 --resume-from parts/iter_6.pth
for name in whole parts; do
    run 0 "$CSEG" infer san.py $name/iter_12.pth "$image" --scores --out $name.out --threads 1
done
check "neither a resumed run nor averages between steps change a bit" sh -c "cmp whole.out/*_scores.tif parts.out/*_scores.tif"
run 0 "$CSEG" test san.py whole/iter_12.pth --threads 1 --work-dir tested
says "per class results:"
run 0 "$CSEG" test san.py whole/iter_12.pth --threads 1 --work-dir tested --cfg-options \
    model.test_cfg.mode=slide "model.test_cfg.crop_size=(32,40)" "model.test_cfg.stride=(24,24)"
says "per class results:"

# The checkpoint as a file of all parts, for another grid of positions; other files give nothing.
run 0 "$CSEG" train san.py --work-dir again --threads 1 --cfg-options model.pretrained=whole/iter_12.pth \
    "model.image_encoder.img_size=(24,24)" train_cfg.max_iters=1
says_error "were fitted to this model's shapes: image_encoder.pos_embed"
run 0 "$CSEG" train "$SOURCE/tests/cli/tiny.py" --work-dir other --threads 1 --cfg-options train_cfg.max_iters=1
run 1 "$CSEG" train san.py --work-dir none --threads 1 --cfg-options model.pretrained=other/iter_1.pth
says_error "no name begins with 'image_encoder.', as those of image_encoder do there"
finish
