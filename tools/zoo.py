#!/usr/bin/env python3
"""Writes docs/zoo.md: what each family of MMSegmentation's configs is made of, how it agrees, how long it takes here, and
every config of both releases.

    tools/zoo.py [--only TEXT] [--no-time]

Reads build/parity, which `make parity` and tools/chance.py leave: run them first. Times one config of each family with `cseg bench`, so the
machine should do nothing else. Timings are kept in build/parity/times.json; --again measures all anew. Builds the model of
every config; what came of it is kept in build/parity/built.json until the program changes.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'bench'))
sys.path.insert(0, os.path.join(ROOT, 'tools'))
from compare import machine  # noqa: E402
from parity import config_path, resolved  # noqa: E402

RELEASES = {'v1': '1.2.2', 'v0': '0.30.0'}  # files of answers begin so
CONFIGS = config_path('v1', '')
# The model that stands for its family, where the first by name is not the one people use.
SHOWN = {
    'bisenetv2': 'bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024.py',
    'convnext': 'convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py',
    'ddrnet': 'ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024.py',
    'fcn': 'fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py',
    'hrnet': 'fcn_hr18_4xb2-40k_cityscapes-512x1024.py',
    'knet': 'knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py',
    'mask2former': 'mask2former_r50_8xb2-160k_ade20k-512x512.py',
    'ocrnet': 'ocrnet_hr18_4xb2-40k_cityscapes-512x1024.py',
    'mobilenet_v2': 'mobilenet-v2-d8_deeplabv3plus_4xb2-80k_cityscapes-512x1024.py',
    'pidnet': 'pidnet-s_2xb6-120k_1024x1024-cityscapes.py',
    'poolformer': 'fpn_poolformer_s12_8xb4-40k_ade20k-512x512.py',
    'pspnet': 'pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py',
    'segformer': 'segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
    'segmenter': 'segmenter_vit-s_mask_8xb1-160k_ade20k-512x512.py',
    'segnext': 'segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512.py',
    'stdc': 'stdc1_in1k-pre_4xb12-80k_cityscapes-512x1024.py',
    'swin': 'swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py',
    'twins': 'twins_svt-s_fpn_fpnhead_8xb4-80k_ade20k-512x512.py',
    'vit': 'vit_vit-b16_mln_upernet_8xb2-80k_ade20k-512x512.py',
    'unet': 'unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py',
}


def shown(family, cseg):
    """The family's config for the table: SHOWN's, or an R50's on Cityscapes, or the first that builds."""
    folder = os.path.join(CONFIGS, family)
    if family in SHOWN:
        return os.path.join(folder, SHOWN[family])
    names = sorted(n for n in os.listdir(folder) if n.endswith('.py'))
    for n in sorted(names, key=lambda n: ('r50' not in n, 'cityscapes-512x1024' not in n, '769' in n, n)):
        if subprocess.run([cseg, 'model', '--quiet', os.path.join(folder, n)], capture_output=True, check=False).returncode == 0:
            return os.path.join(folder, n)
    return None


def types(part):
    if isinstance(part, list):
        return ', '.join(dict.fromkeys(types(p) for p in part))
    return str(part['type']).split('.')[-1] if part else ''


def kinds(cseg, config):
    m = resolved(cseg, config)['model']
    return ' + '.join(x for x in (types(m.get(k)) for k in ('backbone', 'neck', 'decode_head')) if x)


def model_row(text):
    """(parameters, multiply-adds) in the first row of `cseg model`."""
    found = re.search(r'^\(model\).*?(\d+)\s+([\d.]+ [GMTk])\s*$', text, re.M)
    if not found:
        sys.exit(f'zoo.py: cseg model does not say how large the model is: {text}')
    return int(found.group(1)), found.group(2)


def size(cseg, config):
    """(parameters, multiply-adds, side of the image): 512, or what the model demands, as BEiT's tables of positions do."""
    for shape in ['--shape', '512', '512'], []:
        got = subprocess.run([cseg, 'model', '--quiet', config, '--depth', '1', *shape], capture_output=True, text=True, check=False)
        if got.returncode == 0:
            return *model_row(got.stdout), int(re.search(r'image of (\d+) x', got.stdout).group(1))
    sys.exit(f'zoo.py: {got.stderr}')


def seconds(cseg, mode, config, side, batch):
    got = subprocess.run([cseg, 'bench', mode, config, '--quiet', '--size', str(side), '--batch', str(batch), '--repeat', '3',
                          '--json'], capture_output=True, text=True, check=False)
    return json.loads(got.stdout)['min_s'] if got.returncode == 0 else None


