"""Makes the tiny datasets of tests/unit/data/test_convert.c, and what the reference's converters make of them.

    python make_convert.py sources          # writes convert/
    python make_convert.py goldens TOOLS    # writes convert.txt; TOOLS is tools/dataset_converters of mmseg 1.2.2

The second needs mmseg's environment with scipy, nibabel, pycocotools and cityscapesscripts. The counts that the tools
insist on are made smaller, iSAID's labels are saved as grayscale (Pillow 13 loses the values of palette images
without a palette), and of the Detail API only what PASCAL Context needs is here.
"""
import gzip
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, 'convert')
R = np.random.RandomState(7)


def img(h, w, c=3):
    base = R.randint(0, 256, (h // 4 + 2, w // 4 + 2, c)).astype(np.uint8)
    return np.repeat(np.repeat(base, 4, 0), 4, 1)[:h, :w].squeeze()


def vessels(h, w):
    return (img(h, w, 1) > 128).astype(np.uint8) * 255


def enc(a, fmt, **how):
    b = io.BytesIO()
    (a if isinstance(a, Image.Image) else Image.fromarray(a)).save(b, fmt, **how)
    return b.getvalue()


def mode(a, m):
    return Image.fromarray(a).convert(m)


def put(path, data):
    path = os.path.join(ROOT, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def put_zip(path, files):
    b = io.BytesIO()
    with zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED) as z:
        for name, data in files:
            z.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    put(path, b.getvalue())


def put_tar(path, files):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode='w') as t:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    put(path, b.getvalue())


def aerial():
    for s in ['Train', 'Val', 'Test']:
        files = [(f'{s}/', b'')]
        for k, place in enumerate(['Rural', 'Urban']):
            files.append((f'{s}/{place}/images_png/{k}.png', enc(img(4, 5), 'PNG')))
            if s != 'Test':
                files.append((f'{s}/{place}/masks_png/{k}.png', enc(img(4, 5, 1) % 8, 'PNG')))
        put_zip(f'loveda/{s}.zip', files)
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255],
                        [0, 0, 255], [10, 20, 30], [255, 0, 255]], np.uint8)

    def label(h, w):
        return colours[img(h, w, 1) % len(colours)]

    sizes = [(22, 27), (16, 16), (19, 33)]
    names = ['2_10', '2_13', '7_9']
    put_zip('potsdam/2_Ortho_RGB.zip', [(f'2_Ortho_RGB/top_potsdam_{n}_RGB.tif', enc(img(*s), 'TIFF'))
                                        for n, s in zip(names, sizes)])
    put_zip('potsdam/5_Labels_all.zip', [(f'top_potsdam_{n}_label.tif', enc(label(*s), 'TIFF', compression='tiff_lzw'))
                                         for n, s in zip(names, sizes)])
    names = ['area1', 'area2', 'area30']
    title = 'ISPRS_semantic_labeling_Vaihingen'
    put_zip(f'vaihingen/{title}.zip', [(f'top/top_mosaic_09cm_{n}.tif', enc(img(*s), 'TIFF'))
                                       for n, s in zip(names, sizes)] + [('gts/top_mosaic_09cm_area1.tif', b'x')])
    put_zip(f'vaihingen/{title}_ground_truth_eroded_COMPLETE.zip',
            [(f'top_mosaic_09cm_{n}_noBoundary.tif', enc(label(*s), 'TIFF'))
             for n, s in zip(names + ['area9'], sizes + [(16, 16)])])
    steps = [0, 63, 127, 191, 255]
    colours = np.array([(r, g, b) for r in (0, 1) for g in steps for b in steps] + [(0, 100, 155)], np.uint8)
    sizes = [(25, 40), (10, 30), (30, 10), (10, 7)]
    for part, names in [('train', ['P0000', 'P0001', 'P0002', 'P0005']), ('val', ['P0003']), ('test', ['P0006'])]:
        images = [(f'images/{n}.png', enc(img(*s), 'PNG')) for n, s in zip(names, sizes)]
        put_zip(f'isaid/{part}/images/part1.zip', images[:2])
        if images[2:]:
            put_zip(f'isaid/{part}/images/part2.zip', images[2:])
        if part != 'test':
            put_zip(f'isaid/{part}/Semantic_masks/images.zip',
                    [(f'images/{n}_instance_color_RGB.png', enc(colours[img(*s, 1) % len(colours)], 'PNG'))
                     for n, s in zip(names, sizes)])
    for part in ['train', 'val', 'test']:
        for kind in ['A', 'B', 'label']:
            put(f'levircd/{part}/{kind}/{part}_1.png',
                enc(img(20, 24) if kind != 'label' else (img(20, 24, 1) > 100).astype(np.uint8) * 255, 'PNG'))


