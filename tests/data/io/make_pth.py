#!/usr/bin/env python3
"""Makes pth/: checkpoints as PyTorch and mmengine write them, in every version of the format, and pth.json: what the
tensors of each hold. Needs torch and mmengine. usage: make_pth.py"""
import collections
import json
import pathlib
import pickle
import zipfile

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from torch import nn

here = pathlib.Path(__file__).parent
torch.manual_seed(3)
expected = {}


def flat(t):
    return [float(v) for v in t.detach().contiguous().reshape(-1).to(torch.float64)]


def note(name, tensors):
    expected[name] = {k: [str(v.dtype)[6:], list(v.shape), flat(v)] for k, v in tensors.items()}


def save(name, obj, tensors, **how):
    torch.save(obj, here / 'pth' / name, **how)
    note(name, tensors)


every = {
    'f32': torch.randn(2, 3), 'f64': torch.randn(2, 2, dtype=torch.float64) * 1e10, 'f16': torch.randn(5).half(),
    'bf16': torch.randn(4).bfloat16(), 'i64': torch.tensor(-(2**40) - 3), 'i32': torch.tensor([[-7, 2**30]], dtype=torch.int32),
    'i16': torch.tensor([-300, 300], dtype=torch.int16), 'i8': torch.tensor([-128, 5], dtype=torch.int8),
    'u8': torch.tensor([255, 0, 1], dtype=torch.uint8), 'bool': torch.tensor([True, False, True]), 'empty': torch.zeros(0, 3),
    'half_odd': torch.tensor([0., -0., 6e-8, 65504., float('inf'), -6.1e-5]).half(),
}
for protocol in range(2, 6):
    save(f'zip_protocol{protocol}.pth', every, every, pickle_protocol=protocol)
    save(f'old_protocol{protocol}.pth', every, every, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
base = torch.arange(24.).view(4, 6)
views = {'base': base, 't': base.t(), 'part': base[1:3, 2:5], 'wide': base[:1].expand(3, 6), 'last': base[3, 5],
         'perm': torch.arange(24.).view(2, 3, 4).permute(2, 0, 1), 'channels_last': torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last)}
save('zip_views.pth', views, views)
save('old_views.pth', views, views, _use_new_zipfile_serialization=False)
parameter = {'p': nn.Parameter(torch.randn(3)), 'frozen': nn.Parameter(torch.randn(2), requires_grad=False)}
save('zip_parameter.pth', parameter, parameter)
save('old_parameter.pth', parameter, parameter, _use_new_zipfile_serialization=False)
net = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))
save('module.pth', net.state_dict(), net.state_dict())
wrapped = collections.OrderedDict(('module.' + k, v) for k, v in net.state_dict().items())
save('module_prefix.pth', {'state_dict': wrapped, 'meta': {'CLASSES': ['a', 'b']}}, wrapped)
save('module_prefix_old.pth', {'state_dict': wrapped}, wrapped, _use_new_zipfile_serialization=False)

optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
net(torch.randn(2, 2, 3, 3)).square().sum().backward()
optimizer.step()
hub = MessageHub.get_instance('tests')
for i in range(3):
    hub.update_scalar('train/loss', 1.0 / (i + 1))
hub.update_info('iter', 3)
hub.update_info('eta', np.float64(12.5))
hub.update_info('count', np.int32(-4))
state = {'meta': {'iter': 3, 'epoch': 0, 'seed': 2**33, 'cfg': 'model = dict()\n', 'time': '2024', 'big': 2**70, 'name': 'Größe'},
         'state_dict': net.state_dict(), 'message_hub': hub.state_dict(), 'optimizer': optimizer.state_dict(),
         'numbers': np.arange(6, dtype=np.float32).reshape(2, 3), 'order': np.asfortranarray(np.arange(6).reshape(2, 3))}
save('mmengine.pth', state, net.state_dict())
save('mmengine_old.pth', state, net.state_dict(), _use_new_zipfile_serialization=False)

# Archives that other tools packed again: deflated; with 64-bit sizes and unaligned; and one without checksums.
with zipfile.ZipFile(here / 'pth/mmengine.pth') as z, zipfile.ZipFile(here / 'pth/deflated.pth', 'w', zipfile.ZIP_DEFLATED) as d, \
        zipfile.ZipFile(here / 'pth/zip64.pth', 'w') as w:
    for entry in z.infolist():
        d.writestr(entry.filename, z.read(entry))
        with w.open(entry.filename, 'w', force_zip64=True) as f:
            f.write(z.read(entry))
note('deflated.pth', net.state_dict())
note('zip64.pth', net.state_dict())
torch.serialization.set_crc32_options(False)
save('no_checksums.pth', net.state_dict(), net.state_dict())
torch.serialization.set_crc32_options(True)

with open(here / 'pth.json', 'w') as f:
    text = ',\n'.join(f' {json.dumps(k)}: {json.dumps(v)}' for k, v in expected.items())
    f.write('{\n' + text.replace('Infinity', '1e999') + '\n}\n')  # JSON has no infinity


class Call:
    def __init__(self, f, *args):
        self.f, self.args = f, args

    def __reduce__(self):
        return self.f, self.args


import os
import subprocess
for name, call in {'system': Call(os.system, 'true'), 'eval': Call(eval, '1'), 'popen': Call(subprocess.Popen, 'true'),
                   'getattr': Call(getattr, 'text', 'upper'), 'unknown': Call(json.loads, '1')}.items():
    for old in False, True:
        torch.save({'state_dict': net.state_dict(), 'meta': {'x': [call]}}, here / 'pth' / f'refused_{name}{"_old" if old else ""}.pth',
                   _use_new_zipfile_serialization=not old)
torch.save(net, here / 'pth/whole_module.pth')
torch.save({'q': torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8)}, here / 'pth/quantised.pth')
torch.save({'c': torch.randn(2, dtype=torch.complex64)}, here / 'pth/complex.pth')
torch.jit.save(torch.jit.script(nn.ReLU()), str(here / 'pth/script.pth'))

# Plain pickles of numbers, as class_weight files hold them.
numbers = [0.5, 2, np.float32(1.25), np.int64(-3), 1e300, True]
for protocol in range(6):
    (here / f'pickle/list{protocol}.pkl').write_bytes(pickle.dumps(numbers, protocol))
    (here / f'pickle/array{protocol}.pkl').write_bytes(pickle.dumps(np.array([0.5, 2, -3], np.float64), protocol))
    (here / f'pickle/mixed{protocol}.pkl').write_bytes(pickle.dumps(
        {'t': ('ü', 'a\nb\\', b'\x00\xff', bytearray(b'xy')), 's': {1}, 'f': frozenset('a'), 'n': None, 'big': -2**80, 'i': -2**63,
         'o': collections.OrderedDict([('k', [])]), 'd': collections.defaultdict(list, {1: 2}), 'h': HistoryBuffer([1., 2.], [1, 1])}, protocol))
