#!/usr/bin/env python3
"""Makes weights/: tiny state dicts with the names of other programs, and weights.txt: what the reference's converters make
of each. Needs mmseg's environment and the safetensors package.

    python make_weights.py TOOLS    # TOOLS is tools/model_converters of mmseg 1.2.2
"""
import pathlib
import runpy
import sys
import tempfile
import zlib

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
TOOLS = pathlib.Path(sys.argv[1])
G = torch.Generator().manual_seed(12)
C, HEADS = 4, 2


def put(d, name, *shape, bias=True):
    """A layer's weight and bias."""
    d[name + '.weight'] = torch.randn(*shape, generator=G)
    if bias:
        d[name + '.bias'] = torch.randn(shape[0], generator=G)


def norm(d, name, c=C):
    put(d, name, c)


def batch_norm(d, name, c):
    norm(d, name, c)
    d[name + '.running_mean'], d[name + '.running_var'] = torch.randn(c, generator=G), torch.rand(c, generator=G)
    d[name + '.num_batches_tracked'] = torch.tensor(7)


def mlp(d, name, c=C, a='fc1', b='fc2'):
    put(d, f'{name}.{a}', 2 * c, c)
    put(d, f'{name}.{b}', c, 2 * c)


def plain_block(d, name, c=C):
    norm(d, name + '.norm1', c)
    put(d, name + '.attn.qkv', 3 * c, c)
    put(d, name + '.attn.proj', c, c)
    norm(d, name + '.norm2', c)
    mlp(d, name + '.mlp', c)


def vit():
    d = {'cls_token': torch.randn(1, 1, C, generator=G), 'pos_embed': torch.randn(1, 5, C, generator=G)}
    put(d, 'patch_embed.proj', C, 3, 2, 2)
    for i in range(3):
        plain_block(d, f'blocks.{i}')
    norm(d, 'norm')
    put(d, 'head', 3, C)
    put(d, 'head_dist', 3, C)
    return d