def retina():
    put_zip('drive/training.zip',
            [('training/images/21_training.tif', enc(img(9, 8), 'TIFF')),
             ('training/1st_manual/21_manual1.gif', enc(vessels(9, 8), 'GIF')),
             ('training/mask/21_training_mask.gif', b'x')])
    put_zip('drive/test.zip',
            [('test/images/01_test.tif', enc(img(9, 8), 'TIFF')),
             ('test/1st_manual/01_manual1.gif', enc(vessels(9, 8), 'GIF')),
             ('test/2nd_manual/01_manual2.gif', enc(img(9, 8, 1), 'GIF'))])
    names = [f'im{i:04d}' for i in range(1, 21)]

    def packed(a):
        return gzip.compress(enc(a, 'PPM'), mtime=0)

    put_tar('stare/stare-images.tar', [(f'./{n}.ppm.gz', packed(img(3, 4))) for n in names])
    put_tar('stare/labels-ah.tar', [(f'{n}.ah.ppm.gz', packed(mode(vessels(3, 4), 'RGB'))) for n in names])
    put_tar('stare/labels-vk.tar', [(f'{n}.vk.ppm.gz', packed(img(3, 4, 1))) for n in names])
    for name in ['stare-images', 'labels-ah', 'labels-vk']:  # .tar that is gzipped, as tarfile.open takes it too
        path = os.path.join(ROOT, 'stare', name + '.tar')
        data = open(path, 'rb').read()
        put(f'stare/{name}.tar', gzip.compress(data, mtime=0))
    files = []
    for i in range(1, 15):
        for eye in 'LR':
            files += [(f'Image_{i:02d}{eye}.jpg', enc(img(6, 7), 'PNG')),
                      (f'Image_{i:02d}{eye}_1stHO.png', enc(mode(vessels(6, 7), '1'), 'PNG')),
                      (f'Image_{i:02d}{eye}_2ndHO.png', enc(img(6, 7, 1), 'PNG'))]
    put_zip('chase_db1/CHASEDB1.zip', files)
    for kind, c in [('healthy', 'h'), ('glaucoma', 'g'), ('diabetic_retinopathy', 'dr')]:
        put_zip(f'hrf/{kind}.zip',
                [(f'{i:02d}_{c}.{"jpg" if i % 2 else "JPG"}',
                  enc(img(17, 18), 'JPEG', subsampling=i) if i < 3 else enc(img(3, 4), 'PNG')) for i in range(1, 16)])
        put_zip(f'hrf/{kind}_manualsegm.zip',
                [(f'{i:02d}_{c}.tif', enc([mode(vessels(3, 4), '1'), img(3, 4, 1), mode(vessels(3, 4), 'RGB')][i % 3],
                                          'TIFF')) for i in range(1, 16)])
    gray = np.array([0, 128, 255, 7], np.uint8)
    put_zip('refuge/REFUGE-Training400.zip',
            [('Training400/Glaucoma/g0001.jpg', enc(img(9, 8), 'JPEG')),
             ('Training400/Non-Glaucoma/n0001.jpg', enc(img(9, 8), 'JPEG')),
             ('__MACOSX/Training400/Glaucoma/._g0001.jpg', b'x'), ('Training400/top.jpg', b'x')])
    put_zip('refuge/Annotation-Training400.zip',
            [('Annotation-Training400/Disc/Glaucoma/g0001.bmp', enc(gray[img(9, 8, 1) % 4], 'BMP')),
             ('Annotation-Training400/Disc/Non-Glaucoma/n0001.bmp', enc(mode(gray[img(9, 8, 1) % 4], 'RGB'), 'BMP')),
             ('Annotation-Training400/Illustration/x.jpg', b'x'), ('Annotation-Training400/Fovea.xlsx', b'y')])
    put_zip('refuge/REFUGE-Validation400.zip', [('REFUGE-Validation400/V0001.jpg', enc(img(9, 8), 'JPEG'))])
    put_zip('refuge/REFUGE-Validation400-GT.zip', [('Disc_Cup_Masks/V0001.bmp', enc(gray[img(9, 8, 1) % 3], 'BMP'))])
    put_zip('refuge/REFUGE-Test400.zip', [('Test400/T0001.jpg', enc(img(9, 8), 'JPEG'))])
    put_zip('refuge/REFUGE-Test-GT.zip', [('T0001.bmp', enc(gray[img(9, 8, 1) % 3], 'BMP'))])


