"""Writes what PyTorch, mmcv 2.1.0 and mmseg 1.2.2 answer for layers, a file of cases a layer.

    PYTHON make_goldens.py [LAYER...]   -> LAYER.json beside this file

A case is {"config", "in": [shape], "state": {name: shape}, "eval": y, "train": y, "dx": [gradient of each input],
"grads": {name: gradient}, "moved": {name: a buffer after the pass in training}}. Maps are [N, H, W, C], sequences
[N, L, C]. Gradients are those of sum(y * dy) in training. Weights, inputs and dy are made from their names by fill().
All is computed in float64.
"""
import json
import os
import sys

import torch
from torch import nn

torch.set_default_dtype(torch.float64)

HERE = os.path.dirname(os.path.abspath(__file__))
layers = {}


def spread(name, n):
    """n numbers in [0, 1) of 24 bits: SplitMix64, seeded by the name's FNV-1a hash."""
    h, out = 0xCBF29CE484222325, []
    for c in name.encode():
        h = (h ^ c) * 0x100000001B3 % 2 ** 64
    for i in range(n):
        z = (h + (i + 1) * 0x9E3779B97F4A7C15) % 2 ** 64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2 ** 64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2 ** 64
        out.append(((z ^ z >> 31) >> 40) / 2 ** 24)
    return torch.tensor(out)


def fill(name, shape):
    n = 1
    for d in shape:
        n *= d
    u = spread(name, n).reshape(shape)
    norm = name.endswith("weight") and len(shape) == 1
    return u + 0.5 if norm or name.endswith("running_var") else 2 * u - 1


def first(t):  # channels second
    return t.permute(0, 3, 1, 2) if t.dim() == 4 else t


def last(t):
    return t.permute(0, 2, 3, 1) if t.dim() == 4 else t


def packed(t):
    return [float(f"{v:.8g}") for v in last(t.detach()).reshape(-1).tolist()]


def run(layer, shapes, call, train):
    layer.train(train)
    given = [fill(f"in{i}", s).requires_grad_() for i, s in enumerate(shapes)]
    return given, call(layer, *[first(t) for t in given])


def case(make, call, config, *shapes):
    """make(**config) is the layer, call(layer, *inputs) its result."""
    layer = make(**config)
    with torch.no_grad():
        for name, t in layer.state_dict().items():
            t.copy_(fill("layer." + name, t.shape) if t.is_floating_point() else torch.zeros_like(t))
    answer = {"config": config, "in": [list(s) for s in shapes],
              "state": {name: list(t.shape) for name, t in layer.state_dict().items()}}
    answer["eval"] = packed(run(layer, shapes, call, False)[1])
    given, y = run(layer, shapes, call, True)
    answer["train"] = packed(y)
    (last(y) * fill("dy", last(y).shape)).sum().backward()
    answer["dx"] = [[float(f"{v:.8g}") for v in t.grad.reshape(-1).tolist()] for t in given]
    answer["grads"] = {name: [float(f"{v:.8g}") for v in p.grad.reshape(-1).tolist()]
                       for name, p in layer.named_parameters() if p.grad is not None}
    answer["moved"] = {name: packed(b) for name, b in layer.named_buffers() if b.is_floating_point()}
    return answer


def cases_of(f):
    layers[f.__name__] = f
    return f


@cases_of
def self_attention():
    from mmseg.models.utils import SelfAttentionBlock

    def make(pool=0, **config):
        return SelfAttentionBlock(query_downsample=None, key_downsample=nn.AvgPool2d(pool) if pool else None, **config)

    def one(key, query, **how):
        config = dict(key_in_channels=4, query_in_channels=4, channels=3, out_channels=5, share_key_query=False,
                      key_query_num_convs=1, value_out_num_convs=1, key_query_norm=False, value_out_norm=False,
                      matmul_norm=False, with_out=True, conv_cfg=None, norm_cfg=None, act_cfg=None)
        config.update(how)
        return case(make, lambda layer, q, k: layer(q, k), config, query, key)

    norm = dict(norm_cfg=dict(type="BN"), act_cfg=dict(type="ReLU"))
    return [
        one((2, 3, 3, 4), (2, 3, 3, 4), matmul_norm=True),
        # OCRNet's: the keys are the classes' contexts
        one((2, 5, 1, 4), (2, 3, 2, 4), key_query_num_convs=2, key_query_norm=True, value_out_norm=True,
            matmul_norm=True, **norm),
        one((1, 4, 2, 6), (1, 3, 3, 4), key_in_channels=6, with_out=False, value_out_num_convs=2, pool=2),
        one((1, 2, 2, 4), (1, 3, 3, 4), value_out_num_convs=2, value_out_norm=True, **norm),
    ]


