#!/usr/bin/env bash
# Builds lua/build/lua.wasm from the source of Debian's package lua5.4 (trixie,
# 5.4.7), without edits: the standalone interpreter. With the argument `native`,
# builds the same source for this machine, to target/guests/lua/lua.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
sysroot="$root/target/guest-toolchain/sysroot"
source="$("$here/../debian-source.sh" lua5.4 trixie)/src"
files=()
for file in "$source"/*.c; do
    [ "$(basename "$file")" = luac.c ] || files+=("$file")
done

if [ "${1:-}" = native ]; then
    mkdir -p "$root/target/guests/lua"
    gcc -std=gnu99 -O2 -DLUA_USE_POSIX -w "${files[@]}" -lm -o "$root/target/guests/lua/lua"
    exit
fi
# Lua's errors are longjmp: WebAssembly's exceptions. missing.c has what wasi-libc
# does not: temporary files and the shell.
clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt \
    -ffile-prefix-map="$source"=lua -std=gnu99 -O3 -w \
    -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -DL_tmpnam=20 \
    -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=false \
    "${files[@]}" "$here/missing.c" -lsetjmp -lwasi-emulated-signal -lwasi-emulated-process-clocks \
    -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--strip-debug \
    -o "$here/build/lua.wasm"
chmod 644 "$here/build/lua.wasm"