def cpu():
    m = machine()
    return f"{m['cpu']} ({', '.join(m['flags'])}), {m['cores']} cores"


def ppm(v):
    return '' if v is None else f'{v:.0e}'.replace('e-0', 'e-')


def clock(v):
    return '' if v is None else f'{v:.3f}' if v < 10 else f'{v:.1f}'


def agreement(d):
    return ', '.join(f'{f} {d[f][0]}/{d[f][1]}' for f in ('v1', 'v0', 'v1x', 'v0x', 'v1.train', 'v1x.train', 'v0x.train') if f in d)


def chances(o):
    """What tools/chance.py found, by line: [way, difference], or None where MMSegmentation repeats its answer."""
    path = os.path.join(o.parity, 'chance.json')
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        return json.load(f)


def short(text):
    """With five digits of each number."""
    return re.sub(r'(?<![\w.])\d+\.\d+(?!\w|\.\w)', lambda m: f'{float(m.group()):.5g}', text)


def differing(o, summary):
    """The lines of the last section."""
    found = chances(o)
    for name, config, wrong in summary['differ']:
        if o.only not in config:
            continue
        own = found.get(f'{name}: {config}', '')
        if own:
            own = f' MMSegmentation itself, {own[0]}: {own[1]}.'
        elif own is None:
            own = ' MMSegmentation repeats its answer.'
        yield f'- {name}: `{config}`: {short(wrong)}.{short(own)}'


def configs_of(version):
    """The folder of a release's configs and their paths in it; what is in _base_ is no model of its own."""
    folder = config_path(version, '')
    found = (os.path.relpath(f, folder) for f in glob.glob(f'{folder}/*/*.py'))
    return folder, sorted(c for c in found if not c.startswith('_base_'))


def model_of(o, path):
    """The resolved model as text: configs that have the same one are built once."""
    cfg = resolved(o.cseg, path)
    return path if cfg is None else json.dumps(cfg.get('model'), sort_keys=True)


def built(o, path):
    """Parameters of the config's model, or why there is none."""
    got = subprocess.run([o.cseg, 'model', '--quiet', path, '--depth', '1'], capture_output=True, text=True, check=False)
    if got.returncode:
        said = (got.stderr.strip().splitlines() or [f'exit code {got.returncode}'])[0]
        return re.sub(r'^cseg: (\S+\.py:\d+: )?', '', said)
    return model_row(got.stdout)[0]


def every_config(o):
    """{release: {config: (its model's first config, parameters or why not)}}, kept until the program changes."""
    kept = os.path.join(o.parity, 'built.json')
    if os.path.exists(kept) and os.path.getmtime(kept) > os.path.getmtime(o.cseg):
        with open(kept) as f:
            return json.load(f)
    out = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for version, release in RELEASES.items():
            folder, found = configs_of(version)
            first = {}
            models = list(pool.map(lambda c: model_of(o, os.path.join(folder, c)), found))
            for c, m in zip(found, models):
                first.setdefault(m, c)
            answers = dict(zip(first, pool.map(lambda c: built(o, os.path.join(folder, c)), first.values())))
            out[release] = {c: (first[m], answers[m]) for c, m in zip(found, models)}
    with open(kept, 'w') as f:
        json.dump(out, f)
    return out


def compared(o, summary):
    """{release: {config: {file of answers: whether all agrees}}}."""
    wrong = {(name, config) for name, config, _ in summary['differ']}
    out = {r: {} for r in RELEASES.values()}
    for path in sorted(glob.glob(os.path.join(o.parity, 'v*.ndjson'))):
        name = os.path.basename(path)[:-len('.ndjson')]
        with open(path) as f:
            for text in f:
                config = json.loads(text)['config']
                out[RELEASES[name[:2]]].setdefault(config, {})[name] = (name, config) not in wrong
    return out


def verdict(config, first, answer, lines, by_model):
    """What is known of a config: its own lines, or those of a config with the same model, or that it builds."""
    if isinstance(answer, str):
        return f'refused: {answer}'
    own = lines.get(config)
    if own:
        return ', '.join(n if good else f'{n} **differs**' for n, good in sorted(own.items()))
    other = by_model.get(first)
    return f'the model of `{other}`' if other else 'builds'


