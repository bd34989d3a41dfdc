#!/usr/bin/env python3
"""Writes src/model/reference_kinds.h: the names of the kinds that MMSegmentation and Open-CD have.

    tools/reference_kinds.py --python V1/bin/python --python V0/bin/python --configs ocd.config.ndjson.gz

--python is an interpreter that has an MMSegmentation installed: once for 1.2.2, once for 0.30.0. Their registries are
asked. --configs are resolved configs, a line of JSON each, as the goldens have them; what their models are made of is
taken, which stands for Open-CD, whose package is not needed so. With the same versions the file comes out the same.
"""
import argparse
import gzip
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = os.path.join(HERE, "..", "src", "model", "reference_kinds.h")
FOLDERS = {"segmentors": "SEGMENTOR", "backbones": "BACKBONE", "necks": "NECK", "decode_heads": "HEAD",
           "losses": "LOSS", "sampler": "SAMPLER", "text_encoder": "PART"}
# Registered beside the heads, but only what one of them is made of.
PARTS = ("KernelUpdateHead", "KernelUpdator", "GeneralSCDHead")
TOP = """/* The kinds that MMSegmentation 1.2.2 and 0.30.0 and Open-CD have, whether they are here or not, so that a message can
 * tell a kind that is missing here from one that is misspelt: REFERENCE_KIND(FAMILY, type). Written by
 * tools/reference_kinds.py; a new kind here changes nothing in it. */
"""

# Runs inside an environment of MMSegmentation: a line for each registered class that its package offers to others
# (parts of one model alone, as UNet's DeconvModule, it keeps to itself).
ASK = """
import importlib, mmseg.models
try:
    from mmseg.registry import MODELS, TASK_UTILS as SAMPLERS
    samplers = "mmseg.structures.sampler"
except ImportError:
    from mmseg.core.seg.builder import PIXEL_SAMPLERS as SAMPLERS
    from mmseg.models.builder import MODELS
    samplers = "mmseg.core.seg.sampler"
for folder in %r:
    registry, path = (SAMPLERS, samplers) if folder == "sampler" else (MODELS, "mmseg.models." + folder)
    try:
        package = importlib.import_module(path)
    except ImportError:  # 0.30.0 has no text encoders
        continue
    for name, kind in registry.module_dict.items():
        if kind.__module__.startswith(path + ".") and name in package.__all__ and not name.startswith("Base"):
            print("KIND", folder, name)
""" % list(FOLDERS)


def ask(python):
    text = subprocess.run([python, "-c", ASK], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {(FOLDERS[line.split()[1]], line.split()[2]) for line in text.splitlines() if line.startswith("KIND ")}


def family_of(key):
    if key in ("model", "segmentor"):
        return "SEGMENTOR"
    for word, family in (("backbone", "BACKBONE"), ("neck", "NECK"), ("sampler", "SAMPLER"), ("loss", "LOSS"),
                         ("head", "HEAD")):
        if word in key:
            return family
    return None


def collect(key, v, kinds):
    """What stands under a key is of the family that the key tells; a list's items stand under the list's key."""
    if isinstance(v, list):
        for item in v:
            collect(key, item, kinds)
    elif isinstance(v, dict):
        scope, _, name = str(v.get("type", "")).rpartition(".")
        if name and family_of(key) and scope in ("", "mmseg", "opencd") and v.get("_scope_") in (None, "opencd", "mmseg"):
            kinds.add((family_of(key), name))
        for inner, item in v.items():
            collect(inner, item, kinds)


def read(path):
    kinds = set()
    with gzip.open(path, "rt") as lines:
        for line in lines:
            resolved = json.loads(line).get("resolved") or {}
            collect("model", resolved.get("model"), kinds)
    return kinds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", required=True)
    parser.add_argument("--configs", action="append", default=[])
    given = parser.parse_args()
    kinds = set()
    for found in [ask(p) for p in given.python] + [read(p) for p in given.configs]:
        kinds |= {("PART" if name in PARTS else family, name) for family, name in found}
    order = [*FOLDERS.values(), "PART"]
    with open(HEADER, "w") as out:
        out.write(TOP)
        for family, name in sorted(kinds, key=lambda k: (order.index(k[0]), k[1])):
            out.write(f"REFERENCE_KIND({family}, {name})\n")
    print(f"{os.path.normpath(HEADER)}: {len(kinds)} kinds")


main()
