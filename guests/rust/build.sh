#!/usr/bin/env bash
# Builds the functions in Rust to rust/build/*.wasm, and the template.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
settings=$("$here/toolchain.sh")
eval "$settings"
export CARGO_TARGET_DIR="$here/../../target/guest-toolchain/rust-target"
export CARGO_BUILD_RUSTC_WRAPPER=
# Paths of this machine do not get into panics' messages.
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="--remap-path-prefix=$(dirname "$RUSTC")/root/usr/lib/rustlib/src/rust=std --remap-path-prefix=$here=rust --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
(cd "$here" && cargo build --release --locked)
mkdir -p "$here/build"
for module in "$CARGO_TARGET_DIR"/wasm32-wasip1/release/*.wasm; do
    [ "$(basename "$module")" = function.wasm ] || install -m 644 "$module" "$here/build/"
done
