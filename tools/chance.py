#!/usr/bin/env python3
"""Tells chance from error: runs MMSegmentation itself in other arithmetic for the lines that `make parity` found to differ.

    tools/chance.py --v1 PYTHON [--v0 PYTHON] [--only TEXT] [--jobs N] [--again]

PYTHON is that of an environment with MMSegmentation 1.2.2 (0.30.0 for --v0). For each line of build/parity/summary.json
that differs, MMSegmentation answers the same question as oracle.py and oracle_extra.py ask, but with another layout of its
maps (channels_last), without oneDNN, or with noise as large as a convolution's rounding behind each of them. What it then
differs in from its own stored answer, by the same limits, goes to build/parity/chance.json, which tools/zoo.py writes beside
the line. A line that MMSegmentation repeats in every way here, and cseg does not, deserves a look.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WAYS = ('channels_last', 'without oneDNN', 'noise 0', 'noise 1', 'noise 2')
# A float32 convolution's error (oneDNN's, against float64; 64 to 4096 channels) as a share of its outputs' standard deviation.
ROUNDING = 2.5e-7


def answer(goldens, name, way, config, path):
    """In MMSegmentation's environment: prints the line of CONFIG, computed in this WAY."""
    sys.path.insert(0, goldens)
    sys.path.insert(0, os.path.join(ROOT, 'tools'))
    from parity import golden_of
    extra = golden_of(goldens, name, config).get('extra')
    os.environ.update(extra or {})
    import torch
    torch.set_num_threads(1)
    if way == 'without oneDNN':
        torch.backends.mkldnn.enabled = False
    import oracle
    source = oracle
    if extra is not None:
        import oracle_extra as source
    built = oracle.build

    def build(*args):
        net = built(*args)
        if way == 'channels_last':
            net = net.to(memory_format=torch.channels_last)
        if way.startswith('noise'):
            g = torch.Generator().manual_seed(int(way.split()[1]))
            for m in net.modules():
                if isinstance(m, torch.nn.Conv2d):
                    m.register_forward_hook(lambda _, i, o: o + ROUNDING * o.detach().std() * torch.randn(o.shape, generator=g))
        return net

    oracle.build = build
    out = (source.train if name.endswith('train') else source.model)(path)
    print(json.dumps(dict(out, config=config)))


def ask(o, name, way, config, path):
    python = o.v0 if name.startswith('v0') else o.v1
    got = subprocess.run([python, '-W', 'ignore', os.path.abspath(__file__), '--answer', o.goldens, name, way, config, path],
                         capture_output=True, text=True, check=False)
    line = next((x for x in got.stdout.splitlines() if x.startswith('{')), None)
    if not line:
        sys.exit(f'chance.py: {config}, {way}: {got.stderr.strip().splitlines()[-1:] or got.returncode}')
    return json.loads(line)


def main():
    if sys.argv[1:2] == ['--answer']:
        return answer(*sys.argv[2:])
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--v1')
    p.add_argument('--v0')
    p.add_argument('--only', default='')
    p.add_argument('--jobs', type=int, default=os.cpu_count())
    p.add_argument('--again', action='store_true')
    p.add_argument('--goldens', default=os.path.join(os.path.dirname(ROOT), 'shared', 'reference'))
    p.add_argument('--out', default=os.path.join(ROOT, 'build', 'parity'))
    o = p.parse_args()
    from parity import config_path, golden_of, load_compare, states_of
    with open(os.path.join(o.out, 'summary.json')) as f:
        differ = [d for d in json.load(f)['differ'] if o.only in d[1]]
    same = {}  # lines of one file that differ in the same number have the same model: the first is asked for all
    for name, config, wrong in differ:
        same.setdefault((name, wrong), []).append(config)
    kept = os.path.join(o.out, 'chance.json')
    found = {}
    if os.path.exists(kept) and not o.again:
        with open(kept) as f:
            found = json.load(f)
    compare = load_compare(o.goldens)

    def look(name, config):
        """The first way in which MMSegmentation does not repeat its own answer, and what differs then."""
        golden, states = golden_of(o.goldens, name, config), states_of(o.goldens, name)
        for way in WAYS:
            wrong = compare.compare(ask(o, name, way, config, config_path(name, config)), golden, states)
            if wrong:
                return [way, wrong]
        return None

    todo = [(name, configs) for (name, _), configs in same.items()
            if f'{name}: {configs[0]}' not in found and (o.v0 if name.startswith('v0') else o.v1)]
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for (name, configs), got in zip(todo, pool.map(lambda x: look(x[0], x[1][0]), todo)):
            found.update((f'{name}: {c}', got) for c in configs)
            print(f'{name}: {configs[0]}: ' + (f'{got[0]}: {got[1]}' if got else 'MMSegmentation repeats its answer'),
                  flush=True)
            with open(kept + '.part', 'w') as f:
                json.dump(found, f, indent=1, sort_keys=True)
            os.replace(kept + '.part', kept)
    own = [found.get(f'{n}: {c}') for n, c, _ in differ]
    print(f'{len(differ)} lines differ; in {sum(x is not None for x in own)} MMSegmentation differs from itself')


if __name__ == '__main__':
    main()
