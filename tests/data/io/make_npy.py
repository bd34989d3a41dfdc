#!/usr/bin/env python3
"""Makes npy/: arrays as NumPy writes them. usage: make_npy.py"""
import pathlib

import numpy as np

here = pathlib.Path(__file__).parent / 'npy'
half = np.arange(6).reshape(2, 3) / 2


def save(name, array, version=(1, 0)):
    with open(here / f'{name}.npy', 'wb') as f:
        np.lib.format.write_array(f, array, version)


save('f4_v1', half.astype('<f4'))
save('f8_v2', half, (2, 0))
save('f8_v3_fortran', np.asfortranarray(half), (3, 0))
save('f4_big', np.array([1.5, -2], '>f4'))
save('i8', np.array([-5, 2**40]))
save('i2_big', np.array([-300, 300], '>i2'))
save('u1', np.array([[[255], [0]]], np.uint8))
save('b1', np.array([True, False]))
save('f2', np.array([0.5, 65504], np.float16))
save('scalar', np.array(7.0))
save('empty', np.zeros((0, 3), np.float32))
save('object', np.array([None, 'a'], object))
save('fields', np.zeros(2, [('a', 'f4'), ('b', 'i4')]))