def vit_jax():
    d = {'cls': torch.randn(1, 1, C, generator=G), 'embedding/kernel': torch.randn(2, 3, 3, C, generator=G),
         'embedding/bias': torch.randn(C, generator=G), 'head/kernel': torch.randn(C, 3, generator=G), 'head/bias': torch.zeros(3),
         'Transformer/posembed_input/pos_embedding': torch.randn(1, 5, C, generator=G)}

    def pair(name, scale, *shape, bias):
        d[f'{name}/{scale}'] = torch.randn(*shape, generator=G)
        d[f'{name}/bias'] = torch.randn(*bias, generator=G)
    pair('Transformer/encoder_norm', 'scale', C, bias=(C,))
    for i in range(12):
        b = f'Transformer/encoderblock_{i}'
        pair(b + '/LayerNorm_0', 'scale', C, bias=(C,))
        pair(b + '/LayerNorm_2', 'scale', C, bias=(C,))
        for x in 'query', 'key', 'value':
            pair(f'{b}/MultiHeadDotProductAttention_1/{x}', 'kernel', C, HEADS, C // HEADS, bias=(HEADS, C // HEADS))
        pair(f'{b}/MultiHeadDotProductAttention_1/out', 'kernel', HEADS, C // HEADS, C, bias=(C,))
        pair(f'{b}/MlpBlock_3/Dense_0', 'kernel', C, 2 * C, bias=(2 * C,))
        pair(f'{b}/MlpBlock_3/Dense_1', 'kernel', 2 * C, C, bias=(C,))
    return d


def beit():
    d = vit()
    d.pop('head_dist.weight'), d.pop('head_dist.bias'), d.pop('norm.weight'), d.pop('norm.bias')
    for i in range(3):
        b = f'blocks.{i}'
        d.pop(b + '.attn.qkv.bias')
        for k in 'attn.q_bias', 'attn.v_bias', 'gamma_1', 'gamma_2':
            d[f'{b}.{k}'] = torch.randn(C, generator=G)
        d[b + '.attn.relative_position_bias_table'] = torch.randn(12, HEADS, generator=G)
        d[b + '.attn.relative_position_index'] = torch.arange(25).view(5, 5)
    norm(d, 'fc_norm')
    return d


def swin():
    d = {'absolute_pos_embed': torch.randn(1, 4, C, generator=G)}
    put(d, 'patch_embed.proj', C, 3, 2, 2)
    norm(d, 'patch_embed.norm')
    for i in range(3):
        c = C << i
        for j in range(2):
            b = f'layers.{i}.blocks.{j}'
            plain_block(d, b, c)
            d[b + '.attn.relative_position_bias_table'] = torch.randn(9, HEADS, generator=G)
            d[b + '.attn.relative_position_index'] = torch.arange(16).view(4, 4)
        d[b + '.attn_mask'] = torch.randn(4, 4, 4, generator=G)
        if i < 2:
            put(d, f'layers.{i}.downsample.reduction', 2 * c, 4 * c, bias=False)
            norm(d, f'layers.{i}.downsample.norm', 4 * c)
    norm(d, 'norm', 4 * C)
    put(d, 'head', 3, 4 * C)
    return d


def timm_names(d):
    """As timm 0.9 has them: a stage begins with what the authors' ends with."""
    def name(k):
        p = k.split('.')
        return '.'.join([p[0], str(int(p[1]) + 1)] + p[2:]) if 'downsample' in k else k.replace('head.', 'head.fc.')
    return {name(k): v for k, v in d.items()}


def mit():
    d = {}
    for i in 1, 2, 3, 4:
        put(d, f'patch_embed{i}.proj', C, 3 if i == 1 else C, 3, 3)
        norm(d, f'patch_embed{i}.norm')
        for j in range(2):
            b = f'block{i}.{j}'
            norm(d, b + '.norm1')
            put(d, b + '.attn.q', C, C)
            put(d, b + '.attn.kv', 2 * C, C)
            put(d, b + '.attn.proj', C, C)
            if i < 4:
                put(d, b + '.attn.sr', C, C, 2, 2)
                norm(d, b + '.attn.norm')
            norm(d, b + '.norm2')
            mlp(d, b + '.mlp')
            put(d, b + '.mlp.dwconv.dwconv', 2 * C, 1, 3, 3)
        norm(d, f'norm{i}')
    put(d, 'head', 3, C)
    return d


def twins(svt):
    d = {}
    for i in range(4):
        put(d, f'patch_embeds.{i}.proj', C, 3 if i == 0 else C, 2, 2)
        norm(d, f'patch_embeds.{i}.norm')
        for j in range(4):
            b = f'blocks.{i}.{j}'
            plain_block(d, b)
            if not svt or j % 2:
                d.pop(b + '.attn.qkv.weight'), d.pop(b + '.attn.qkv.bias')
                put(d, b + '.attn.q', C, C)
                put(d, b + '.attn.kv', 2 * C, C)
                put(d, b + '.attn.sr', C, C, 2, 2)
                norm(d, b + '.attn.norm')
        put(d, f'pos_block.{i}.proj.0', C, 1, 3, 3)
    norm(d, 'norm')
    put(d, 'head', 3, C)
    return d


def stdc(blocks, prefix=''):
    d = {}
    names = [f'{prefix}features.{i}' for i in range(2 + sum(blocks))] + [f'{prefix}x2.0']
    first = [2 + sum(blocks[:i]) for i in range(3)]
    for i, n in enumerate(names):
        if i < 2 or 'x2' in n:
            put(d, n + '.conv', C, 3, 3, 3, bias=False)
            batch_norm(d, n + '.bn', C)
            continue
        for k in range(4):
            put(d, f'{n}.conv_list.{k}.conv', C, C, 3, 3, bias=False)
            batch_norm(d, f'{n}.conv_list.{k}.bn', C)
        if i in first:
            put(d, n + '.avd_layer.0', C, 1, 3, 3, bias=False)
            batch_norm(d, n + '.avd_layer.1', C)
    put(d, prefix + 'conv_last.conv', C, C, 1, 1, bias=False)
    put(d, prefix + 'fc', C, C)
    return d


def clip_block(d, name):
    d[name + '.attn.in_proj_weight'] = torch.randn(3 * C, C, generator=G)
    d[name + '.attn.in_proj_bias'] = torch.randn(3 * C, generator=G)
    put(d, name + '.attn.out_proj', C, C)
    norm(d, name + '.ln_1')
    norm(d, name + '.ln_2')
    mlp(d, name + '.mlp', C, 'c_fc', 'c_proj')


def clip_text(d, p):
    d[p + 'positional_embedding'], d[p + 'text_projection'] = torch.randn(6, C, generator=G), torch.randn(C, C, generator=G)
    d[p + 'logit_scale'] = torch.tensor(4.6)
    for i in range(2):
        clip_block(d, f'{p}transformer.resblocks.{i}')
    put(d, p + 'token_embedding', 9, C, bias=False)
    norm(d, p + 'ln_final')


def clip_image(d, p):
    d[p + 'class_embedding'], d[p + 'positional_embedding'] = torch.randn(C, generator=G), torch.randn(5, C, generator=G)
    put(d, p + 'conv1', C, 3, 2, 2, bias=False)
    norm(d, p + 'ln_pre')


def clip_end(d, p):
    norm(d, p + 'ln_post')
    d[p + 'proj'] = torch.randn(C, 3, generator=G)


def clip(blocks):
    d = {}
    clip_image(d, 'visual.')
    for i in range(blocks):
        clip_block(d, f'visual.transformer.resblocks.{i}')
    clip_end(d, 'visual.')
    clip_text(d, '')
    d = {k: v.half() for k, v in d.items()}
    d.update(input_resolution=torch.tensor(224), context_length=torch.tensor(77), vocab_size=torch.tensor(9))
    return d


def san():
    d = {}
    clip_image(d, 'clip_visual_extractor.')
    for i in range(2):
        clip_block(d, f'clip_visual_extractor.resblocks.{i}')
    s = 'side_adapter_network.'
    d[s + 'vit_model.pos_embed'] = torch.randn(1, 4, C, generator=G)
    put(d, s + 'vit_model.patch_embed.proj', C, 3, 2, 2)
    for i in range(2):
        plain_block(d, f'{s}vit_model.blocks.{i}')
    d[s + 'query_embed'], d[s + 'query_pos_embed'] = torch.randn(1, 3, C, generator=G), torch.randn(1, 3, C, generator=G)
    for i in range(2):
        norm(d, f'{s}fusion_layers.layer_{i}.input_proj.0')
        put(d, f'{s}fusion_layers.layer_{i}.input_proj.1', C, C, 1, 1)
    for i in range(3):
        put(d, f'{s}mask_decoder.query_mlp.layers.{i}', C, C)
    for i in range(2):
        clip_block(d, f'clip_rec_head.resblocks.{i}')
    clip_end(d, 'clip_rec_head.')
    clip_text(d, 'ov_classifier.')
    d['ov_classifier.bg_embed'] = torch.randn(1, C, generator=G)
    d['criterion.empty_weight'] = torch.randn(4, generator=G)
    return d


def reference(tool, d, name, *more):
    with tempfile.TemporaryDirectory() as folder:
        src, dst = f'{folder}/{name}', f'{folder}/out/out.pth'
        np.savez(src, **{k: v.numpy() for k, v in d.items()}) if name.endswith('npz') else torch.save(d, src)
        sys.argv = [tool, src, dst, *more]
        runpy.run_path(str(TOOLS / f'{tool}.py'), run_name='__main__')
        return torch.load(dst)


def line(name, t):
    t = t.contiguous()
    return f"{name} {str(t.dtype)[6:]} {'x'.join(map(str, t.shape)) or '-'} {zlib.crc32(t.numpy().tobytes()):08x}"


golden = []


def case(name, model, out, source=None, file=None):
    golden.append(f'= {name} {file or name + ".safetensors"} {model}')
    golden.extend(line(*x) for x in sorted(out.items()))
    if source is not None:
        save_file(source, HERE / f'weights/{name}.safetensors')


d = vit()
case('vit', 'vit', reference('vit2mmseg', d, 'x.pth'), d)
case('mae', 'beit', reference('beit2mmseg', d, 'x.pth'), file='vit.safetensors')
d = vit_jax()
np.savez_compressed(HERE / 'weights/vit_jax.npz', **{k: v.numpy() for k, v in d.items()})
case('vit_jax', 'vit_jax', reference('vitjax2mmseg', d, 'x.npz'), file='vit_jax.npz')
d = beit()
case('beit', 'beit', reference('beit2mmseg', d, 'x.pth'), d)
d = swin()
out = reference('swin2mmseg', d, 'x.pth')
case('swin', 'swin', out, d)
case('swin_timm', 'swin_timm', out, timm_names(d))
d = mit()
case('mit', 'mit', reference('mit2mmseg', d, 'x.pth'), d)
for kind in 'pcpvt', 'svt':
    d = twins(kind == 'svt')
    case(kind, 'twins', reference('twins2mmseg', d, 'x.pth', kind), d)
for kind, blocks, prefix in ('stdc1', (2, 2, 2), ''), ('stdc2', (4, 5, 3), 'cp.'):
    d = stdc(blocks, prefix)
    case(kind, kind, reference('stdc2mmseg', d, 'x.pth', kind.upper()), d)
for kind, blocks, name in ('clip_b16', 12, 'ViT-B-16.pth'), ('clip_l14', 24, 'ViT-L-14.pth'):
    d = clip(blocks)
    case(kind, kind, reference('clip2mmseg', d, name), d)
d = san()
case('san', 'san', reference('san2mmseg', d, 'x.pth'), d)
(HERE / 'weights.txt').write_text('\n'.join(golden) + '\n')
