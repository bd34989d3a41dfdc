#!/usr/bin/env python3
"""Trains every model of configs/camvid and compares the runs with MMSegmentation's of the same configs.

    tools/trainings.py --data CAMVID [--only TEXT] [--seeds 0 1 2]    # train, then compare with the runs that are known
    tools/trainings.py --data CAMVID --mmseg PYTHON                   # make MMSegmentation's runs too; PYTHON has it
    tools/trainings.py                                                # compare only

A run that is complete is not made again: ours are in build/trainings/SEED/NAME, MMSegmentation's in
build/trainings/mmseg/NAME. With --mmseg both start from the weights in build/trainings/init, which it makes, and our
checkpoints are tested in MMSegmentation. Its figures are kept in configs/camvid/reference.json. Draws
docs/images/trainings.svg and writes the table in docs/trainings.md.
"""
import argparse
import glob
import json
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIGS = os.path.join(ROOT, 'configs', 'camvid')
REFERENCE = os.path.join(CONFIGS, 'reference.json')
RUNS = os.path.join(ROOT, 'build', 'trainings')
PAGE = os.path.join(ROOT, 'docs', 'trainings.md')
PICTURE = os.path.join(ROOT, 'docs', 'images', 'trainings.svg')
TITLES = {
    'deeplabv3plus_r18-d8': 'DeepLabV3+ R18', 'upernet_r18': 'UPerNet R18', 'unet-s5-d16_fcn': 'UNet',
    'bisenetv2_fcn': 'BiSeNetV2', 'stdc1': 'STDC1', 'ocrnet_hr18s': 'OCRNet HR18s', 'pointrend_r18': 'PointRend R18',
    'mobilenet-v3-d8-s_lraspp': 'MobileNetV3-S LRASPP', 'segnext_mscan-t': 'SegNeXt-T', 'ddrnet_23-slim': 'DDRNet-23-slim',
    'segformer_mit-b0': 'SegFormer-B0', 'swin-t_upernet': 'UPerNet Swin-T', 'segmenter_vit-t_mask': 'Segmenter-T',
    'mask2former_r50': 'Mask2Former R50',
}
ITERATIONS = 600
TESTED = 20  # images that both programs test our checkpoints on
LAST = 50  # iterations that the final loss is averaged over


def read_run(folder):
    """Training lines by iteration, and the mIoU after the last one; later files are resumptions."""
    steps, miou = {}, None
    for path in sorted(p for p in glob.glob(f'{folder}/*/vis_data/*.json') if not p.endswith('scalars.json')):
        with open(path) as f:
            for text in f:
                line = json.loads(text)
                if 'loss' in line:
                    steps[line['step']] = line
                elif 'mIoU' in line and line['step'] == ITERATIONS:
                    miou = line['mIoU']
    return steps, miou


def summary(folder):
    steps, miou = read_run(folder)
    if not steps:
        return None
    end = max(steps)
    return dict(
        steps=sorted(steps),
        loss=[round(steps[s]['loss'], 4) for s in sorted(steps)],
        lr=[float(f'{steps[s]["lr"]:.6g}') for s in sorted(steps)],
        names=sorted(k for k in steps[end] if k != 'memory'),  # which MMSegmentation says of GPUs alone
        seconds=round(statistics.median(v['time'] for v in steps.values()), 3),
        mIoU=miou)


def complete(run):
    return run is not None and run['mIoU'] is not None


def config_of(name):
    return os.path.join(CONFIGS, name + '.py')


def names(only):
    found = sorted(os.path.basename(p)[:-3] for p in glob.glob(f'{CONFIGS}/*.py'))
    return [n for n in found if only in n]


def data_options(data, parts=('train', 'val', 'test')):
    return [f'{part}_dataloader.dataset.data_root={os.path.abspath(data)}' for part in parts]


def initial(name):
    return os.path.join(RUNS, 'init', name + '.pth')