@cases_of
def linear():
    return [case(nn.Linear, lambda layer, x: layer(x), dict(in_features=6, out_features=4, bias=bias), (2, 5, 6))
            for bias in (True, False)]


@cases_of
def conv_transpose():
    def one(channels, out, kernel, shape, **how):
        config = dict(in_channels=channels, out_channels=out, kernel_size=kernel, stride=2, padding=1, output_padding=0,
                      dilation=1, groups=1, bias=True)
        config.update(how)
        return case(nn.ConvTranspose2d, lambda layer, x: layer(x), config, shape)

    return [one(4, 3, 3, (2, 3, 4, 4), output_padding=1), one(6, 4, 4, (1, 3, 2, 6), groups=2, bias=False),
            one(3, 5, 2, (1, 3, 4, 3), stride=1, padding=0, dilation=3, output_padding=2)]


@cases_of
def conv_adaptive():
    from mmcv.cnn.bricks import Conv2dAdaptivePadding

    def one(channels, out, kernel, shape, **how):
        config = dict(in_channels=channels, out_channels=out, kernel_size=kernel, stride=1, dilation=1, groups=1,
                      bias=True)
        config.update(how)
        return case(Conv2dAdaptivePadding, lambda layer, x: layer(x), config, shape)

    return [one(3, 4, 3, (2, 6, 7, 3), stride=2), one(4, 4, 5, (1, 5, 8, 4), stride=2, groups=4, bias=False),
            one(2, 3, 5, (1, 5, 4, 2), dilation=2), one(2, 3, 2, (1, 4, 5, 2), dilation=3),
            one(3, 2, 1, (1, 6, 5, 3), stride=3)]


@cases_of
def conv_borders():
    def one(channels, out, kernel, mode, shape, **how):
        config = dict(in_channels=channels, out_channels=out, kernel_size=kernel, stride=1, padding=1, dilation=1,
                      groups=1, bias=True, padding_mode=mode)
        config.update(how)
        return case(nn.Conv2d, lambda layer, x: layer(x), config, shape)

    return [one(*what, mode, *more, **how) for mode in ("reflect", "replicate", "circular")
            for what, more, how in (((3, 2, 3), [(2, 4, 5, 3)], {}),
                                    ((2, 4, 3), [(1, 6, 5, 2)], dict(stride=2, dilation=3, padding=3, bias=False)),
                                    ((4, 4, 1), [(1, 2, 3, 4)], dict(padding=0, groups=2)))]


@cases_of
def conv_ws():
    from mmcv.cnn.bricks.conv_ws import ConvWS2d

    def one(channels, out, kernel, shape, **how):
        config = dict(in_channels=channels, out_channels=out, kernel_size=kernel, stride=1, padding=0, dilation=1,
                      groups=1, bias=True, eps=1e-5)
        config.update(how)
        return case(ConvWS2d, lambda layer, x: layer(x), config, shape)

    return [one(3, 4, 3, (2, 5, 4, 3), stride=2, padding=1), one(4, 4, 3, (1, 4, 5, 4), groups=4, padding=1, eps=0.1),
            one(2, 3, 1, (2, 3, 2, 2), bias=False)]


@cases_of
def conv_line():
    def one(channels, out, kernel, shape, **how):
        config = dict(in_channels=channels, out_channels=out, kernel_size=kernel, stride=1, padding=0, dilation=1,
                      groups=1, bias=True)
        config.update(how)
        return case(nn.Conv1d, lambda layer, x: layer(x[:, :, 0])[:, :, None], config, shape)

    return [one(3, 4, 1, (2, 1, 7, 3)), one(4, 6, 3, (1, 1, 9, 4), stride=2, padding=1, groups=2, bias=False),
            one(2, 3, 4, (2, 1, 11, 2), dilation=2, padding=3)]


