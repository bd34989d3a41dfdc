"""Loads a checkpoint that cseg wrote, as users do, and prints what is in it. usage: check_pth.py FILE"""
import sys

import torch


def show(v, indent=''):
    if isinstance(v, torch.Tensor):
        assert v.is_contiguous()
        print(indent, v.dtype, tuple(v.shape), v.reshape(-1).tolist(), v.data_ptr() % 16)
    elif isinstance(v, dict):
        print(indent, type(v).__name__)
        for k, x in v.items():
            print(indent, repr(k))
            show(x, indent + ' ')
    elif isinstance(v, (list, tuple)):
        print(indent, type(v).__name__)
        for x in v:
            show(x, indent + ' ')
    else:
        print(indent, repr(v))


loaded = torch.load(sys.argv[1], map_location='cpu', weights_only=True)
show(loaded)
shared = loaded['state_dict']['shared']
shared += 1
print('shared', torch.equal(shared, loaded['again']))
