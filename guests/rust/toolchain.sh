#!/usr/bin/env bash
# Installs the Rust compiler for guests into target/guest-toolchain/rust/:
#   Debian's rustc-web, unpacked there and nowhere else, and
#   the standard library for wasm32-wasip1, built once from Debian's source of it
#   (two minutes of processor time; its crates come from crates.io).
# The linker is wasm-ld-22 and the C library the sysroot of guests/toolchain.sh,
# which must have run. With the argument `threads` also the standard library for
# wasm32-wasip1-threads, whose C library is that of guests/threads.sh, which must
# have run. Running this again does nothing.
# Prints the settings that build.sh needs, for `eval`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
chain="$root/target/guest-toolchain"
rust="$chain/rust"
series=1.96
[ -d "$chain/sysroot" ] || { echo "run guests/toolchain.sh first" >&2; exit 1; }

unpack() {
    [ -x "$rust/rustc" ] && return
    echo "guest toolchain: fetching rustc $series" >&2
    local debs="$rust/debs" root="$rust/root" package
    rm -rf "$rust"
    mkdir -p "$debs" "$root"
    (cd "$debs" && apt-get download -q rustc-web "libstd-rust-web-$series" libstd-rust-web-dev \
        rust-web-src >&2)
    for package in "$debs"/*.deb; do dpkg -x "$package" "$root"; done
    rm -rf "$debs"
    cat > "$rust/rustc" <<'WRAPPER'
#!/bin/sh
usr=$(dirname "$(readlink -f "$0")")/root/usr
LD_LIBRARY_PATH="$usr/lib:$usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$usr/bin/rustc" "$@"
WRAPPER
    chmod +x "$rust/rustc"
    "$rust/rustc" --version >&2
}

settings() {
    echo "export RUSTC='$rust/rustc' RUSTC_BOOTSTRAP=1"
    echo "export CARGO_TARGET_WASM32_WASIP1_LINKER=wasm-ld-22"
    echo "export CARGO_TARGET_WASM32_WASIP1_THREADS_LINKER=wasm-ld-22"
    echo "unset RUSTUP_TOOLCHAIN RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER"
}

# The C library of a target, where rustc looks for it.
c_library() {
    local target=$1 to=$2 threads="$chain/threads"
    if [ "$target" = wasm32-wasip1 ]; then
        ln -sfn "$chain/sysroot/lib/$target" "$to"
        return
    fi
    rm -rf "$to"
    mkdir -p "$to"
    ln -s "$chain"/sysroot/lib/wasm32-wasip1/* "$to/"
    rm "$to/libc.a"
    # POSIX threads are in it, as rustc expects.
    printf 'create %s\naddlib %s\naddlib %s\nsave\nend\n' \
        "$to/libc.a" "$threads/libc.a" "$threads/libthreads.a" | llvm-ar-22 -M
}

build_std() {
    local target=$1 lib work
    lib="$rust/root/usr/lib/rustlib/$target/lib"
    [ -f "$lib/.built" ] && return
    echo "guest toolchain: building std for $target" >&2
    mkdir -p "$lib"
    c_library "$target" "$lib/self-contained"
    work=$(mktemp -d)
    eval "$(settings)"
    # Where std's source lies goes into panics' messages: not as a path of this machine.
    local map="--remap-path-prefix=$rust/root/usr/lib/rustlib/src/rust=std"
    map+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
    (cd "$work" && cargo init -q --vcs none --lib --name seed . &&
        RUSTFLAGS="-Cembed-bitcode=yes $map" CARGO_PROFILE_RELEASE_DEBUG=0 cargo build -q --release \
            --target "$target" -Zbuild-std=std,panic_abort >&2)
    rm -f "$lib"/*.rlib
    cp "$work/target/$target/release/deps"/*.rlib "$lib/"
    rm -f "$lib"/libseed-*.rlib
    rm -rf "$work"
    touch "$lib/.built"
}

unpack
build_std wasm32-wasip1
[ "${1:-}" != threads ] || build_std wasm32-wasip1-threads
settings
