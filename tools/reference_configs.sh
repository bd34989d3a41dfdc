#!/bin/sh
# Fetches the config files of mmsegmentation 1.2.2 and 0.30.0, which some tests read, and those of Open-CD, and unpacks
# them (nothing is installed or run). Where that is impossible the tests that need them are skipped, so this never fails.
#   tools/reference_configs.sh build/deps  ->  build/deps/mmsegmentation-{1.2.2,0.30.0}/mmseg/.mim/configs
#                                              build/deps/open-cd/configs
deps=${1:?usage: tools/reference_configs.sh FOLDER}

# Whether an attempt within the last hour failed.
failed_lately() {
    [ -f "$deps/.no-$1" ] && [ -z "$(find "$deps/.no-$1" -mmin +60)" ]
}

for version in 1.2.2 0.30.0; do
    to=$deps/mmsegmentation-$version
    [ -d "$to/mmseg/.mim/configs" ] && continue
    failed_lately "mmsegmentation-$version" && continue
    echo "fetching the config files of mmsegmentation $version"
    rm -rf "$to"
    mkdir -p "$deps/wheels" "$to"
    if python3 -m pip download -q --no-deps --disable-pip-version-check -d "$deps/wheels" mmsegmentation==$version &&
        python3 -m zipfile -e "$deps/wheels/mmsegmentation-$version-py3-none-any.whl" "$to"; then
        rm -f "$deps/.no-mmsegmentation-$version"
    else
        rm -rf "$to"
        : > "$deps/.no-mmsegmentation-$version"
        echo "could not be fetched: the tests that read them will be skipped"
    fi
done

commit=790a1972b538baaaffd4c3022a4d9afaa3f861e5
if [ ! -d "$deps/open-cd/configs" ] && ! failed_lately open-cd; then
    echo "fetching the config files of Open-CD"
    rm -rf "$deps/open-cd"
    mkdir -p "$deps/open-cd"
    if curl -fsSL --max-time 120 -o "$deps/open-cd.tar.gz" "https://codeload.github.com/likyoo/open-cd/tar.gz/$commit" &&
        tar -xzf "$deps/open-cd.tar.gz" -C "$deps/open-cd" --strip-components=1 "open-cd-$commit/configs"; then
        rm -f "$deps/.no-open-cd"
    else
        rm -rf "$deps/open-cd"
        : > "$deps/.no-open-cd"
        echo "could not be fetched: make parity cannot compare with Open-CD"
    fi
    rm -f "$deps/open-cd.tar.gz"
fi
exit 0
