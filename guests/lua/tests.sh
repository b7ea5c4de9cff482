#!/usr/bin/env bash
# Fetches Lua's own tests of version 5.4.7, which PyPI's lupa 2.4 carries in its source, and prints their folder. The
# package is not built: pip only asks it for its name.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out="$root/target/guest-toolchain/source/lua5.4-tests"
package=lupa-2.4
if [ ! -f "$out/all.lua" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -m pip install --quiet --target "$work/backend" 'setuptools<81' wheel >&2
    PYTHONPATH="$work/backend" python3 -m pip download --quiet --no-deps --no-build-isolation --no-binary lupa \
        --dest "$work" "${package/-/==}" >&2
    mkdir -p "$out"
    tar xzf "$work/$package.tar.gz" -C "$out" --strip-components=4 "$package/third-party/lua54/testes"
fi
echo "$out"
