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
# WebAssembly's exceptions as they were standardised; clang's default is what they were before.
new_exceptions=(-mllvm -wasm-use-legacy-eh=false)

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
        "$chain/sdk/dl.o" "$chain/sdk/mman.o" "$chain/sdk/ffi.o" "$chain/sdk/posix.o" \
        "$chain/sdk/net.o" "$chain/sdk/netdb.o" "$chain/sdk/ddo.o" "$chain/sdk/ddo_shared.o"
}

# What includes the SDK's headers is a function; the rest are plain WASI programs, some of them with sockets.
build_c() {
    local source=$1 name out extra=()
    name=$(basename "${source%.*}")
    out="$here/c/build/$name.wasm"
    grep -q '#include <\(netdb\|sys/socket\).h>' "$source" &&
        extra=(-I "$here/c/include" "$chain/sdk/libfaasm.a")
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

# Programs with threads: one shared memory, and a C library that is for threads (guests/threads.sh).
build_threads() {
    local source=$1 name extra=()
    name=$(basename "${source%.*}")
    grep -q '#include <faasm/' "$source" && extra=("${sdk[@]}")
    case "$source" in */omp/*) extra+=(-fopenmp -lomp) ;; esac
    clang-22 "${target[@]}" -std=gnu23 -O2 -matomics -mbulk-memory -pthread \
        -I "$here/c/include/threads" "$source" -L "$chain/threads" "${extra[@]}" -lthreads \
        -Wl,--import-memory,--export-memory,--shared-memory,--max-memory=1073741824 \
        -Wl,--no-check-features,--stack-first -Wl,-z,stack-size=131072 -Wl,--strip-debug \
        -o "$here/c/build/$name.wasm"
    chmod 644 "$here/c/build/$name.wasm"
}

# The demo programs: functions of named checks, each with the flags that its subject needs.
build_demo() {
    local source=$1 name flags=()
    name=$(basename "${source%.*}")
    case "$name" in
        language) flags=(-lc-printscan-long-double) ;;
        setjmp) flags=("${new_exceptions[@]}" -mllvm -wasm-enable-sjlj -lsetjmp) ;;
        simd) flags=(-msimd128) ;;
        exception) flags=(-fwasm-exceptions "${new_exceptions[@]}" -nostdlib++ \
            "$("$here/c/cxx-exceptions.sh")" -lc++) ;;
        *) [ "${source##*.}" = c ] || flags=(-fno-exceptions) ;;
    esac
    case "$source" in
        *.cpp) clang++-22 "${target[@]}" -std=c++23 -Os "$source" "${sdk[@]}" "${flags[@]}" "${link[@]}" \
            -Wl,--strip-all \
            -o "$here/c/build/$name.wasm" ;;
        *) clang-22 "${target[@]}" -std=gnu23 -O2 "$source" "${sdk[@]}" "${flags[@]}" "${link[@]}" \
            -o "$here/c/build/$name.wasm" ;;
    esac
    chmod 644 "$here/c/build/$name.wasm"
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

# Programs that test WASI: no SDK.
build_wasi() {
    local source=$1 out
    out="$here/wasi/build/$(basename "${source%.c}").wasm"
    clang-22 "${target[@]}" -std=gnu23 -Os "$source" "${link[@]}" -o "$out"
    chmod 644 "$out"
}

# A program that loads libraries has all that it has to offer in its exports, and a
# table that grows. What of libc only a library needs is named.
build_loader() {
    local source=$1 name
    name=$(basename "${source%.*}")
    clang-22 "${target[@]}" -std=gnu23 -O2 "$source" "${sdk[@]}" "${link[@]}" \
        -Wl,--export-all -Wl,--growable-table -Wl,--export=strncat -Wl,--export=snprintf -o "$here/c/build/$name.wasm"
    chmod 644 "$here/c/build/$name.wasm"
}

# A library finds the program's libc when it is loaded; what it needs of other
# libraries is in its list, as they are named on its command line.
build_library() {
    local source=$1 name compiler=(clang-22 -std=gnu23) needed=() libc=(-nostdlib)
    name=$(basename "${source%.*}")
    case "$source" in
        *.cpp) compiler=(clang++-22 -std=c++23 -fno-exceptions -fno-rtti) ;;
        */liba.c) needed=("$here/c/build/libb.so") ;;
        # It says that it needs libc.so, which is the program's all the same.
        */libwhole.c) libc=(-nostartfiles) ;;
    esac
    "${compiler[@]}" "${target[@]}" -O2 -fPIC -fvisibility=default "${libc[@]}" -shared -Wl,--no-entry \
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
mkdir -p "$here/wasi/build"
for source in "$here"/wasi/*.c; do
    if wanted "wasi-$(basename "${source%.c}")" "$@"; then
        echo "building wasi-$(basename "${source%.c}")" >&2
        build_wasi "$source"
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
for source in "$here"/c/threads/*.c "$here"/c/omp/*.c; do
    if wanted "$(basename "${source%.*}")" "$@"; then
        "$here/threads.sh"
        echo "building $(basename "${source%.*}")" >&2
        build_threads "$source"
    fi
done
for source in "$here"/c/demo/*.c "$here"/c/demo/*.cpp; do
    if wanted "$(basename "${source%.*}")" "$@"; then
        echo "building demo $(basename "${source%.*}")" >&2
        build_demo "$source"
    fi
done
if wanted sgd "$@"; then
    echo "building sgd" >&2
    clang++-22 "${target[@]}" -std=c++23 -O3 -fno-exceptions "$here/c/sgd/sgd.cpp" "${sdk[@]}" \
        -Wl,--strip-all "${link[@]}" -o "$here/c/build/sgd.wasm"
    chmod 644 "$here/c/build/sgd.wasm"
fi
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
for recipe in "$here"/quickjs "$here"/sqlite "$here"/lua "$here"/rust "$here"/assemblyscript "$here"/javascript; do
    if [ -x "$recipe/build.sh" ] && wanted "$(basename "$recipe")" "$@"; then
        echo "building $(basename "$recipe")" >&2
        "$recipe/build.sh"
    fi
done