@cases_of
def separable_conv():
    from mmcv.cnn import DepthwiseSeparableConvModule

    def one(**how):
        config = dict(in_channels=4, out_channels=6, kernel_size=3, stride=1, padding=1, dilation=1,
                      norm_cfg=dict(type="BN"), act_cfg=dict(type="ReLU"))
        config.update(how)
        return case(DepthwiseSeparableConvModule, lambda layer, x: layer(x), config, (2, 5, 4, 4))

    return [one(), one(norm_cfg=None), one(stride=2, act_cfg=None), one(padding=2, dilation=2, dw_act_cfg=None),
            one(dw_norm_cfg=None, pw_act_cfg=None)]


@cases_of
def pyramid_pool():
    from mmseg.models.decode_heads.psp_head import PPM

    def one(**how):
        config = dict(pool_scales=[1, 2, 3], in_channels=4, channels=3, conv_cfg=None, norm_cfg=dict(type="BN"),
                      act_cfg=dict(type="ReLU"), align_corners=False)
        config.update(how)
        return case(PPM, lambda layer, x: torch.cat(layer(x), 1), config, (2, 5, 7, 4))

    return [one(), one(pool_scales=[2, 6], align_corners=True, norm_cfg=None)]


@cases_of
def attention():
    from mmcv.cnn.bricks.transformer import MultiheadAttention

    def make(use="", **config):
        return MultiheadAttention(batch_first=True, **config)

    def one(call, shapes, **how):
        return case(make, call, dict(dict(embed_dims=8, num_heads=2, bias=True), **how), *shapes)

    three, other = (2, 5, 8), (2, 3, 8)
    return [one(lambda layer, x: layer(x), [three]),
            one(lambda layer, x: layer(x), [three], bias=False, num_heads=4),
            one(lambda layer, x, k: layer(x, k), [three, other]),
            one(lambda layer, x, k, v: layer(x, k, v), [three, other, other]),
            one(lambda layer, x, v: layer(x, x, v), [three, three], use="value"),
            one(lambda layer, x, pos: layer(x, query_pos=pos), [three, three], use="query_pos"),
            one(lambda layer, x, pos: layer(x, key_pos=pos), [three, three], use="key_pos"),
            one(lambda layer, x, mask: layer(x, attn_mask=last(mask)[0, 0]), [three, (1, 1, 5, 5)], use="mask")]


@cases_of
def efficient_attention():
    from mmseg.models.backbones.mit import EfficientMultiheadAttention
    from mmseg.models.utils import nchw_to_nlc, nlc_to_nchw

    def call(layer, x, identity=None):
        tokens = nchw_to_nlc(x)
        y = layer(tokens, x.shape[2:], identity=None if identity is None else nchw_to_nlc(identity))
        return nlc_to_nchw(y, x.shape[2:])

    def one(shapes, **how):
        config = dict(embed_dims=6, num_heads=2, qkv_bias=True, sr_ratio=2, norm_cfg=dict(type="LN", eps=1e-6))
        config.update(how)
        return case(EfficientMultiheadAttention, call, config, *shapes)

    odd, small = (2, 5, 4, 6), (1, 2, 3, 6)
    return [one([odd]), one([odd, odd], qkv_bias=False), one([small], sr_ratio=1), one([odd], sr_ratio=4, num_heads=1)]


@cases_of
def ffn():
    from mmcv.cnn.bricks.transformer import FFN

    def one(**how):
        config = dict(embed_dims=4, feedforward_channels=6, num_fcs=2, act_cfg=dict(type="GELU"), add_identity=True,
                      layer_scale_init_value=0.0)
        config.update(how)
        return case(FFN, lambda layer, x: layer(x), config, (2, 3, 4))

    return [one(), one(num_fcs=3, add_identity=False, act_cfg=dict(type="ReLU")), one(layer_scale_init_value=0.5)]


