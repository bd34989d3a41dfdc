#!/usr/bin/env python3
"""Runs `cseg test` with the same arguments: $CSEG, else build/cseg beside this folder, else the one in PATH."""
import os
import shutil
import sys

built = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'build', 'cseg')
program = os.environ.get('CSEG') or (built if os.path.exists(built) else shutil.which('cseg'))
if not program:
    sys.exit('cseg was not found: run make, or set CSEG')
os.execv(program, [program, 'test'] + sys.argv[1:])
