#!/usr/bin/env bash
# Links CPython, the standard library and the Faasm module into target/guests/python/python.wasm (not committed): the
# runtime of functions in Python. Builds CPython first where that has not been done.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target="$root/target"
sysroot="$target/guest-toolchain/sysroot"
out="$target/guests/python"

"$here/../cpython/build.sh"
mkdir -p "$out/own"
newest=$(ls -t "$here"/*.{c,h,py,sh} "$here"/../c/lib/*.c "$target/guests/cpython/python.wasm" | head -n 1)
[ "$out/python.wasm" -nt "$newest" ] && exit

source=$("$here/../debian-source.sh" python3.13 trixie)
build="$source/builddir/wasi"
native=$("$here/../cpython/native.sh")
# Modules of our own, and what the build found out about the machine.
rm -f "$out"/own/*.py
cp "$here/faasm.py" "$here/faasm_ddo.py" "$build/$(cat "$build/pybuilddir.txt")"/_sysconfigdata_*.py "$out/own/"
"$native" -I -S -X utf8 "$here/freeze.py" "$source/Lib" "$out/own" "$out"

target_flags=(--target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt)
clang-22 "${target_flags[@]}" -c "$out/library.s" -o "$out/library.o"
# The stack lies below the data, so that it runs out below address 0 and not into the data.
clang-22 "${target_flags[@]}" -O3 -msimd128 -mtail-call -Wall -Wextra -Wno-unused-command-line-argument \
    -ffile-prefix-map="$here"=guests/python -ffile-prefix-map="$out"=guests/python \
    -I "$source/Include" -I "$build" -I "$here" -I "$here/../c/include" -nostartfiles \
    "$here/runtime.c" "$here/_faasm.c" "$here/_faasm_ddo.c" "$out/library.c" "$out/library.o" "$here"/../c/lib/*.c "$target/guests/cpython/core.o" \
    "$build/memory.o" \
    -ldl -lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -lpthread -lm \
    -Wl,--export=malloc -Wl,--export=free \
    -Wl,--stack-first -Wl,-z,stack-size=8388608 -Wl,--strip-debug -o "$out/python.wasm"
chmod 644 "$out/python.wasm"
ls -l "$out/python.wasm" >&2
