#!/usr/bin/env bash
# Builds javascript/build/javascript.wasm, the runtime of functions in JavaScript,
# from the source of Debian's package quickjs, as quickjs/build.sh does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
chain="$here/../../target/guest-toolchain"
sysroot="$chain/sysroot"
source=$("$here/../debian-source.sh" quickjs trixie)

sed -i '/#include <setjmp.h>/d' "$source/dtoa.c"
clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt \
    -ffile-prefix-map="$source"=quickjs -ffile-prefix-map="$here"=javascript -std=gnu23 \
    -O2 -DEMSCRIPTEN -DCONFIG_STACK_CHECK -DCONFIG_VERSION="\"$(cat "$source/VERSION")\"" \
    -D_GNU_SOURCE -w -I "$source" -I "$here/../c/include" --embed-dir="$here" \
    "$here/function.c" "$source"/{quickjs,libregexp,libunicode,cutils,dtoa}.c \
    -nostartfiles "$chain/sdk/start.o" "$chain/sdk/libfaasm.a" \
    -Wl,--export=malloc -Wl,--export=free -Wl,--export-table \
    -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--strip-all \
    -o "$here/build/javascript.wasm"
chmod 644 "$here/build/javascript.wasm"