def cityscapes():
    names = ['road', 'sidewalk', 'car', 'cargroup', 'license plate', 'ego vehicle', 'sky', 'person', 'polegroup', 'train']
    for city in ['train/aachen', 'train/bochum', 'val/munster', 'test/berlin']:
        objects = []
        for k in range(24):
            n = R.randint(3, 9) if k % 3 else R.randint(8, 30)
            points = (R.randint(-10, 60, 2) + R.randint(-20, 20, (n, 2))).tolist()
            if k % 7 == 0:
                points = [[x + 0.7, y - 0.2] for x, y in points]
            if k % 5 == 0:
                points[1][1] = points[2][1] = points[0][1]
            if k % 4 == 0:
                points.append(points[0])
            one = {'label': names[R.randint(len(names))], 'polygon': points}
            if k in (3, 4):
                one['deleted'] = int(k == 3)
            objects.append(one)
        put(f'cityscapes/gtFine/{city}/{city.split("/")[1]}_000000_000019_gtFine_polygons.json',
            json.dumps({'imgHeight': 40, 'imgWidth': 60, 'objects': objects}))


def coco():
    for s in ['train2017', 'val2017']:
        put(f'coco_stuff164k/annotations/{s}/000001.png', enc(np.arange(256, dtype=np.uint8).reshape(16, 16), 'PNG'))
        put(f'coco_stuff164k/images/{s}/000001.jpg', enc(img(9, 8), 'JPEG'))
    from scipy.io import savemat
    for s, kind, packs in [('train', np.uint8, False), ('test', np.float64, True)]:
        name = f'COCO_train2014_0000000{len(s)}'
        put(f'coco_stuff10k/imageLists/{s}.txt', name + '\n')
        put(f'coco_stuff10k/images/{name}.jpg', enc(img(9, 8), 'JPEG'))
        b = io.BytesIO()
        words = np.empty((2, 1), object)
        words[:, 0] = ['a', 'long one']
        savemat(b, {'captions': words, 'S': np.arange(183).reshape(3, 61).astype(kind), 'z': 1.5}, do_compression=packs)
        put(f'coco_stuff10k/annotations/{name}.mat', b.getvalue())


def voc():
    import scipy.sparse
    from scipy.io import savemat
    put('voc_aug/aug/dataset/train.txt', 'a\nb\nc\n')
    put('voc_aug/aug/dataset/val.txt', 'd\n')
    put('voc_aug/devkit/VOC2012/ImageSets/Segmentation/train.txt', 'a\nh\n')
    put('voc_aug/devkit/VOC2012/ImageSets/Segmentation/val.txt', 'b\ni\n')
    for i, n in enumerate('abcd'):
        b = io.BytesIO()
        edges = np.empty((2, 1), object)
        edges[0, 0] = scipy.sparse.csc_matrix((R.rand(7, 9) > .8).astype(float))
        edges[1, 0] = scipy.sparse.csc_matrix((7, 9))
        savemat(b, {'GTcls': {'Boundaries': edges, 'Segmentation': img(7, 9, 1) % 21,
                              'CategoriesPresent': np.array([[1., 2.]])}}, do_compression=i % 2 == 0)
        put(f'voc_aug/aug/dataset/cls/{n}.mat', b.getvalue())


