#!/usr/bin/env python3
"""Times cseg beside what a user would pick instead, and writes the table of ratios of docs/performance.md.

    compare.py [--build build] [--rows WORD...] [--rounds R] [--repeat N] [--threads T] [--peers PYTHON:PEERS.py]
               [--load CONFIG:FOLDER]

Each figure comes from a process of its own, on the same number of threads: `cseg bench` and, where they are found, the
peers PyTorch, ONNX Runtime and OpenVINO. Rounds alternate between them, so that a machine that slows down or has other
work slows down all; of all rounds the minimum and the median are told. The ratio is the peer's minimum over cseg's.

The peers run through a script that prints lines of JSON like those of `cseg bench --json`:

    PYTHON PEERS.py infer|train CONFIG SIZE --batch N --repeat R --precision P [--engines E]

with THREADS in its environment. --peers, or CSEG_PEERS in the environment, names both; without, cseg is timed alone.

The row load-camvid times loading and augmenting the training images of the config that --load, or CSEG_LOAD in the
environment, names, beside MMSegmentation's pipeline (mmseg_load.py, on the Python of --peers). Both run in FOLDER, where
the config's relative paths lead to the images.

Results go to DIR/bench.json after every measurement, and to DIR/table.md at the end (DIR: BUILD/bench-results).
Needs nothing but Python's standard library.
"""
import argparse
import fnmatch
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time

