#!/usr/bin/env python3
"""Makes pretrained.safetensors: tables of positions of other sizes (NAME.from), and what the reference's classes make of
them as they load pretrained weights (NAME.to). Needs mmseg 1.2.2, scipy and safetensors.

BEiT's class calls scipy's interp2d, which is gone; RectBivariateSpline is the same FITPACK routine (regrid, s=0).
"""
import pathlib
import tempfile

import numpy as np
import torch
from safetensors.torch import save_file
from scipy import interpolate

interpolate.interp2d = lambda x, y, z, kind: (lambda dx, dy: interpolate.RectBivariateSpline(x, y, z.T, s=0)(dx, dy).T)
from mmseg.models.backbones import BEiT, MAE, SwinTransformer, VisionTransformer  # noqa: E402

torch.manual_seed(5)
out = {}


def load(make, state, names):
    with tempfile.NamedTemporaryFile(suffix='.pth') as f:
        torch.save(state, f.name)
        net = make(init_cfg=dict(type='Pretrained', checkpoint=f.name))
        net.init_weights()
    loaded = net.state_dict()
    for label, key in names.items():
        out[label + '.from'], out[label + '.to'] = state[key].clone(), loaded[key].clone()


table = 'stages.0.blocks.0.attn.w_msa.relative_position_bias_table'
for window, old in (7, 4), (3, 7):
    def swin(**how):
        return SwinTransformer(pretrain_img_size=8, patch_size=2, embed_dims=4, window_size=window, depths=(1,), num_heads=(2,),
                               strides=(2,), out_indices=(0,), **how)
    load(swin, {'norm0.weight': torch.ones(4), table: torch.randn((2 * old - 1)**2, 2)},
         {f'swin_{window}': table})
for mode in 'bicubic', 'bilinear':
    for name, size, codes in ('up', (48, 40), 17), ('down', (16, 24), 26), ('distilled', (32, 32), 27):
        def vit(**how):
            return VisionTransformer(img_size=size, patch_size=8, embed_dims=4, num_layers=1, num_heads=2,
                                     interpolate_mode=mode, **how)
        load(vit, {'pos_embed': torch.randn(1, codes, 4)}, {f'vit_{mode}_{name}': 'pos_embed'})
table = 'layers.0.attn.relative_position_bias_table'
for size, old in (5, 3), (4, 6), (10, 4), (3, 14):
    def beit(**how):
        return BEiT(img_size=size * 4, patch_size=4, embed_dims=4, num_layers=1, num_heads=2, qv_bias=True, init_values=0.1, **how)
    load(beit, {table: torch.randn((2 * old - 1)**2 + 3, 2)}, {f'beit_{size}': table})


def mae(**how):
    return MAE(img_size=24, patch_size=4, embed_dims=4, num_layers=1, num_heads=2, init_values=0.1, **how)


load(mae, {table: torch.randn(7**2 + 3, 2), 'pos_embed': torch.randn(1, 17, 4)}, {'mae_table': table, 'mae_codes': 'pos_embed'})
x = np.cumsum(np.random.RandomState(1).rand(9) + 0.1)
at = np.linspace(x[0] - 1, x[-1] + 1, 31)
y = np.random.RandomState(2).randn(9, 9)
out['spline.x'], out['spline.y'], out['spline.at'] = torch.tensor(x), torch.tensor(y), torch.tensor(at)
out['spline.z'] = torch.tensor(interpolate.RectBivariateSpline(x, x, y, s=0)(at, at))
save_file({k: v.contiguous() for k, v in out.items()}, pathlib.Path(__file__).parent / 'pretrained.safetensors')
for k, v in out.items():
    print(k, tuple(v.shape))
