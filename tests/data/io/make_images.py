#!/usr/bin/env python3
"""Makes images/ and images.tsv: small images of every kind, and what cv2.imdecode and PIL make of them.

usage: make_images.py DATA, the folder that holds water/scene.tif (and camvid/, whose images are named, not copied)
Each line of the table: file, mode, height, width, channels, type, FNV-1a-64 of the bytes; or "refused".
"""
import io
import pathlib
import sys

import cv2
import numpy as np
from PIL import Image

here = pathlib.Path(__file__).parent
data = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(5)
scene = cv2.imread(str(data / 'water/scene.tif'))[300:347, 500:561, ::-1].copy()
gray = cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)
index = (gray // 16).astype(np.uint8)
deep = (scene.astype(np.uint16) * 257) ^ rng.integers(0, 256, scene.shape).astype(np.uint16)
alpha = rng.integers(0, 256, gray.shape).astype(np.uint8)


def fnv(b):
    h = 0xcbf29ce484222325
    for c in b:
        h = ((h ^ c) * 0x100000001b3) & (2**64 - 1)
    return '%016x' % h


def pil(name, picture, **how):
    picture.save(here / 'images' / name, **how)


def cv(name, array, *how):
    assert cv2.imwrite(str(here / 'images' / name), array[..., ::-1] if array.ndim == 3 and array.shape[2] == 3 else array, list(how))


rgb = Image.fromarray(scene)
for sub in range(3):
    pil(f'rgb_sub{sub}.jpg', rgb, quality=90, subsampling=sub)
pil('progressive.jpg', rgb, quality=75, progressive=True)
pil('gray.jpg', Image.fromarray(gray), quality=85)
pil('cmyk.jpg', rgb.convert('CMYK'), quality=90)
pil('keep_rgb.jpg', rgb, quality=90, keep_rgb=True)
for o in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = o
    pil(f'orientation{o}.jpg', rgb.crop((0, 0, 13, 9)), quality=90, exif=exif)
exif = Image.Exif()
exif[0x0112] = 6
pil('orientation6.png', rgb.crop((0, 0, 13, 9)), exif=exif)
pil('rgb.png', rgb)
pil('gray.png', Image.fromarray(gray))
pil('bilevel.png', Image.fromarray(gray > 100))
palette = Image.fromarray(index, 'P')
palette.putpalette(rng.integers(0, 256, 48).astype(np.uint8).tobytes())
pil('palette8.png', palette)
pil('palette4.png', palette, bits=4)
pil('palette_trns.png', palette, transparency=3)
pil('gray_alpha.png', Image.fromarray(np.dstack([gray, alpha]), 'LA'))
pil('rgba.png', Image.fromarray(np.dstack([scene, alpha]), 'RGBA'))
pil('gray_trns.png', Image.fromarray(gray), transparency=int(gray[3, 4]))
pil('rgb_trns.png', rgb, transparency=tuple(int(v) for v in scene[5, 6]))
cv('gray16.png', deep[..., 0])
cv('rgb16.png', deep)
cv('rgba16.png', np.dstack([deep, deep[..., :1]]))
pil('rgb.tif', rgb, compression='tiff_lzw')
pil('gray.tif', Image.fromarray(gray), compression='tiff_deflate')
pil('palette.tif', palette)
# PIL writes colours times 256, which some versions of GDAL read one level darker; the standard means times 257.
colours = np.zeros((256, 3), '<u2')
colours[:16] = np.array(palette.getpalette()[:48]).reshape(16, 3)
path = here / 'images/palette.tif'
old = path.read_bytes()
at = old.index((colours[:16, 0] * 256).tobytes())
path.write_bytes(old[:at] + (colours.T * 257).astype('<u2').tobytes() + old[at + 1536:])
cv('gray16.tif', deep[..., 0])
cv('rgb16.tif', deep)
cv('float.tif', (deep[..., 0] / 7).astype(np.float32))
pil('rgb.bmp', rgb.crop((0, 0, 13, 9)))
pil('palette.gif', palette.crop((0, 0, 13, 9)))


def interlaced(name, array):
    """An Adam7 PNG; no writer here makes one, so by hand."""
    import struct
    import zlib
    h, w = array.shape[:2]
    rows = b''
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = array[y0::dy, x0::dx]
        if part.size:
            rows += b''.join(b'\0' + r.tobytes() for r in part)
    chunk = lambda t, d: struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))
    (here / 'images' / name).write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 2, 0, 0, 1))
                                         + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def shallow(name, bits):
    """Gray of 2 or 4 bits, by hand too."""
    import struct
    import zlib
    h, w = index.shape
    per = 8 // bits
    v = index >> (4 - bits)
    v = np.pad(v, ((0, 0), (0, -w % per))).reshape(h, -1, per)
    packed = sum(v[..., i].astype(int) << (8 - bits * (i + 1)) for i in range(per)).astype(np.uint8)
    rows = b''.join(b'\0' + r.tobytes() for r in packed)
    chunk = lambda t, d: struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))
    (here / 'images' / name).write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, bits, 0, 0, 0, 0))
                                         + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


interlaced('interlaced.png', scene)
shallow('gray2.png', 2)
shallow('gray4.png', 4)

modes = {'color': cv2.IMREAD_COLOR, 'grayscale': cv2.IMREAD_GRAYSCALE, 'unchanged': cv2.IMREAD_UNCHANGED,
         'color_ignore_orientation': cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION}
out = open(here / 'images.tsv', 'w')


def line(name, mode, a):
    if a is None:
        print(name, mode, 'refused', sep='\t', file=out)
        return
    a = a.astype(np.uint8) if a.dtype == bool else a
    h, w, c = a.shape if a.ndim == 3 else (*a.shape, 1)
    print(name, mode, h, w, c, a.dtype, fnv(a.tobytes()), sep='\t', file=out)


for path in sorted((here / 'images').iterdir()):
    b = path.read_bytes()
    for mode, flag in modes.items():
        line('images/' + path.name, mode, cv2.imdecode(np.frombuffer(b, np.uint8), flag))
    if path.suffix == '.png' or path.name == 'palette.tif':
        a = np.array(Image.open(io.BytesIO(b)))
        if a.ndim == 3 and a.shape[2] >= 3:
            a[..., :3] = a[..., 2::-1]
        line('images/' + path.name, 'pillow', a)
for path in sorted((data / 'camvid/images/val').iterdir())[:4] + sorted((data / 'camvid/annotations/val').iterdir())[:2]:
    b = path.read_bytes()
    name = str(path.relative_to(data))
    line(name, 'color', cv2.imdecode(np.frombuffer(b, np.uint8), cv2.IMREAD_COLOR))
    if path.suffix == '.png':
        line(name, 'pillow', np.array(Image.open(io.BytesIO(b))))