ENGINES = {'cseg': 'cseg', 'torch': 'PyTorch', 'ort': 'ONNX Runtime', 'openvino': 'OpenVINO', 'mmseg': 'MMSegmentation'}
MODULES = {'torch': 'torch', 'ort': 'onnxruntime', 'openvino': 'openvino', 'mmseg': 'mmseg'}
COMPUTING = ('cseg', 'torch', 'ort', 'openvino')
MODELS = {
    'fcn_hr48': ('FCN-HRNet-W48', 'hrnet/fcn_hr48_4xb2-40k_cityscapes-512x1024.py'),
    'fcn_hr18': ('FCN-HRNet-W18', 'hrnet/fcn_hr18_4xb2-40k_cityscapes-512x1024.py'),
    'fcn_r50-d8': ('FCN-R50-D8', 'fcn/fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py'),
    'fcn_r101-d8': ('FCN-R101-D8', 'fcn/fcn_r101-d8_4xb2-40k_cityscapes-512x1024.py'),
    'deeplabv3plus_r50-d8': ('DeepLabV3+ R50-D8', 'deeplabv3plus/deeplabv3plus_r50-d8_4xb2-40k_cityscapes-512x1024.py'),
    'pspnet_r50-d8': ('PSPNet R50-D8', 'pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py'),
    'upernet_r50': ('UPerNet R50', 'upernet/upernet_r50_4xb2-40k_cityscapes-512x1024.py'),
    'ocrnet_hr18': ('OCRNet HR18', 'ocrnet/ocrnet_hr18_4xb2-40k_cityscapes-512x1024.py'),
    'unet_s5-d16': ('UNet-S5-D16', 'unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py'),
    'bisenetv2': ('BiSeNetV2', 'bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024.py'),
    'deeplabv3plus_mnv2': ('DeepLabV3+ MobileNetV2',
                           'mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb2-80k_cityscapes-512x1024.py'),
    'stdc1': ('STDC1', 'stdc/stdc1_4xb12-80k_cityscapes-512x1024.py'),
    'fastscnn': ('FastSCNN', 'fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py'),
    'erfnet': ('ERFNet', 'erfnet/erfnet_fcn_4xb4-160k_cityscapes-512x1024.py'),
    'segnext_t': ('SegNeXt-T', 'segnext/segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512.py'),
    'upernet_convnext-t': ('UPerNet ConvNeXt-T', 'convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py'),
    'ddrnet_23-slim': ('DDRNet-23-slim', 'ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024.py'),
    'segformer_b0': ('SegFormer-B0', 'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'),
    'upernet_swin-t': ('UPerNet Swin-T', 'swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py'),
    'mask2former_r50': ('Mask2Former R50', 'mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py'),
    'segformer_b5': ('SegFormer-B5', 'segformer/segformer_mit-b5_8xb2-160k_ade20k-512x512.py'),
    'upernet_vit-b': ('UPerNet ViT-B', 'vit/vit_vit-b16_mln_upernet_8xb2-80k_ade20k-512x512.py'),
    'segmenter_s': ('Segmenter-S', 'segmenter/segmenter_vit-s_mask_8xb1-160k_ade20k-512x512.py'),
    'twins_svt-s': ('Twins-SVT-S FPN', 'twins/twins_svt-s_fpn_fpnhead_8xb4-80k_ade20k-512x512.py'),
    'knet_r50-d8': ('K-Net-S3 R50-D8', 'knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py'),
}
INFERENCE = (('fcn_hr48', 512), ('fcn_hr48', 896), ('fcn_hr18', 512), ('fcn_r50-d8', 512), ('fcn_r101-d8', 512))
TRAINING = (('fcn_hr48', 512), ('fcn_hr18', 512), ('fcn_r50-d8', 512))
ZOO = tuple(MODELS)[4:]  # inference at 512x512
ZOO_TRAINED = ZOO[:5] + ('segformer_b0', 'upernet_swin-t', 'mask2former_r50')
ATTENDING = ZOO[ZOO.index('segformer_b0'):]  # inference in bfloat16 too
MEMORY_TARGET = 0.6  # of PyTorch's, for a training step
FLAGS = ('avx2', 'fma', 'avx512f', 'avx512bw', 'avx512vl', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_bf16')
LIMIT = 3600  # seconds that one process may take


class Row:
    """One line of the table: a model, a size and a precision, measured with every engine that can do it."""

    def __init__(self, mode, precision, model, size, batch, target):
        self.mode, self.precision, self.model, self.size, self.batch = mode, precision, model, size, batch
        self.target = target
        self.name = f'{mode}-{precision}-{model}-{size}'
        self.title = f'{MODELS[model][0]}, {size}x{size}' + (f', batch {batch}' if batch > 1 else '')
        self.config = MODELS[model][1]

    def engines(self):
        if self.mode == 'train':
            return ['cseg', 'torch']
        return ['cseg', 'torch', 'openvino'] if self.precision == 'bf16' else ['cseg', 'torch', 'ort', 'openvino']


class LoadRow(Row):
    """Loading and augmenting; its seconds are those of one image on one core."""

    def __init__(self):
        self.mode, self.precision, self.target = 'load', None, 3.0
        self.name, self.title = 'load-camvid', 'CamVid'

    def engines(self):
        return ['cseg', 'mmseg']


def all_rows():
    for precision, hrnet, resnet in (('fp32', 2.0, 1.6), ('bf16', 1.5, 1.5)):
        for model, size in INFERENCE:
            yield Row('infer', precision, model, size, 1, hrnet if 'hr' in model else resnet)
    for precision, target in (('fp32', 2.5), ('bf16', 3.0)):
        for model, size in TRAINING:
            yield Row('train', precision, model, size, 2, target)
    for model in ZOO:
        yield Row('infer', 'fp32', model, 512, 1, 1.5)
    for model in ATTENDING:
        yield Row('infer', 'bf16', model, 512, 1, 1.0)
    for model in ZOO_TRAINED:
        yield Row('train', 'fp32', model, 512, 2, 2.5)
    yield LoadRow()


def chosen_rows(words):
    """Rows whose name has one of the words in it; a word may hold * and ?."""
    rows = list(all_rows())
    picked = [r for r in rows if not words or any(fnmatch.fnmatchcase(r.name, f'*{w}*') for w in words)]
    if not picked:
        sys.exit('compare.py: no row is called so; there are\n  ' + '\n  '.join(r.name for r in rows))
    return picked


def output_of(command, folder=None, **environment):
    """What the command prints, or None and the last line of its complaints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, cwd=folder,
                              env={**os.environ, **environment})
    except subprocess.TimeoutExpired:
        return None, f'took longer than {LIMIT} s'
    except OSError as e:
        return None, str(e)
    said = done.stderr.strip().splitlines() or ['it said nothing']
    return (done.stdout, '') if done.returncode == 0 else (None, said[-1][:300])


class Session:
    def __init__(self, o):
        self.o = o
        self.rows = chosen_rows(re.split(r'[\s,]+', ' '.join(o.rows).strip()) if o.rows else [])
        self.cseg = os.path.abspath(os.path.join(o.build, 'cseg'))
        self.configs = o.configs or os.path.join(o.build, 'deps/mmsegmentation-1.2.2/mmseg/.mim/configs')
        self.python, _, self.script = (o.peers or '').partition(':')
        self.load_config, _, self.load_folder = (o.load or '').partition(':')
        self.skipped = {}  # engine -> why
        self.lines = []  # what the processes printed, with row and round
        self.failures = {}  # (row, engine) -> why
        self.about = dict(date=time.strftime('%Y-%m-%d %H:%M'), threads=o.threads, rounds=o.rounds, repeat=o.repeat,
                          machine=machine(), load_before=os.getloadavg()[0], versions=self.versions())

    def versions(self):
        found = {}
        text, why = output_of([self.cseg, 'version'])
        if text is None:
            sys.exit(f'compare.py: {self.cseg}: {why}')
        found['cseg'] = ' '.join(text.split('\n')).strip()
        text, _ = output_of(['git', 'rev-parse', '--short', 'HEAD'])
        if text:
            found['commit'] = text.strip()
        for engine, module in MODULES.items():
            if not self.script:
                self.skipped[engine] = 'no peers were named (--peers or CSEG_PEERS)'
                continue
            text, why = output_of([self.python, '-c', f'import {module}; print({module}.__version__)'])
            if text is None:
                self.skipped[engine] = why
            else:
                found[engine] = text.split()[-1]
        return found

    def measure_loading(self, engine):
        config = os.path.abspath(self.load_config)
        if engine == 'cseg':
            command = [self.cseg, 'bench', 'load', config]
        else:
            command = [self.python, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'mmseg_load.py'), config]
        text, why = output_of(command + ['--json'], folder=self.load_folder or None)
        if text is None:
            return None, why
        found = json.loads(text.strip().splitlines()[-1])
        found['min_s'] = found['median_s'] = 1 / found['images_per_core_s']
        return found, ''

    def measure(self, row, engine):
        if row.mode == 'load':
            return self.measure_loading(engine)
        size, batch, repeat = str(row.size), str(row.batch), str(self.o.repeat)
        config = os.path.join(self.configs, row.config)
        if engine == 'cseg':
            command = [self.cseg, 'bench', row.mode, config, '--size', size, '--threads', str(self.o.threads), '--json']
        else:
            command = [self.python, self.script, row.mode, config, size]
            command += ['--engines', engine] if row.mode == 'infer' else []
        command += ['--batch', batch, '--repeat', repeat, '--precision', row.precision]
        text, why = output_of(command, THREADS=str(self.o.threads), OMP_NUM_THREADS=str(self.o.threads))
        if text is None:
            return None, why
        for line in text.splitlines():
            if line.startswith('{'):
                found = json.loads(line)
                if found['engine'] == engine and found['precision'] == row.precision:
                    return found, ''
        return None, 'it printed no figures'

    def run(self):
        if not self.load_config and any(r.mode == 'load' for r in self.rows):
            print('skipped: load-camvid: no config was named (--load or CSEG_LOAD)', flush=True)
            self.rows = [r for r in self.rows if r.mode != 'load']
        for engine, why in self.skipped.items():
            print(f'skipped: {ENGINES[engine]}: {why}', flush=True)
        for at in range(self.o.rounds):
            for row in self.rows:
                engines = [e for e in row.engines() if e not in self.skipped]
                engines = engines[at % len(engines):] + engines[:at % len(engines)]
                for engine in engines:
                    if (row.name, engine) not in self.failures:
                        self.take(at, row, engine)
        self.about['load_after'] = os.getloadavg()[0]
        self.save()

    def take(self, at, row, engine):
        line, why = self.measure(row, engine)
        if line is None:
            self.failures[row.name, engine] = why
            print(f'{row.name}: {ENGINES[engine]} failed: {why}', flush=True)
            return
        self.lines.append(dict(row=row.name, round=at, **line))
        print(f'round {at + 1}/{self.o.rounds}  {row.name:32} {ENGINES[engine]:13} {line["min_s"]:9.4f} s'
              f'{line["peak_rss_mib"]:7} MiB', flush=True)
        self.save()

    def figures(self, row, engine):
        """(minimum, median, memory in MiB) over all rounds, or None."""
        of = [x for x in self.lines if x['row'] == row.name and x['engine'] == engine]
        if not of:
            return None
        return (min(x['min_s'] for x in of), statistics.median(x['median_s'] for x in of),
                max(x['peak_rss_mib'] for x in of))

    def ratio(self, row):
        """The fastest peer's minimum over ours, the same of the medians, and the peer's name; or None."""
        ours = self.figures(row, 'cseg')
        peers = [(self.figures(row, e), e) for e in row.engines()[1:]]
        peers = [(f, e) for f, e in peers if f]
        if not ours or not peers:
            return None
        best, engine = min(peers)
        return best[0] / ours[0], min(f[1] for f, _ in peers) / ours[1], engine

    def save(self):
        os.makedirs(self.o.out, exist_ok=True)
        rows = []
        for row in self.rows:
            found = dict(row=row.name, target=row.target)
            for engine in row.engines():
                f = self.figures(row, engine)
                if f:
                    found[engine] = dict(min_s=f[0], median_s=f[1], peak_rss_mib=f[2])
            r = self.ratio(row)
            if r:
                found.update(ratio_of_minima=round(r[0], 3), ratio_of_medians=round(r[1], 3), best_peer=r[2])
            rows.append(found)
        whole = dict(self.about, skipped=self.skipped, rows=rows, lines=self.lines,
                     failures={f'{r}: {e}': why for (r, e), why in self.failures.items()})
        path = os.path.join(self.o.out, 'bench.json')
        with open(path + '.part', 'w') as f:
            json.dump(whole, f, indent=1)
        os.replace(path + '.part', path)

    def cell(self, row, engine):
        f = self.figures(row, engine)
        if f:
            return f'{f[0]:.3f} ({f[1]:.3f})' if row.mode != 'load' else f'{1e3 * f[0]:.3f} ms'
        return '-' if engine not in row.engines() else 'skipped' if engine in self.skipped else 'failed'

    def table(self):
        m, v = self.about['machine'], self.about['versions']
        out = [f'{m["cpu"]}, {m["cores"]} cores, {m["memory_gib"]} GiB ({" ".join(m["flags"])}), {m["system"]}; '
               f'{self.o.threads} threads; {self.about["date"]}; load {self.about["load_before"]:.1f} before, '
               f'{self.about.get("load_after", 0):.1f} after.  ',
               ', '.join(f'{ENGINES.get(k, k)} {x}' if k != 'cseg' else x for k, x in v.items())
               + f'. {self.o.rounds} rounds of {self.o.repeat} calls each.', '',
               'Seconds: minimum (median). The ratio is that of the minima, peer over cseg.', '']
        titles = [ENGINES[e] for e in COMPUTING]
        out += ['| work | ' + ' | '.join(titles) + ' | fastest peer / cseg | target |',
                '| --- ' * (len(titles) + 3) + '|']
        for row in self.rows:
            if row.mode != 'load':
                cells = ' | '.join(self.cell(row, e) for e in COMPUTING)
                out.append(f'| {row.mode} {row.precision}, {row.title} | {cells} | {self.verdict(row)} |')
        out += self.memory_table() + self.load_table()
        for (row, engine), why in self.failures.items():
            out += ['', f'{row}, {ENGINES[engine]}: {why}']
        for engine, why in self.skipped.items():
            out += ['', f'Skipped: {ENGINES[engine]}: {why}']
        return '\n'.join(out) + '\n'

    def verdict(self, row):
        r = self.ratio(row)
        if not r:
            return f' | {row.target}'
        return f'**{r[0]:.2f}** ({ENGINES[r[2]]}) | {row.target}, {"met" if r[0] >= row.target else "missed"}'

    def load_table(self):
        out = [f'| {r.title} | {self.cell(r, "cseg")} | {self.cell(r, "mmseg")} | {self.verdict(r)} |'
               for r in self.rows if r.mode == 'load']
        head = ['', 'Loading and augmenting: processor time an image.', '',
                '| images | cseg | MMSegmentation | MMSegmentation / cseg | target |', '| --- | --- | --- | --- | --- |']
        return head + out if out else []

    def memory_table(self):
        out = []
        for row in self.rows:
            ours, theirs = self.figures(row, 'cseg'), self.figures(row, 'torch')
            if row.mode != 'train' or not ours:
                continue
            share = ours[2] / theirs[2] if theirs else None
            met = '' if share is None else ', met' if share <= MEMORY_TARGET else ', missed'
            out.append(f'| {row.mode} {row.precision}, {row.title} | {ours[2]} | {theirs[2] if theirs else "-"} | '
                       + (f'**{share:.2f}**' if theirs else '') + f' | {MEMORY_TARGET}{met} |')
        head = ['', 'Peak memory of the process in MiB.', '', '| work | cseg | PyTorch | cseg / PyTorch | target |',
                '| --- | --- | --- | --- | --- |']
        return head + out if out else []


def machine():
    cpu, flags = platform.machine(), []
    try:
        with open('/proc/cpuinfo') as f:
            text = f.read()
        cpu = re.search(r'model name\s*: (.*)', text).group(1)
        have = set(re.search(r'flags\s*: (.*)', text).group(1).split())
        flags = [x for x in FLAGS if x in have]
    except (OSError, AttributeError):
        pass
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return dict(cpu=cpu, flags=flags, cores=len(os.sched_getaffinity(0)), memory_gib=round(memory),
                system=f'{platform.system()} {platform.release()}')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--build', default='build', help='where cseg is')
    p.add_argument('--rows', nargs='*', default=[], metavar='WORD', help='only rows with one of these in their name')
    p.add_argument('--list', action='store_true', help='print the names of the rows')
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--repeat', type=int, default=5, help='calls a round and engine')
    p.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument('--peers', default=os.environ.get('CSEG_PEERS'), metavar='PYTHON:PEERS.py')
    p.add_argument('--load', default=os.environ.get('CSEG_LOAD'), metavar='CONFIG:FOLDER')
    p.add_argument('--configs', help="the reference's configs (default: where `make reference` puts them)")
    p.add_argument('--out', metavar='DIR')
    o = p.parse_args()
    if o.list:
        print('\n'.join(r.name for r in all_rows()))
        return
    o.out = o.out or os.path.join(o.build, 'bench-results')
    if o.peers and ':' not in o.peers:
        p.error('--peers names a Python and a script: /opt/env/bin/python:peers.py')
    s = Session(o)
    if not os.path.isdir(s.configs):
        sys.exit(f'compare.py: the configs are missing ({s.configs}); `make reference` fetches them')
    s.run()
    text = s.table()
    with open(os.path.join(o.out, 'table.md'), 'w') as f:
        f.write(text)
    print('\n' + text + f'\nwritten: {o.out}/table.md, {o.out}/bench.json')
    if not any(x['engine'] == 'cseg' for x in s.lines):
        sys.exit(1)


if __name__ == '__main__':
    main()