def train(o, name, seed):
    folder = os.path.join(RUNS, str(seed), name)
    if complete(summary(folder)):
        return
    options = [*data_options(o.data), f'randomness.seed={seed}']
    if seed == 0 and os.path.exists(initial(name)):
        options.append(f'load_from={initial(name)}')
    subprocess.run([o.cseg, 'train', config_of(name), '--work-dir', folder, '--threads', str(o.threads), '--cfg-options', *options],
                   check=True)


# CONFIG FILE: writes the seeded initial weights of the config's model.
INIT = """
import sys, torch
import mmseg.models
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmseg.registry import MODELS
init_default_scope('mmseg')
set_random_seed(0)
model = MODELS.build(Config.fromfile(sys.argv[1]).model)
model.init_weights()
torch.save(dict(meta=dict(), state_dict=model.state_dict()), sys.argv[2])
"""
# DATA IMAGES FOLDER (CONFIG CHECKPOINT)...: loads each strictly and tests it on the first so many images.
TEST = """
import os, sys, torch
import mmseg.apis
from mmengine.config import Config
from mmengine.runner import Runner
for config, checkpoint in zip(sys.argv[4::2], sys.argv[5::2]):
    cfg = Config.fromfile(config)
    name = os.path.basename(config)[:-3]
    cfg.work_dir = os.path.join(sys.argv[3], name)
    cfg.test_dataloader.dataset.update(data_root=sys.argv[1], indices=int(sys.argv[2]))
    runner = Runner.from_cfg(cfg)
    runner.model.load_state_dict(torch.load(checkpoint, map_location='cpu', weights_only=False)['state_dict'], strict=True)
    print('tested', name, runner.test()['mIoU'], flush=True)
"""


def mmseg(o, *arguments):
    """MMSegmentation's Python. New releases of PyTorch would refuse the checkpoints that mmengine writes."""
    env = dict(os.environ, TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD='1')
    if o.threads:
        env['OMP_NUM_THREADS'] = str(o.threads)
    return subprocess.run([o.mmseg, '-W', 'ignore', *arguments], capture_output=True, text=True, check=False, env=env)


def script_of(o, name):
    where = subprocess.run([o.mmseg, '-W', 'ignore', '-c', 'import mmseg; print(mmseg.__path__[0])'], capture_output=True, text=True, check=True)
    return os.path.join(where.stdout.split()[-1], '.mim', 'tools', name)


def make_initial(o, name):
    os.makedirs(os.path.dirname(initial(name)), exist_ok=True)
    if not os.path.exists(initial(name)):
        ended(mmseg(o, '-c', INIT, config_of(name), initial(name)))


def train_theirs(o, name):
    folder = os.path.join(RUNS, 'mmseg', name)
    if not complete(summary(folder)):
        ended(mmseg(o, script_of(o, 'train.py'), config_of(name), '--work-dir', folder, '--cfg-options', *data_options(o.data),
                    f'load_from={initial(name)}'))


def ended(run):
    if run.returncode:
        sys.exit(f'trainings.py: {" ".join(run.args)}: {(run.stdout + run.stderr)[-2000:]}')
    return run.stdout + run.stderr


def check(o, found):
    """Our checkpoints load strictly in MMSegmentation, and its tests give the mIoU that ours give: {name: the two}."""
    work = os.path.join(RUNS, 'tested')
    pairs = [(n, [config_of(n), os.path.join(RUNS, '0', n, f'iter_{ITERATIONS}.pth')]) for n in found]
    text = ended(mmseg(o, '-c', TEST, os.path.abspath(o.data), str(TESTED), work, *(x for _, pair in pairs for x in pair)))
    theirs = dict(re.findall(r'^tested (\S+) ([\d.]+)$', text, re.M))
    out = {}
    for n, pair in pairs:
        text = ended(subprocess.run([o.cseg, 'test', *pair, '--work-dir', os.path.join(work, n), '--threads', str(o.threads),
                                     '--cfg-options', *data_options(o.data, ['test']),
                                     f'test_dataloader.dataset.indices={TESTED}'], capture_output=True, text=True, check=False))
        out[n] = dict(ours=float(re.findall(r'mIoU: +([\d.]+)', text)[-1]), theirs=float(theirs[n]))
        print(f'{n}: our checkpoint loads strictly in MMSegmentation; mIoU {out[n]["ours"]:.2f} here, {out[n]["theirs"]:.2f} there')
    return out