def pascal_context():
    from pycocotools.mask import encode
    put('pascal_context/devkit/VOC2010/JPEGImages/none', '')
    categories = [2, 9, 18, 259, 458, 105, 113]
    images, regions = [], []
    for i in range(5):
        h, w = 20 + i, 25
        images.append({'file_name': f'2008_00000{i}.jpg', 'phase': ['train', 'val', 'test'][i % 3], 'height': h,
                       'width': w, 'image_id': 2008000000 + i, 'a "x\\" ]}': [1, {'b': ']'}]})
        for k in range(4 if i != 3 else 0):
            m = np.asfortranarray((img(h, w, 1) > 90 + 20 * k).astype(np.uint8))
            regions.append({'id': 100 * i + k, 'image_id': 2008000000 + i, 'category_id': categories[(i + k) % 7],
                            'segmentation': {'counts': encode(m)['counts'].decode(), 'size': [h, w]}})
    R.shuffle(regions)
    put('pascal_context/trainval_merged.json',
        json.dumps({'info': {'x': 'annos_segmentation'}, 'images': images, 'annos_segmentation': regions}))


def nyu():
    files = []
    for s in ['train', 'test']:
        files += [(f'nyu/kitchen_{s}/rgb_00001.jpg', enc(img(9, 8), 'JPEG')),
                  (f'nyu/kitchen_{s}/sync_depth_00001.png', enc(R.randint(0, 65536, (9, 8)).astype(np.uint16), 'PNG')),
                  (f'nyu/nyu_{s}.txt', f'/kitchen_{s}/rgb_00001.jpg /kitchen_{s}/sync_depth_00001.png 518.8579\n\n')]
    put_zip('nyu/nyu.zip', files)


def synapse():
    def volume(a, code, slope, inter):
        h = bytearray(352)
        struct.pack_into('<i', h, 0, 348)
        struct.pack_into('<8h', h, 40, 3, *a.shape, 1, 1, 1, 1)
        struct.pack_into('<hh', h, 70, code, a.dtype.itemsize * 8)
        struct.pack_into('<8f', h, 76, *([1.] * 8))
        struct.pack_into('<fff', h, 108, 352., slope, inter)
        h[344:348] = b'n+1\0'
        return gzip.compress(bytes(h) + a.tobytes(order='F'), mtime=0)

    size = (18, 20, 2)
    for i, a, code, slope, inter in [(5, R.randint(-1024, 1500, size).astype(np.int16), 4, 1., 0.),
                                     (6, R.randint(0, 4000, size).astype(np.uint16), 512, .37, -500.25),
                                     (31, (R.randn(*size) * 200).astype(np.float32), 16, 0., 0.)]:
        put(f'synapse/img/img{i:04d}.nii.gz', volume(a, code, slope, inter))
        put(f'synapse/label/label{i:04d}.nii.gz',
            volume(R.randint(0, 14, size).astype(np.uint8), 2, float('nan') if i == 5 else 1., 0.))
    put('synapse/train.txt', 'img0005.nii.gz\nimg0006.nii.gz\n')
    put('synapse/val.txt', 'img0031.nii.gz\n')


DETAIL = '''
import json
import numpy as np
from pycocotools.mask import decode
class Detail:
    def __init__(self, path, folder, phase):
        self.data, self.phase = json.load(open(path)), phase
    def getImgs(self):
        return [i for i in self.data['images'] if i['phase'] == self.phase]
    def getMask(self, img):
        mask = np.zeros((img['height'], img['width']))
        for a in self.data['annos_segmentation']:
            if a['image_id'] == img['image_id']:
                mask[np.nonzero(decode(a['segmentation']))] = a['category_id']
        return mask
'''

