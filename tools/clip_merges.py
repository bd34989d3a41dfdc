#!/usr/bin/env python3
"""Derives src/model/text/clip_merges.bin from CLIP's vocabulary: tools/clip_merges.py bpe_simple_vocab_16e6.txt.gz

The file lies in github.com/openai/CLIP (clip/) and in MMSegmentation's package (mmseg/utils/). CLIP uses the first 48,894
of its merges. Each becomes the two tokens that it joins, two bytes each, the low byte first; its own token is its rank
plus 512. Characters stand for bytes, those that can be seen in Latin-1 first.
"""
import gzip
import os
import struct
import sys

MERGES = 49152 - 256 - 2
OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'src/model/text/clip_merges.bin')


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in seen] + [chr(256 + i) for i in range(256 - len(seen))]
    token = {letter: i for i, letter in enumerate(letters)}
    token.update({letter + '</w>': 256 + i for i, letter in enumerate(letters)})
    with gzip.open(sys.argv[1], 'rt', encoding='utf-8') as f:
        lines = f.read().split('\n')[1:MERGES + 1]
    with open(OUT, 'wb') as f:
        for line in lines:
            first, second = line.split()
            f.write(struct.pack('<HH', token[first], token[second]))
            token[first + second] = len(token)
    if len(token) != 512 + MERGES:
        sys.exit('two merges make the same token: this is not CLIP\'s vocabulary')


if __name__ == '__main__':
    main()