def config_tables(o, summary):
    """A table for each release, and what it counts: (text, {release: (builds, all)})."""
    lines, text, counts = compared(o, summary), [], {}
    for release, found in every_config(o).items():
        by_model = {}
        for config, (first, _) in found.items():
            if config in lines[release]:
                by_model.setdefault(first, config)
        good = sum(not isinstance(answer, str) for _, answer in found.values())
        counts[release] = (good, len(found))
        text.append(f'### {release}: {good} of {len(found)} build\n\n| config | parameters | compared |\n| --- | --- | --- |')
        for config, (first, answer) in found.items():
            size_of = '' if isinstance(answer, str) else f'{answer / 1e6:.2f} M'
            text.append(f'| `{config}` | {size_of} | {verdict(config, first, answer, lines[release], by_model)} |')
        text.append('')
    return '\n'.join(text).rstrip(), counts


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--only', default='')
    p.add_argument('--no-time', action='store_true')
    p.add_argument('--again', action='store_true')
    p.add_argument('--cseg', default=os.path.join(ROOT, 'build', 'cseg'))
    p.add_argument('--parity', default=os.path.join(ROOT, 'build', 'parity'))
    o = p.parse_args()
    path = os.path.join(o.parity, 'summary.json')
    if not os.path.exists(path):
        sys.exit('zoo.py: build/parity/summary.json is not there; run make parity first')
    with open(path) as f:
        summary = json.load(f)
    kept = os.path.join(o.parity, 'times.json')
    times = {}
    if os.path.exists(kept) and not o.again:
        with open(kept) as f:
            times = json.load(f)
    rows, models = [], []
    for family, d in sorted(summary['families'].items()):
        config = shown(family, o.cseg) if o.only in family and os.path.isdir(os.path.join(CONFIGS, family)) else None
        if not config:
            continue
        name = os.path.relpath(config, CONFIGS)
        params, madds, side = size(o.cseg, config)
        if name not in times and not o.no_time:
            times[name] = dict(cpu=cpu(), infer=seconds(o.cseg, 'infer', config, side, 1), train=seconds(o.cseg, 'train', config, side, 2))
            with open(kept, 'w') as f:
                json.dump(times, f, indent=1)
        t = times.get(name, {})
        rows.append(f'| {family} | {agreement(d)} | {ppm(d.get("logits"))} | {ppm(d.get("losses"))} | {ppm(d.get("grads"))} |')
        models.append(f'| `{name}` | {kinds(o.cseg, config)} | {params / 1e6:.2f} M | {madds} | {clock(t.get("infer"))} | '
                      f'{clock(t.get("train"))} |')
    every, counts = config_tables(o, summary)
    cpus = sorted({t['cpu'] for t in times.values()})
    text = f"""# The zoo

Written by `make parity` (all of MMSegmentation's configs for which its answers are there), `make chance` and `make zoo`; do
not edit.

## Agreement
How many config lines agree with MMSegmentation (`docs/parity.md` says what agrees), for each file of its answers: `v1`, `v0` of
its releases 1.2.2 and 0.30.0; `v1x`, `v0x` with fixed random numbers, edge maps and other sizes; `.train` ten optimizer
steps. Then the largest difference of a logit (relative to the logits' standard deviation), of a loss and of the gradients'
norm (relative) among all lines of the family.

| family | lines that agree | logits | losses | gradients |
| --- | --- | --- | --- | --- |
{chr(10).join(rows)}

## Models
One model of each family at 512x512 (BEiT at 640x640, the size of its tables of positions): parameters of all modules, multiply-adds of one image's inference, seconds to segment an
image, seconds of a training step of two images with SGD; float32, the fastest of three, on {'; '.join(cpus) or 'no machine yet'}.

| config | kinds | parameters | multiply-adds | s / image | s / step |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(models)}

## Lines that differ
What differs first, and, where `tools/chance.py` asked, what differs when MMSegmentation itself computes in another way: with
its maps in `channels_last`, without oneDNN, or with noise as large as a convolution's rounding behind each of them (2.5e-7 of
the outputs' standard deviation, seeds 0, 1, 2).

{chr(10).join(differing(o, summary)) or 'None.'}

## Every config
Compared: the files of answers in which the config has a line, which agrees if nothing else is said; or the first config
with the same model that has one; or that its model builds, which nothing was compared with.

{every}
"""
    with open(os.path.join(ROOT, 'docs', 'zoo.md'), 'w') as f:
        f.write(text)
    print(f'docs/zoo.md: {len(rows)} families; ' + ', '.join(f'{a} of {b} configs of {r} build' for r, (a, b) in counts.items()))


if __name__ == '__main__':
    main()
