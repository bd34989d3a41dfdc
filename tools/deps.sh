#!/bin/sh
# Finds what the build needs. What is missing comes from the system's packages where this user may install them
# (root, or sudo); otherwise it is listed, and nothing happens. oneDNN 3 comes from the system where it has it, else from
# the wheels onednn-cpu-gomp and onednn-devel-cpu-gomp, which are unpacked (not installed) under the folder given.
#   tools/deps.sh build/deps
set -eu
deps=${1:?usage: tools/deps.sh FOLDER}
onednn=2023.2.0
missing=

want() { # PACKAGE COMMAND...: the package if the command fails
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
has() { command -v "$1" >/dev/null 2>&1; }
has_library() { has pkg-config && pkg-config --exists "$1"; }
has_openmp() { echo 'int main(void) { return 0; }' | "${CC:-cc}" -fopenmp -x c - -o /dev/null; }
has_builder() { has ninja || has make; }
has_pip() { python3 -m pip --version && python3 -m zipfile --help; }
# oneDNN 3 or later: headers and library known to the system.
has_onednn() {
    header=$(echo '#include <oneapi/dnnl/dnnl_version.h>
DNNL_VERSION_MAJOR' | "${CC:-cc}" -E -x c - 2>/dev/null | tail -n 1)
    [ "${header:-0}" -ge 3 ] 2>/dev/null
}
offers_onednn() { has apt-cache && apt-cache policy libdnnl-dev 2>/dev/null | grep -q 'Candidate: [3-9]'; }
unpacked_onednn() { ls "$deps"/onednn/*.data/data/lib/libdnnl.so.3 "$deps"/onednn/*.data/data/include/dnnl.h; }

look() {
    missing=
    want build-essential has_openmp
    want build-essential has c++
    want cmake has cmake
    want ninja-build has_builder
    want pkg-config has pkg-config
    want libgdal-dev has_library gdal
    want libjpeg-dev has_library libjpeg
    want libpng-dev has_library libpng
    want zlib1g-dev has_library zlib
    want libdeflate-dev has_library libdeflate
    want libcurl4-openssl-dev has_library libcurl
    want libcjson-dev has_library libcjson
    want libcairo2-dev has_library cairo
    want libcmocka-dev has_library cmocka
    if ! has_onednn && ! unpacked_onednn >/dev/null 2>&1; then
        if offers_onednn; then
            missing="$missing libdnnl-dev"
        else
            want "python3 python3-pip" has_pip
        fi
    fi
    missing=$(echo "$missing" | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/^ *//; s/ *$//')
}

install_packages() {
    if ! has apt-get; then
        return 1
    elif [ "$(id -u)" -eq 0 ]; then
        apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
    elif has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        sudo apt-get update -q && sudo apt-get install -q -y --no-install-recommends "$@"
    else
        return 1
    fi
}

look
if [ -n "$missing" ]; then
    echo "missing: $missing"
    # shellcheck disable=SC2086  # one word a package
    if ! install_packages $missing; then
        echo "These Debian packages are missing and could not be installed from here. As root:" >&2
        echo "    apt-get install $missing" >&2
        exit 1
    fi
    look
    if [ -n "$missing" ]; then
        echo "still missing after the installation: $missing" >&2
        exit 1
    fi
fi

if ! has_onednn && ! unpacked_onednn >/dev/null 2>&1; then
    if [ "$(uname -m)" != x86_64 ]; then
        echo "oneDNN 3 is missing, and its wheels exist for x86_64 only: install it and run make again." >&2
        exit 1
    fi
    echo "oneDNN 3: fetching its wheels"
    rm -rf "$deps/onednn" "$deps/wheels"
    mkdir -p "$deps/onednn" "$deps/wheels"
    python3 -m pip download -q --no-deps --disable-pip-version-check -d "$deps/wheels" \
        onednn-cpu-gomp==$onednn onednn-devel-cpu-gomp==$onednn
    for wheel in "$deps"/wheels/onednn*.whl; do
        python3 -m zipfile -e "$wheel" "$deps/onednn"
    done
fi
mkdir -p "$deps"
echo "everything that the build needs is there"
