#!/bin/sh
# The installed library: found by pkg-config, used from C and from C++, shared and static, without the build folder.
. "$(dirname "$0")/lib.sh"
: "${BUILD:?the build folder}"
[ "${SANITIZED:-OFF}" = ON ] && { echo "skipped: the library is not made for sanitizers"; exit 77; }
command -v pkg-config > /dev/null || { echo "skipped: no pkg-config"; exit 77; }
make_tiles
run 0 cmake -DCMAKE_INSTALL_PREFIX="$here/prefix" -P "$BUILD/cmake_install.cmake"
prefix=$here/prefix
pc=$(find "$prefix" -name cseg.pc)
check "a pkg-config file" [ -s "$pc" ]
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags --libs cseg)
check "flags: $flags" [ -n "$flags" ]
libdir=$(dirname "$(dirname "$pc")")

run 0 "$prefix/bin/cseg" version
run 0 "$prefix/bin/cseg" train "$SOURCE/tests/cli/tiny.py" --work-dir work --threads 1 --cfg-options \
    train_cfg.max_iters=2 train_cfg.val_interval=2
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
run 0 "$prefix/bin/cseg" infer "$SOURCE/tests/cli/tiny.py" work/iter_2.pth "$image" --out masks --threads 1
mask=masks/$(basename "$image")

# shellcheck disable=SC2086  # several flags
{
    run 0 "$CC" -std=c99 -Wall -Wextra -Werror -pedantic "$SOURCE/examples/c/segment.c" $flags -o in_c
    cp "$SOURCE/examples/c/segment.c" segment.cc
    run 0 "$CXX" -std=c++11 -Wall -Wextra -Werror -pedantic segment.cc $flags -o in_cxx
    static=$(pkg-config --static --libs cseg | sed "s|-lcseg |$libdir/libcseg.a |")
    run 0 "$CC" "$SOURCE/examples/c/segment.c" $(pkg-config --cflags cseg) $static -o in_static
    check "the static program needs no libcseg.so" sh -c "! ldd in_static | grep -q libcseg"
}
LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
for program in in_c in_cxx in_static; do
    run 0 ./$program "$SOURCE/tests/cli/tiny.py" work/iter_2.pth "$image" $program.png
    says "at the centre"
    check "$program gives the program's mask" cmp -s $program.png "$mask"
    run 1 ./$program "$SOURCE/tests/cli/tiny.py" work/iter_2.pth nowhere.png none.png
    says_error "nowhere.png"
    check "no mask" missing none.png
    run 2 ./$program
done
ldd "$libdir/libcseg.so" > needs.txt
check "all libraries are found" sh -c "! grep -q 'not found' needs.txt"
finish
