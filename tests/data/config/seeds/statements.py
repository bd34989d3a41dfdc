import os.path as osp
from math import pi
a, *b = [1, 2, 3]
for i, x in enumerate(b):
    a += i * x if x > 2 else -1
while a < 9:
    a += 1
d = {**dict(k='%05.2f' % pi), 1: {2, 3}}
d.update(path=osp.join('a', 'b').replace('/', '-'), l=b[::-1])
