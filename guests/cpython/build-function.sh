#!/usr/bin/env bash
# Links function.c with CPython into target/guests/cpython/function.wasm (7 MB, not committed): a function that runs
# its input. Builds CPython first where that has not been done.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target="$(cd "$here/../.." && pwd)/target"
sysroot="$target/guest-toolchain/sysroot"
out="$target/guests/cpython"

"$here/build.sh"
[ "$out/function.wasm" -nt "$here/function.c" ] && exit

source=$("$here/../debian-source.sh" python3.11 bookworm)
build="$source/builddir/wasi"
# The stack lies below the data, so that it runs out below address 0 and not into the data.
clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt -O2 -Wall -Wextra \
    -Wno-unused-command-line-argument -ffile-prefix-map="$here"=guests/cpython \
    -I "$source/Include" -I "$build" -I "$here/../c/include" -nostartfiles \
    "$here/function.c" "$here"/../c/lib/*.c \
    "$build/libpython3.11.a" "$build/Modules/_decimal/libmpdec/libmpdec.a" "$build/Modules/expat/libexpat.a" \
    -ldl -lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -lpthread -lm \
    -Wl,--export=malloc -Wl,--export=free -Wl,--export-table \
    -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--strip-debug -o "$out/function.wasm"
chmod 644 "$out/function.wasm"
ls -l "$out/function.wasm" >&2