@cases_of
def patch_embed():
    from mmseg.models.utils import PatchEmbed

    def one(shape, out, **how):
        config = dict(in_channels=shape[-1], embed_dims=4, kernel_size=3, stride=2, padding="corner", dilation=1, bias=True)
        config.update(how)

        def call(layer, x):
            tokens, (h, w) = layer(x)
            assert (h, w) == out, (h, w)
            return tokens.transpose(1, 2).reshape(x.shape[0], -1, h, w)
        assert PatchEmbed(input_size=shape[1:3], **config).init_out_size == out
        answer = case(PatchEmbed, call, config, shape)
        answer["config"] = dict(config, size=out)
        return answer

    return [one((2, 4, 6, 3), (2, 3), kernel_size=2, norm_cfg=dict(type="LN", eps=1e-2)),
            one((1, 5, 7, 2), (2, 2), kernel_size=4, stride=4),
            one((2, 6, 5, 2), (3, 3), padding="same", bias=False),
            one((1, 4, 7, 2), (2, 3), kernel_size=2, stride=3, padding="same", dilation=3),
            one((1, 6, 7, 2), (3, 4), padding=1, norm_cfg=dict(type="LN")),
            one((1, 5, 7, 2), (1, 1), kernel_size=4, stride=4, padding=0)]


@cases_of
def context_block():
    from mmcv.cnn import ContextBlock

    def one(**how):
        config = dict(in_channels=8, ratio=0.5, pooling_type="att", fusion_types=["channel_add"])
        config.update(how)
        return case(ContextBlock, lambda layer, x: layer(x), config, (2, 3, 4, 8))

    return [one(), one(fusion_types=["channel_add", "channel_mul"], ratio=0.7),
            one(pooling_type="avg", fusion_types=["channel_mul"])]


@cases_of
def norm_by_config():
    from mmcv.cnn import build_norm_layer

    def one(shape, **norm_cfg):
        def make(channels, norm_cfg):
            return build_norm_layer(norm_cfg, channels)[1]
        return case(make, lambda layer, x: layer(x), dict(channels=shape[-1], norm_cfg=norm_cfg), shape)

    return [one((2, 3, 4, 3), type='BN', track_running_stats=False),
            one((2, 2, 3, 2), type='BN', affine=False, track_running_stats=False, eps=1e-2),
            one((2, 3, 4, 3), type='IN', affine=True, track_running_stats=True),
            one((3, 2, 3, 2), type='IN', track_running_stats=True, momentum=0.3),
            one((2, 3, 2, 4), type='GN', num_groups=2, affine=False)]


@cases_of
def conv_by_config():
    from mmcv.cnn import build_conv_layer

    def one(channels, out, kernel, shape, conv_cfg, **how):
        config = dict(in_channels=channels, out_channels=out, kernel_size=kernel, stride=1, padding=kernel // 2,
                      dilation=1, groups=1, bias=True)
        config.update(how)

        def make(conv_cfg, **how):
            return build_conv_layer(conv_cfg, **how)
        return case(make, lambda layer, x: layer(x), dict(config, conv_cfg=conv_cfg), shape)

    return [one(3, 4, 3, (2, 4, 5, 3), dict(type='ConvWS', eps=1e-2)),
            one(4, 4, 3, (1, 4, 5, 4), dict(type='ConvAWS'), groups=2, bias=False, stride=2),
            one(2, 3, 3, (2, 5, 4, 2), dict(type='Conv2d', padding_mode='reflect'), dilation=2, padding=2),
            one(2, 3, 5, (1, 3, 4, 2), dict(type='Conv', padding_mode='replicate'), padding=4),
            one(2, 2, 3, (1, 4, 3, 2), dict(type='Conv2d', padding_mode='circular'), stride=2)]


def main():
    for name in sys.argv[1:] or layers:
        torch.manual_seed(0)
        cases = layers[name]()
        with open(os.path.join(HERE, name + ".json"), "w") as out:
            text = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
            for word, python in (("true", "True"), ("false", "False"), ("null", "None")):
                text = text.replace(":" + word, ":" + python)  # as configs have it
            out.write("[\n" + text + "\n]\n")
        print(f"{name}: {len(cases)} cases")


main()
