#!/bin/sh
# Fetches the config files of mmsegmentation 1.2.2 and 0.30.0, which some tests read, and unpacks them (nothing is
# installed or run). Where that is impossible the tests that need them are skipped, so this never fails.
#   tools/reference_configs.sh build/deps  ->  build/deps/mmsegmentation-{1.2.2,0.30.0}/mmseg/.mim/configs
deps=${1:?usage: tools/reference_configs.sh FOLDER}
for version in 1.2.2 0.30.0; do
    to=$deps/mmsegmentation-$version
    [ -d "$to/mmseg/.mim/configs" ] && continue
    [ -f "$deps/.no-mmsegmentation-$version" ] && [ -z "$(find "$deps/.no-mmsegmentation-$version" -mmin +60)" ] && continue
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
exit 0
