"""Writes datasets.txt: what the reference's datasets are, and what becomes of classes= and palette=.

    python datasets.py 1 >  datasets.txt    # with mmseg 1.2.2
    python datasets.py 0 >> datasets.txt    # with mmseg 0.30.0
"""
import inspect
import logging
import re
import sys

SUBSETS = [('CityscapesDataset', ['car', 'road'], None),
           ('CityscapesDataset', ['sky', 'person', 'bus', 'wall'], None),
           ('PotsdamDataset', ['building', 'impervious_surface', 'low_vegetation', 'tree', 'clutter', 'car'], None),
           ('PotsdamDataset', ['tree', 'car'], [[i, i + 1, i + 2] for i in range(6)]),
           ('PotsdamDataset', None, None),
           ('BaseSegDataset', ['a', 'b', 'c'], None),
           ('BaseSegDataset', ['a', 'b'], [[1, 2, 3], [4, 5, 6]]),
           ('BaseSegDataset', [f'k{i}' for i in range(150)], None)]


def fnv(data):
    h = 0xcbf29ce484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001b3 % (1 << 64)
    return '%016x' % h


def describe(dialect, name, classes, palette, img, seg, zero):
    colours = fnv(bytes(int(v) for c in palette for v in c)) if palette is not None and len(palette) else '-'
    print('kind', dialect, name, len(classes), fnv('\n'.join(classes).encode()), colours, f'<{img}>', f'<{seg}>',
          int(zero))


def subset(dialect, name, classes, palette, label_map, colours):
    """label_map and colours as they come out; -1, which 0.x keeps in bytes, is written as 255."""
    ids = '-' if label_map is None else ' '.join(str(label_map[i] % 256) for i in sorted(label_map))
    if label_map is not None and all(k == v for k, v in label_map.items()):
        ids = '-'
    print('subset', dialect, name.replace('BaseSeg', 'Custom') if not dialect else name, '|', classes, '|', palette,
          '|', ids, '|', fnv(bytes(int(v) for c in colours for v in c)))


def new():
    import mmseg.datasets  # noqa: F401, fills the registry
    from mmseg.registry import DATASETS
    for name, cls in sorted(DATASETS.module_dict.items()):
        meta = getattr(cls, 'METAINFO', None)
        if meta is None or name == 'DSDLSegDataset':
            continue
        known = {k: p.default for c in reversed(cls.__mro__) if '__init__' in c.__dict__
                 for k, p in inspect.signature(c.__init__).parameters.items()}
        if name == 'REFUGEDataset':
            known['img_suffix'] = '.png'
        describe(1, name, meta.get('classes', ()), meta.get('palette'), known['img_suffix'], known['seg_map_suffix'],
                 known['reduce_zero_label'])
    for name, classes, palette in SUBSETS:
        meta = {k: v for k, v in (('classes', classes), ('palette', palette)) if v is not None}
        data = DATASETS.get(name)(metainfo=meta, lazy_init=True, pipeline=[])
        subset(1, name, classes, palette, data.label_map, data.metainfo['palette'])


def old():
    from mmseg.datasets import DATASETS
    for name, cls in sorted(DATASETS.module_dict.items()):
        if not hasattr(cls, 'CLASSES'):
            continue
        text = inspect.getsource(cls.__init__)
        img = re.search(r"img_suffix='([^']*)'", text)[1]
        seg = re.search(r"seg_map_suffix='([^']*)'", text)[1]
        if name == 'iSAIDDataset':
            seg = '_instance_color_RGB' + seg
        describe(0, name, cls.CLASSES or (), cls.PALETTE, img, seg, 'reduce_zero_label=True' in text)
    for name, classes, palette in SUBSETS:
        if classes is None:
            continue
        cls = DATASETS.get(name.replace('BaseSeg', 'Custom'))
        data = cls.__new__(cls)
        data.label_map = None
        _, colours = data.get_classes_and_palette(classes, palette)
        subset(0, name, classes, palette, data.label_map, colours)


logging.disable(logging.WARNING)
(new if int(sys.argv[1]) else old)()
