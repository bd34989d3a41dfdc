#!/usr/bin/env python3
"""Makes safetensors/: what pth/zip_protocol2.pth holds, as the safetensors package and as numpy write it; and a TorchScript
program with its state dict. Needs torch, numpy and safetensors. usage: make_safetensors.py"""
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
every = torch.load(here / 'pth/zip_protocol2.pth')
save_file(every, here / 'safetensors/every.safetensors', metadata={'format': 'pt', 'note': 'a "quoted" {brace}'})
save_file({'Größe': torch.ones(1), 'a"b\\c': torch.zeros(2, dtype=torch.int16)}, here / 'safetensors/names.safetensors')
save_file({'f8': torch.zeros(3, dtype=torch.float8_e5m2)}, here / 'safetensors/float8.safetensors')
arrays = {k: v.numpy() for k, v in every.items() if v.dtype != torch.bfloat16}
np.savez(here / 'safetensors/every.npz', **arrays)
np.savez_compressed(here / 'safetensors/packed.npz', **arrays)
order = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
np.savez(here / 'safetensors/order.npz', **{'a/rows': order, 'a/columns': np.asfortranarray(order), 'swapped': order.astype('<f4')})
np.savez(here / 'safetensors/big_endian.npz', x=order.astype('>f4'))
np.savez(here / 'safetensors/unsigned.npz', x=order.astype('u4'))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Parameter(torch.randn(3, 2))
        self.register_buffer('size', torch.tensor(224))
        self.norm = torch.nn.LayerNorm(4)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 2), torch.nn.Sequential(torch.nn.GELU(), torch.nn.Linear(2, 2))])
        self.heads = 3

    def forward(self, x):
        return self.norm(x)


torch.manual_seed(1)
net = torch.jit.script(Net().half())
torch.jit.save(net, str(here / 'safetensors/script.pt'))
save_file(dict(net.state_dict()), here / 'safetensors/script.safetensors')
