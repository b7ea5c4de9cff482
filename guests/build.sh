#!/usr/bin/env bash
# Builds the guests to guests/*/build/NAME.wasm.
#   guests/build.sh              all that are committed
#   guests/build.sh NAME...      those functions, kernels or programs
# Needs guests/toolchain.sh to have run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
chain="$here/../target/guest-toolchain"
export FAASM_SYSROOT="$chain/sysroot"
[ -d "$FAASM_SYSROOT" ] || { echo "run guests/toolchain.sh first" >&2; exit 1; }

target=(--target=wasm32-wasip1 --sysroot="$FAASM_SYSROOT" -resource-dir "$FAASM_SYSROOT"
    --no-wasm-opt -ffile-prefix-map="$here"=guests -Wall -Wextra -Wno-unused-command-line-argument)
# The stack lies below the data, so that it runs out below address 0 and not into
# the data. The name section stays, for backtraces.
layout=(-Wl,--stack-first -Wl,-z,stack-size=65536)
link=("${layout[@]}" -Wl,--strip-debug)
sdk=(-I "$here/c/include" -nostartfiles "$chain"/sdk/start.o "$chain"/sdk/libfaasm.a
    -Wl,--export=malloc -Wl,--export=free -Wl,--export-table)

# The SDK: a library, and the start file, which is linked by name.
build_sdk() {
    local source
    mkdir -p "$chain/sdk"
    rm -f "$chain/sdk/libfaasm.a"
    for source in "$here"/c/lib/*.c; do
        clang-22 "${target[@]}" -std=gnu23 -O3 -I "$here/c/include" -c "$source" \
            -o "$chain/sdk/$(basename "${source%.c}").o"
    done
    llvm-ar-22 rcs "$chain/sdk/libfaasm.a" "$chain/sdk/calls.o" "$chain/sdk/state.o" \
        "$chain/sdk/dl.o" "$chain/sdk/mman.o" "$chain/sdk/ffi.o"
}

# What includes the SDK's headers is a function; the rest are plain WASI programs.
build_c() {
    local source=$1 name out extra=()
    name=$(basename "${source%.*}")
    out="$here/c/build/$name.wasm"
    grep -q '#include <faasm/' "$source" && extra=("${sdk[@]}")
    # Closures take slots of the table.
    grep -q ffi_closure_alloc "$source" && extra+=(-Wl,--growable-table)
    case "$source" in
        *.cpp)
            clang++-22 "${target[@]}" -std=c++23 -Os -fno-exceptions "$source" "${extra[@]}" \
                -Wl,--strip-all "${link[@]}" -o "$out"
            ;;
        *) clang-22 "${target[@]}" -std=gnu23 -O3 "$source" "${extra[@]}" "${link[@]}" -o "$out" ;;
    esac
    chmod 644 "$out"
}

# These keep their debugging information, in each version of DWARF that compilers write: it is what is tested.
build_debug() {
    local source=$1 name version
    name=$(basename "${source%.*}")
    for version in 4 5; do
        clang-22 "${target[@]}" -std=gnu23 -O1 -gdwarf-$version -ffile-compilation-dir=. \
            "$source" "${layout[@]}" -o "$here/c/build/$name-dwarf$version.wasm"
        chmod 644 "$here/c/build/$name-dwarf$version.wasm"
    done
}

# A program that loads libraries has all that it has to offer in its exports, and a
# table that grows. What of libc only a library needs is named.
build_loader() {
    local source=$1 name
    name=$(basename "${source%.*}")
    clang-22 "${target[@]}" -std=gnu23 -O2 "$source" "${sdk[@]}" "${link[@]}" \
        -Wl,--export-all -Wl,--growable-table -Wl,--export=strncat -o "$here/c/build/$name.wasm"
    chmod 644 "$here/c/build/$name.wasm"
}

# A library finds the program's libc when it is loaded; what it needs of other
# libraries is in its list, as they are named on its command line.
build_library() {
    local source=$1 name compiler=(clang-22 -std=gnu23) needed=()
    name=$(basename "${source%.*}")
    case "$source" in
        *.cpp) compiler=(clang++-22 -std=c++23 -fno-exceptions -fno-rtti) ;;
        */liba.c) needed=("$here/c/build/libb.so") ;;
    esac
    "${compiler[@]}" "${target[@]}" -O2 -fPIC -fvisibility=default -nostdlib -shared -Wl,--no-entry \
        -Wl,--export-if-defined=__wasm_call_ctors \
        -Wl,--experimental-pic -Wl,--unresolved-symbols=import-dynamic -Wl,--strip-debug \
        "$source" "${needed[@]}" \
        -o "$here/c/build/$name.so"
    chmod 644 "$here/c/build/$name.so"
}

# Kernels need no libc: each is one file with `int64_t run(int32_t n)`.
build_kernel() {
    local source=$1 name flavour flags
    name=$(basename "${source%.*}")
    for flavour in scalar simd; do
        flags=(-mno-simd128)
        [ "$flavour" = simd ] && flags=(-msimd128)
        clang-22 --target=wasm32-unknown-unknown -std=c23 -O3 "${flags[@]}" -mbulk-memory \
            -Wall -Wextra -ffreestanding -ffp-contract=off -nostdlib --no-wasm-opt \
            -Wl,--no-entry -Wl,--export=run "${link[@]}" \
            "$source" -o "$here/kernels/build/$flavour/$name.wasm"
        chmod 644 "$here/kernels/build/$flavour/$name.wasm"
    done
}

wanted() {
    local name=$1 each
    shift
    [ $# = 0 ] && return 0
    for each in "$@"; do [ "$each" = "$name" ] && return 0; done
    return 1
}

build_sdk
mkdir -p "$here/c/build" "$here/kernels/build/scalar" "$here/kernels/build/simd"
for source in "$here"/c/functions/*.c "$here"/c/functions/*.cpp "$here"/c/misbehaving/*.c; do
    if wanted "$(basename "${source%.*}")" "$@"; then
        echo "building $(basename "${source%.*}")" >&2
        build_c "$source"
    fi
done
for source in "$here"/c/dynlink/libb.c "$here"/c/dynlink/*; do
    name=$(basename "${source%.*}")
    if wanted "$name" "$@"; then
        echo "building $name" >&2
        case "$name" in
            lib*) build_library "$source" ;;
            *) build_loader "$source" ;;
        esac
    fi
done
for source in "$here"/c/debug/*.c; do
    if wanted "$(basename "${source%.*}")" "$@"; then
        echo "building $(basename "${source%.*}")" >&2
        build_debug "$source"
    fi
done
for source in "$here"/kernels/*.c; do
    name=$(basename "${source%.*}")
    if [ "$name" != native-main ] && [ -e "$source" ] && wanted "$name" "$@"; then
        echo "building kernel $name" >&2
        build_kernel "$source"
    fi
done
for recipe in "$here"/quickjs "$here"/sqlite; do
    if [ -x "$recipe/build.sh" ] && wanted "$(basename "$recipe")" "$@"; then
        echo "building $(basename "$recipe")" >&2
        "$recipe/build.sh"
    fi
done
