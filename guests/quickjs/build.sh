#!/usr/bin/env bash
# Builds quickjs/build/quickjs.wasm from the source of Debian's package quickjs
# (trixie, 2025-04-26). One edit: an include of setjmp.h that nothing uses.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sysroot="$here/../../target/guest-toolchain/sysroot"
source=$("$here/../debian-source.sh" quickjs trixie)

sed -i '/#include <setjmp.h>/d' "$source/dtoa.c"
# EMSCRIPTEN turns off what WebAssembly lacks: threads, malloc_usable_size.
clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt \
    -ffile-prefix-map="$source"=quickjs -O2 -DEMSCRIPTEN -DCONFIG_STACK_CHECK -DCONFIG_VERSION="\"$(cat "$source/VERSION")\"" \
    -D_GNU_SOURCE -w -I "$source" \
    "$here/main.c" "$source"/{quickjs,libregexp,libunicode,cutils,dtoa}.c \
    -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--strip-debug \
    -o "$here/build/quickjs.wasm"
chmod 644 "$here/build/quickjs.wasm"