# {s}: the sources; {o}: the output, which the C test knows by the same name.
RUNS = [('loveda', '{s} -o {o}'), ('potsdam', '{s} -o {o} --clip_size 16 --stride_size 8'),
        ('vaihingen', '{s} -o {o} --clip_size 16 --stride_size 8'),
        ('isaid', '{s} -o {o} --patch_width 16 --patch_height 20 --overlap_area 5'),
        ('levircd', '--dataset_path {s} -o {o} --clip_size 16 --stride_size 16'),
        ('drive', '{s}/training.zip {s}/test.zip -o {o}'),
        ('stare', '{s}/stare-images.tar {s}/labels-ah.tar {s}/labels-vk.tar -o {o}'),
        ('chase_db1', '{s}/CHASEDB1.zip -o {o}'),
        ('hrf', ' '.join('{s}/%s.zip {s}/%s_manualsegm.zip' % (k, k)
                         for k in ['healthy', 'glaucoma', 'diabetic_retinopathy']) + ' -o {o}'),
        ('refuge', '--raw_data_root {s} -o {o}'), ('cityscapes', '{o}'), ('coco_stuff164k', '{s} -o {o} --nproc 1'),
        ('coco_stuff10k', '{s} -o {o} --nproc 1'), ('voc_aug', '{o}/devkit {o}/aug'), ('nyu', '{s}/nyu.zip -o {o}'),
        ('synapse', '--dataset-path {s} --save-path {o}'), ('pascal_context', '{o}/devkit {o}/trainval_merged.json')]
IN_PLACE = ['cityscapes', 'voc_aug', 'pascal_context']


def fnv(data):
    h = 0xcbf29ce484222325
    for b in data:
        h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
    return h


def describe(path):
    if path.endswith(('.png', '.jpg')):
        a = np.asarray(Image.open(path))
        h, w, c = a.shape + (1,) * (3 - a.ndim)
        return f'{h} {w} {c} {fnv(a.tobytes()):016x}'
    return f'0 0 0 {fnv(b"".join(sorted(open(path, "rb")))):016x}'


def goldens(tools):
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        open(f'{tmp}/detail.py', 'w').write(DETAIL)
        for name, args in RUNS:
            text = open(f'{tools}/{name}.py').read()
            text = re.sub(r'(?m)^COCO_LEN = .*', 'COCO_LEN = 2', re.sub(r'(?m)^AUG_LEN = .*', 'AUG_LEN = 4', text))
            open(f'{tmp}/{name}.py', 'w').write(text.replace("mode='P')", "mode='L')"))
            source, out = f'{ROOT}/{name}', f'{tmp}/out/{name}'
            if name in IN_PLACE:
                shutil.copytree(source, out)
            os.makedirs(f'{tmp}/out', exist_ok=True)
            subprocess.run([sys.executable, f'{tmp}/{name}.py'] + args.format(s=source, o=out).split(), check=True,
                           cwd=tmp, stdout=subprocess.DEVNULL, env=dict(os.environ, PYTHONPATH=f'{tmp}:' +
                                                                        os.environ.get('PYTHONPATH', '')))
            for folder, _, files in os.walk(out):
                for f in files:
                    path = os.path.join(folder, f)
                    below = os.path.relpath(path, out)
                    if name not in IN_PLACE or not os.path.exists(os.path.join(source, below)):
                        rows.append(f'{name} {below} {describe(path)}\n')
    open(os.path.join(HERE, 'convert.txt'), 'w').writelines(sorted(rows))


if __name__ == '__main__':
    if sys.argv[1] == 'sources':
        shutil.rmtree(ROOT, ignore_errors=True)
        for make in [aerial, retina, cityscapes, coco, voc, pascal_context, nyu, synapse]:
            make()
    else:
        goldens(sys.argv[2])
