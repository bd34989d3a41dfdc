#!/bin/bash
# A config computes and does nothing else: no file is opened but configs and what is named to be read, none is written,
# nothing runs. Files of class weights hold numbers.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
echo secret > secret.txt
touch hostile.py out.txt err.txt
echo "stolen = True" > own_module.py
refused() { # TEXT MESSAGE: a config with that text is refused by name, and nothing has come into being
    printf '%s\n' "$1" > hostile.py
    before=$(find . | sort)
    run "${3:-1}" "$CSEG" config hostile.py
    says_error "hostile.py:"
    says_error "$2"
    check "nothing came into being: $1" [ "$before" = "$(find . | sort)" ]
    check "nothing was told: $1" [ "$(cat out.txt err.txt | grep -c '^secret')" -eq 0 ]
}
no="is not part of the config language"
refused "x = open('secret.txt').read()" "$no"
refused "x = eval('1')" "$no"
refused "exec('x = 1')" "$no"
refused "x = compile('1', 'a', 'eval')" "$no"
refused "x = __import__('os').system('touch stolen')" "$no"
refused "import os; os.system('touch stolen')" "'os.system'"
refused "import os; os.remove('secret.txt')" "'os.remove'"
refused "import os; x = os.listdir('.')" "'os.listdir'"
refused "import os; x = os.popen('touch stolen')" "'os.popen'"
refused "from os import system; system('touch stolen')" "system"
refused "import subprocess; subprocess.run(['touch', 'stolen'])" "subprocess"
refused "import shutil; shutil.rmtree('tiles')" "shutil"
refused "from pathlib import Path; x = Path('secret.txt').read_text()" "pathlib"
refused "import socket; x = socket.socket()" "socket"
refused "x = ().__class__.__bases__" "__class__"
refused "x = '{0.__class__}'.format(1)" "__class__"
refused "x = getattr((), '__class__')" "__class__"
refused "x = (lambda: 1)()" "lambda"
refused "with open('secret.txt') as f: x = f" "with"
refused "class A: pass" "class definitions"
refused "def f(): pass" "function definitions"
refused "_base_ = 'secret.txt'" "secret.txt: a config's name ends in .py or .json" 2
refused "_base_ = ['/proc/self/environ']" "/proc/self/environ: a config's name ends in .py or .json" 2
refused "_base_ = 'http://127.0.0.1:9/a.py'" "http://127.0.0.1:9/a.py"
check "the folder is as it was" [ -s secret.txt ]

# Modules of the config's own are not imported.
mkdir own
cat > own/__init__.py <<'END2'
open('stolen', 'w')
END2
printf "custom_imports = dict(imports=['own'], allow_failed_imports=False)\nimport own\nx = 1\n" > imports.py
run 0 "$CSEG" config imports.py
says_error "warning: imports.py"
says_error "no Python module is imported here"
check "nothing of it ran" missing stolen
# Modules of the packages whose kinds are built in need no warning; one module of another's does.
for imports in "'mmpretrain.models'" "['mmcls.models', 'mmseg']"; do
    echo "custom_imports = dict(imports=$imports, allow_failed_imports=False)" > imports.py
    run 0 "$CSEG" config imports.py
    check "silent: $imports" [ ! -s err.txt ]
done
for imports in "['mmpretrain.models', 'own']" "'mmsegown'" "[1]" None; do
    echo "custom_imports = dict(imports=$imports)" > imports.py
    run 0 "$CSEG" config imports.py
    says_error "no Python module is imported here"
done

# Class weights by file: JSON, YAML, pickle, NumPy; of the size and kind that numbers have.
weighed() { # FILE MESSAGE
    run 1 "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options model.decode_head.loss_decode.class_weight="$1"
    says_error "$1"
    says_error "$2"
    check "nothing ran" missing stolen
}
printf "cos\nsystem\n(S'touch stolen'\ntR." > w.pkl
weighed w.pkl "os.system"
printf '\200\002c__builtin__\neval\nX\014\000\000\000open("stolen")\205R.' > w.pickle
weighed w.pickle "w.pickle"
echo '{"a": 1}' > w.json
weighed w.json "a flat list of numbers is expected"
echo '[1, "x"]' > w.json
weighed w.json "a flat list of numbers is expected"
printf -- '- !!python/object/apply:os.system ["touch stolen"]\n' > w.yaml
weighed w.yaml "w.yaml"
head -c 17000000 /dev/zero > w.npy
weighed w.npy "more than the 16777216 that are accepted here"
weighed /dev/zero "/dev/zero"
mkfifo w.yml
weighed w.yml "is a pipe"
echo '[1.0, 2.0]' > good.json
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options model.decode_head.loss_decode.class_weight=good.json \
    train_cfg.max_iters=1 train_cfg.val_interval=9
finish
