#!/usr/bin/env python3
"""Compares cseg with MMSegmentation's and Open-CD's answers for their own configs: `make parity`.

    tools/parity.py [--only TEXT] [--files v1,v1.train,...] [--jobs N] [--again]

--only takes configs whose path contains TEXT, e.g. unet/. Files that begin with v are MMSegmentation's, with ocd
Open-CD's. The goldens (their answers, docs/parity.md) are in ../shared/reference; --goldens names another folder. Answers
are kept in build/parity and used again until the program changes or --again is given; so an interrupted run goes on where
it stopped. Configs whose models are the same (`cseg config` says so) are computed once.

Prints each line that differs with the first thing that does, and 'N of M agree' for each file; with --table also for each
family. build/parity/summary.json holds, for tools/zoo.py, the largest differences of each family (Open-CD's apart).
Exits 0 only when all agree.
"""
import argparse
import concurrent.futures
import functools
import gzip
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = ['v1', 'v0', 'v1x', 'v0x', 'v1.train', 'v1x.train', 'v0x.train', 'ocd', 'ocdx']
# Needs Stable Diffusion's weights, which MMSegmentation fetches by itself: refused by name.
LATER = ('vpd',)


def family(config):
    return config.split('/')[0]


def lines(path):
    with gzip.open(path, 'rt') if path.endswith('.gz') else open(path) as f:
        for line in f:
            if line.startswith('{'):
                yield json.loads(line)


def config_path(name, config):
    """Where the config of a line of file NAME lies."""
    if name.startswith('ocd'):
        return os.path.join(ROOT, 'build', 'deps', 'open-cd', 'configs', config)
    package = 'mmsegmentation-1.2.2' if name.startswith('v1') else 'mmsegmentation-0.30.0'
    return os.path.join(ROOT, 'build', 'deps', package, 'mmseg', '.mim', 'configs', config)


def resolved(cseg, path):
    """The config with all that it inherits; None: the program refuses it."""
    got = subprocess.run([cseg, 'config', '--quiet', '--json', path], capture_output=True, text=True, check=False)
    return json.loads(got.stdout) if got.returncode == 0 else None


def goldens_of(goldens, name):
    """The lines of file NAME: MMSegmentation's answers."""
    file = name if name.endswith('train') else f'{name}.model'
    return lines(os.path.join(goldens, 'goldens', f'{file}.ndjson.gz'))


def golden_of(goldens, name, config):
    return next(g for g in goldens_of(goldens, name) if g['config'] == config)


@functools.lru_cache
def states_of(goldens, name):
    """The state dicts that the lines of file NAME refer to by their ids."""
    version = name.split('.', maxsplit=1)[0]
    return {} if name.endswith('train') else {
        d['id']: d['state'] for d in lines(os.path.join(goldens, 'goldens', f'{version}.states.ndjson.gz'))}


def switches(golden):
    """What oracle_extra.py was told for this line, as options of cseg parity."""
    extra = golden.get('extra') or {}
    out = []
    if 'SIZE' in extra:
        out += ['--size', extra['SIZE']]
    if 'IMG' in extra:
        out += ['--fit']
    if 'LABEL' in extra:
        out += ['--label', extra['LABEL']]
    if 'EDGE' in extra:
        out += ['--edge']
    return out


class Answers:
    """The program's lines, kept on disk in the order in which they were made."""

    def __init__(self, o):
        self.o = o
        self.models = {}

    def model_of(self, version, config):
        """What the answer depends on: the resolved model. Training depends on the optimizer as well."""
        cfg = resolved(self.o.cseg, config_path(version, config))
        if cfg is None:
            return config
        keys = ('model', 'optimizer', 'optimizer_config', 'optim_wrapper', 'fp16', 'default_scope')
        return json.dumps([cfg.get(k) for k in keys])

    def compute(self, version, mode, golden):
        config = golden['config']
        with tempfile.TemporaryFile('w+') as out:
            got = subprocess.run([self.o.cseg, 'parity', mode, '--quiet', '--threads', '1'] + switches(golden) +
                                 self.o.options + [config_path(version, config)],
                                 stdout=out, stderr=subprocess.PIPE, text=True, check=False)
            out.seek(0)
            line = next((x for x in out if x.startswith('{')), None)
        answer = json.loads(line) if line else {'error': got.stderr.strip().splitlines()[0] if got.stderr.strip()
                                                else f'exit code {got.returncode}'}
        answer['config'] = config
        return answer

    def of(self, name, goldens):
        """{config: answer} for the goldens of file NAME."""
        version, mode = name.split('.')[0], 'train' if name.endswith('train') else 'model'
        path = os.path.join(self.o.out, name + '.ndjson')
        fresh = not self.o.again and os.path.exists(path) and os.path.getmtime(path) > os.path.getmtime(self.o.cseg)
        ours = {a['config']: a for a in lines(path)} if fresh else {}
        todo = [g for g in goldens if g['config'] not in ours]
        with concurrent.futures.ThreadPoolExecutor(self.o.jobs) as pool, open(path, 'a' if fresh else 'w') as f:
            keys = list(pool.map(lambda g: (self.model_of(version, g['config']), tuple(switches(g))), todo))
            first = {}
            for g, k in zip(todo, keys):
                first.setdefault(k, g)
            answers = {k: pool.submit(self.compute, version, mode, g) for k, g in first.items()}
            for i, (g, k) in enumerate(zip(todo, keys)):
                if sys.stderr.isatty():
                    print(f'\r{name}: {i} of {len(todo)} ', end='', file=sys.stderr, flush=True)
                answer = dict(answers[k].result(), config=g['config'])
                ours[g['config']] = answer
                f.write(json.dumps(answer) + '\n')
                f.flush()
        return ours


