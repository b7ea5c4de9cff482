#!/usr/bin/env bash
# Builds the functions in Rust to rust/build/*.wasm, and the template.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ -f "$here/../../target/guest-toolchain/threads/libthreads.a" ] || "$here/../threads.sh" >&2
settings=$("$here/toolchain.sh" threads)
eval "$settings"
export CARGO_TARGET_DIR="$here/../../target/guest-toolchain/rust-target"
export CARGO_BUILD_RUSTC_WRAPPER=
# Paths of this machine do not get into panics' messages.
paths="--remap-path-prefix=$(dirname "$RUSTC")/root/usr/lib/rustlib/src/rust=std --remap-path-prefix=$here=rust --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="$paths" CARGO_TARGET_WASM32_WASIP1_THREADS_RUSTFLAGS="$paths"
(cd "$here" && cargo build --release --locked)
(cd "$here" && cargo build --release --locked -p threads --target wasm32-wasip1-threads)
mkdir -p "$here/build"
for module in "$CARGO_TARGET_DIR"/wasm32-wasip1{,-threads}/release/*.wasm; do
    [ "$(basename "$module")" = function.wasm ] || install -m 644 "$module" "$here/build/"
done
