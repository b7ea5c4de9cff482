#!/usr/bin/env bash
# Installs what the guests are built with, into target/guest-toolchain/:
#   clang-22, lld-22, llvm-22 and what they need from Debian (into the system, by apt-get), and
#   the wasm32-wasip1 sysroot that the npm package @yowasp/clang carries.
# Running it again does nothing. The built .wasm files are committed, so only
# someone who changes a guest needs this.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
chain="$root/target/guest-toolchain"
package=@yowasp/clang
version=22.0.0-git20542-10
stamp="$chain/sysroot/.version"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_debian() {
    local missing=()
    for pair in clang-22:clang-22 wasm-ld-22:lld-22 llvm-ar-22:llvm-22 gcc:gcc xz:xz-utils; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} = 0 ] && return
    echo "guest toolchain: installing ${missing[*]}" >&2
    as_root apt-get update -q >&2
    as_root apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}

install_sysroot() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$version" ] && return
    command -v npm >/dev/null || as_root apt-get install -q -y --no-install-recommends npm >&2
    echo "guest toolchain: fetching the sysroot of $package $version" >&2
    local work
    work=$(mktemp -d)
    (cd "$work" && npm pack --silent "$package@$version" >/dev/null && tar xzf ./*.tgz)
    rm -rf "$chain/sysroot"
    mkdir -p "$chain/sysroot"
    tar xf "$work/package/gen/llvm-resources.tar" -C "$chain/sysroot"
    rm -rf "$work"
    echo "$version" > "$stamp"
}

mkdir -p "$chain"
install_debian
install_sysroot
echo "$chain"
