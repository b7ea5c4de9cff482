#!/usr/bin/env bash
# Builds quickjs/build/quickjs.wasm from the source of Debian's package quickjs
# (trixie, 2025-04-26). One edit: an include of setjmp.h that nothing uses.
# With the argument `tests`, builds the package's own command, which its tests need,
# to target/guests/quickjs/qjs.wasm: posix/ has what it names of terminals and
# processes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sysroot="$here/../../target/guest-toolchain/sysroot"
source=$("$here/../debian-source.sh" quickjs trixie)

sed -i '/#include <setjmp.h>/d' "$source/dtoa.c"

if [ "${1:-}" = tests ]; then
    out="$here/../../target/guests/quickjs"
    mkdir -p "$out"
    [ -f "$out/qjs.wasm" ] && exit
    # Without the interactive mode, which is a script that the package compiles with itself.
    printf '#include <stdint.h>\nconst uint8_t qjsc_repl[1];\nconst uint32_t qjsc_repl_size = 1;\n' > "$out/repl.c"
    clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt \
        -O2 -DEMSCRIPTEN -DCONFIG_STACK_CHECK -DCONFIG_VERSION="\"$(cat "$source/VERSION")\"" -D_GNU_SOURCE -w \
        -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_GETPID \
        -I "$here/posix" -I "$source" "$out/repl.c" \
        "$source"/{qjs,quickjs-libc,quickjs,libregexp,libunicode,cutils,dtoa}.c \
        -lwasi-emulated-signal -lwasi-emulated-process-clocks -lwasi-emulated-getpid \
        -Wl,--stack-first -Wl,-z,stack-size=4194304 -o "$out/qjs.new"
    mv "$out/qjs.new" "$out/qjs.wasm"
    exit
fi
# EMSCRIPTEN turns off what WebAssembly lacks: threads, malloc_usable_size.
clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt \
    -ffile-prefix-map="$source"=quickjs -O2 -DEMSCRIPTEN -DCONFIG_STACK_CHECK -DCONFIG_VERSION="\"$(cat "$source/VERSION")\"" \
    -D_GNU_SOURCE -w -I "$source" \
    "$here/main.c" "$source"/{quickjs,libregexp,libunicode,cutils,dtoa}.c \
    -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--strip-debug \
    -o "$here/build/quickjs.wasm"
chmod 644 "$here/build/quickjs.wasm"