def relative(a, b, scale):
    return abs(a - b) / scale if scale else 0.0


def differences(ours, golden):
    """The largest differences: logits relative to their standard deviation, losses, norms of gradients."""
    out = {}
    a, b = ours.get('logits'), golden.get('logits')
    if a and b and len(a['value']) == len(b['value']):
        out['logits'] = max(relative(x, y, b['std']) for x, y in zip(a['value'], b['value']))
    a, b = ours.get('train'), golden.get('train')
    if a and b:
        out['losses'] = max((relative(a['losses'].get(k, math.inf), v, abs(v)) for k, v in b['losses'].items() if 'loss' in k),
                            default=0.0)
        if 'grads' not in golden.get('chance', ()):
            out['grads'] = relative(a['grad_norm'], b['grad_norm'], b['grad_norm'])
    return out


def load_compare(goldens):
    spec = importlib.util.spec_from_file_location('compare', os.path.join(goldens, 'compare.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--only', default='')
    p.add_argument('--files', default=','.join(FILES))
    p.add_argument('--jobs', type=int, default=os.cpu_count())
    p.add_argument('--again', action='store_true')
    p.add_argument('--table', action='store_true')
    p.add_argument('--all', action='store_true', help='also the families that are not built yet')
    p.add_argument('--cseg', default=os.path.join(ROOT, 'build', 'cseg'))
    p.add_argument('--goldens', default=os.path.join(os.path.dirname(ROOT), 'shared', 'reference'))
    p.add_argument('--out', default=os.path.join(ROOT, 'build', 'parity'))
    p.add_argument('options', nargs='*', help='options for cseg parity, after --')
    o = p.parse_args()
    if not os.path.exists(os.path.join(o.goldens, 'compare.py')):
        sys.exit(f'parity.py: no goldens in {o.goldens}; --goldens DIR names their folder')
    os.makedirs(o.out, exist_ok=True)
    compare = load_compare(o.goldens)
    answers, good, total = Answers(o), {}, {}
    mmseg, opencd = dict(families={}, differ=[]), dict(families={}, differ=[])
    for name in o.files.split(','):
        if not os.path.isdir(config_path(name, '')):
            sys.exit(f'parity.py: {name}: there are no configs in {config_path(name, "")}; make reference fetches them')
        summary = opencd if name.startswith('ocd') else mmseg
        states = states_of(o.goldens, name)
        goldens = [g for g in goldens_of(o.goldens, name)
                   if o.only in g['config'] and 'error' not in g and (o.all or family(g['config']) not in LATER)]
        ours = answers.of(name, goldens)
        for g in goldens:
            key = (name, family(g['config']))
            total[key] = total.get(key, 0) + 1
            a = ours[g['config']]
            wrong = compare.compare(a, g, states)
            good[key] = good.get(key, 0) + (wrong is None)
            if wrong:
                summary['differ'].append([name, g['config'], wrong])
                print(f'{name}: {g["config"]}: {wrong}', flush=True)
            d = summary['families'].setdefault(family(g['config']), {})
            for k, v in differences(a, g).items():
                d[k] = max(d.get(k, 0), v)
            d[name] = [good[key], total[key]]
        print(f'{name}: {sum(v for k, v in good.items() if k[0] == name)} of '
              f'{sum(v for k, v in total.items() if k[0] == name)} agree', flush=True)
    if o.table:
        for key in sorted(total):
            print(f'{key[0]:10} {key[1]:16} {good[key]} of {total[key]}')
    with open(os.path.join(o.out, 'summary.json'), 'w') as f:
        json.dump(dict(mmseg, opencd=opencd), f, indent=1, sort_keys=True)
    sys.exit(good != total)


if __name__ == '__main__':
    main()
