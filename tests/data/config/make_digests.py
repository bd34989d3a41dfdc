#!/usr/bin/env python3
"""Writes the digests that tests/unit/config/test_reference.c compares with.

    make_digests.py GOLDEN.ndjson[.gz] > tests/data/config/VERSION.txt

GOLDEN holds lines {"config": PATH, "resolved": {...}} as the reference resolves its own configs. A digest is the
FNV-1a hash of the resolved config as one line of JSON, keys in the reference's order.
"""
import gzip
import json
import sys


def fnv1a64(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


path = sys.argv[1]
with (gzip.open(path, 'rt') if path.endswith('.gz') else open(path)) as f:
    for line in map(json.loads, f):
        if 'resolved' in line:
            text = json.dumps(line['resolved'], ensure_ascii=False)
            print(line['config'], '%016x' % fnv1a64(text.encode()))