def mean_of(values, n=LAST // 10):
    return [statistics.mean(values[max(0, i + 1 - n):i + 1]) for i in range(len(values))]


def path_of(run, values, top, x0, y0, w, h):
    points = (f'{x0 + w * s / ITERATIONS:.1f},{y0 + h * (1 - min(v, top) / top):.1f}' for s, v in zip(run['steps'], values))
    return f'<polyline fill="none" points="{" ".join(points)}"'


def panel(name, ours, theirs, x, y, w, h):
    """One model: thin lines are means of 10 iterations, thick ones of LAST."""
    both = [r for r in (theirs, *ours) if r]
    top = sorted(v for r in both for v in r['loss'])[-2] * 1.05
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if top / s < 6 or s == 100)
    out = [f'<text x="{x}" y="{y - 6}" font-weight="bold">{TITLES.get(name, name)}</text>',
           f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="none" stroke="#bbb"/>']
    for k in range(int(top / step) + 1):
        level = y + h * (1 - k * step / top)
        out.append(f'<line x1="{x}" x2="{x + w}" y1="{level:.1f}" y2="{level:.1f}" stroke="#eee"/>'
                   f'<text x="{x - 4}" y="{level + 4:.1f}" text-anchor="end">{k * step:g}</text>')
    for s in (0, 200, 400, 600):
        out.append(f'<text x="{x + w * s / ITERATIONS:.1f}" y="{y + h + 14}" text-anchor="middle">{s}</text>')
    for run, colour in [(theirs, '#d95f02')] + [(r, '#1f78b4') for r in ours[:1]]:
        if run:
            out.append(path_of(run, run['loss'], top, x, y, w, h) + f' stroke="{colour}" stroke-opacity="0.35"/>')
            out.append(path_of(run, mean_of(run['loss']), top, x, y, w, h) + f' stroke="{colour}" stroke-width="2"/>')
    return out


def draw(runs, reference):
    w, h, columns = 190, 150, 5
    shown = [n for n in TITLES if n in runs]
    rows = -(-len(shown) // columns)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * (w + 40) + 10}" height="{rows * (h + 55) + 35}" '
           'font-family="sans-serif" font-size="11" fill="#333">', '<rect width="100%" height="100%" fill="#fff"/>',
           '<text x="36" y="16">Loss by iteration: <tspan fill="#1f78b4" font-weight="bold">cseg</tspan>, '
           '<tspan fill="#d95f02" font-weight="bold">MMSegmentation 1.2.2</tspan>. '
           f'Thin: means of 10 iterations; thick: of {LAST}.</text>']
    for i, n in enumerate(shown):
        out += panel(n, runs[n], reference.get(n), 36 + i % columns * (w + 40), 45 + i // columns * (h + 55), w, h)
    with open(PICTURE, 'w') as f:
        f.write('\n'.join([*out, '</svg>', '']))


def differences(ours, theirs):
    """What the two logs say differently apart from chance: names, iterations and learning rates."""
    out = []
    if ours['names'] != theirs['names']:
        out.append(f"names {sorted(set(ours['names']) ^ set(theirs['names']))}")
    if any(a != b for a, b in zip(ours['steps'], theirs['steps'])):
        out.append('iterations')
    elif any(abs(a - b) > 1e-5 * b for a, b in zip(ours['lr'], theirs['lr'])):
        out.append('learning rates')
    return out


def figure(v, digits=2):
    return '' if v is None else f'{v:.{digits}f}'


def loss_at(run, end):
    """The mean of the LAST iterations up to `end`."""
    return statistics.mean(v for s, v in zip(run['steps'], run['loss']) if end - LAST < s <= end)


def difference(ours, theirs, end):
    """Of the means of all iterations up to `end`."""
    a, b = (statistics.mean(v for s, v in zip(r['steps'], r['loss']) if s <= end) for r in (ours, theirs))
    return f'{100 * (a / b - 1):+.1f} %'


def row(name, ours, more, theirs, tested):
    end = min(theirs['steps'][-1], ours['steps'][-1]) if theirs else ours['steps'][-1]
    them = [loss_at(theirs, end), theirs['mIoU'], theirs['seconds']] if theirs else [None] * 3
    return [f'[{TITLES[name]}](../configs/camvid/{name}.py)', str(end), figure(loss_at(ours, end)), figure(them[0]),
            difference(ours, theirs, end) if theirs else '',
            figure(ours['mIoU']), figure(them[1]), ', '.join(figure(r['mIoU']) for r in more),
            f'{figure(tested["ours"])} / {figure(tested["theirs"])}' if tested else '', figure(ours['seconds']), figure(them[2])]


def table(runs, reference, checks):
    out = [['model', 'iteration', 'loss', 'loss, MMSegmentation', 'all iterations', 'mIoU', 'mIoU, MMSegmentation', 'mIoU, other seeds', 'ours tested in both',
            's / iteration', 's / iteration, MMSegmentation']]
    out.append(['---'] * len(out[0]))
    for n in (n for n in TITLES if n in runs):
        theirs = reference.get(n)
        for what in differences(runs[n][0], theirs) if theirs else []:
            print(f'{n}: the logs differ in {what}')
        out.append(row(n, runs[n][0], runs[n][1:], theirs, checks.get(n)))
    return '\n'.join(f'| {" | ".join(r)} |' for r in out)


def write_page(text):
    with open(PAGE) as f:
        page = f.read()
    begin, end = '<!-- table: tools/trainings.py -->\n', '<!-- end -->'
    if begin not in page or end not in page:
        sys.exit(f'trainings.py: {PAGE}: no place for the table in it')
    head, rest = page.split(begin)
    page = head + begin + text + '\n' + end + rest.split(end, 1)[1]
    with open(PAGE, 'w') as f:
        f.write(page)


def load(path):
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        return json.load(f)


def store(path, value):
    with open(path, 'w') as f:
        f.write('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in sorted(value.items())) + '\n}\n')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--data', help='the folder that has images/ and annotations/')
    p.add_argument('--mmseg', metavar='PYTHON', help='the interpreter that has mmseg 1.2.2')
    p.add_argument('--only', default='')
    p.add_argument('--seeds', type=int, nargs='+', default=[0])
    p.add_argument('--threads', type=int, default=0)
    p.add_argument('--cseg', default=os.path.join(ROOT, 'build', 'cseg'))
    o = p.parse_args()
    reference, checks = load(REFERENCE), load(os.path.join(RUNS, 'checks.json'))
    for n in names(o.only) if o.data else []:
        if o.mmseg:
            make_initial(o, n)
        for seed in o.seeds:
            train(o, n, seed)
        if o.mmseg:
            train_theirs(o, n)
    if o.data and o.mmseg:
        checks.update(check(o, names(o.only)))
        store(os.path.join(RUNS, 'checks.json'), checks)
    runs = {}
    for n in names(''):
        theirs = summary(os.path.join(RUNS, 'mmseg', n))
        if theirs:
            reference[n] = theirs
        found = [r for r in (summary(d) for d in sorted(glob.glob(f'{RUNS}/[0-9]*/{n}'))) if complete(r)]
        if found:
            runs[n] = found
    if not runs:
        sys.exit('trainings.py: build/trainings has no complete run; give --data')
    store(REFERENCE, reference)
    draw(runs, reference)
    write_page(table(runs, reference, checks))
    print(f'{os.path.relpath(PAGE, ROOT)}, {os.path.relpath(PICTURE, ROOT)}: {len(runs)} models')


if __name__ == '__main__':
    main()
