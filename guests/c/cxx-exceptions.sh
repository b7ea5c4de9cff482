#!/usr/bin/env bash
# Makes libc++abi, and the parts of libc++ that throw, with WebAssembly's exceptions, which neither Debian nor the
# sysroot has, from the sources of LLVM 22 that the PyPI package ziglang carries.
# Prints the path of the archive. The second time it only prints.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
chain="$root/target/guest-toolchain"
sysroot="$chain/sysroot"
package=ziglang==0.17.1
out="$chain/cxx-exceptions"
archive="$out/libcxxabi-exceptions.a"
[ -f "$archive" ] && { echo "$archive"; exit; }

echo "guest toolchain: building libc++abi with exceptions from $package" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download -q --no-deps --only-binary :all: -d "$work" "$package" >&2
python3 - "$work" <<'UNPACK'
import glob, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
wanted = ("ziglang/lib/libcxxabi/", "ziglang/lib/libcxx/", "ziglang/lib/libunwind/")
wheel.extractall(sys.argv[1], [name for name in wheel.namelist() if name.startswith(wanted)])
UNPACK
lib="$work/ziglang/lib"
mkdir -p "$work/objects"
common=(--target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" -O2 -DNDEBUG -w
    -ffile-prefix-map="$work"=llvm -fwasm-exceptions -mllvm -wasm-use-legacy-eh=false)
for name in cxa_aux_runtime cxa_default_handlers cxa_demangle cxa_exception cxa_exception_storage \
    cxa_guard cxa_handlers cxa_personality cxa_vector cxa_virtual fallback_malloc private_typeinfo \
    stdlib_exception stdlib_stdexcept stdlib_typeinfo abort_message stdlib_new_delete; do
    clang++-22 "${common[@]}" -std=c++23 -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCPP_BUILDING_LIBRARY \
        -DLIBCXX_BUILDING_LIBCXXABI -DLIBCXXABI_NON_DEMANGLING_TERMINATE -D_LIBCXXABI_HAS_NO_THREADS \
        -D_LIBCXXABI_DISABLE_VISIBILITY_ANNOTATIONS -I"$lib/libcxxabi/include" -I"$lib/libcxxabi/src" \
        -I"$lib/libcxx/src" -I"$lib/libunwind/include" \
        -c "$lib/libcxxabi/src/$name.cpp" -o "$work/objects/$name.o"
done
# And what of libc++ itself throws: the sysroot's was compiled to abort instead.
for name in any exception functional ios new_helpers optional regex stdexcept string system_error variant vector; do
    clang++-22 "${common[@]}" -std=c++23 -D_LIBCPP_BUILDING_LIBRARY -DLIBCXX_BUILDING_LIBCXXABI \
        -D_LIBCPP_LINK_PTHREAD_LIB=0 -I"$lib/libcxx/src" -I"$lib/libcxxabi/include" \
        -c "$lib/libcxx/src/$name.cpp" -o "$work/objects/cxx-$name.o"
done
clang-22 "${common[@]}" -D_LIBUNWIND_HIDE_SYMBOLS -D_LIBUNWIND_IS_NATIVE_ONLY -D_LIBUNWIND_HAS_NO_THREADS \
    -I"$lib/libunwind/include" -c "$lib/libunwind/src/Unwind-wasm.c" -o "$work/objects/unwind.o"
# The tag that all C++ exceptions have.
printf '.globl __cpp_exception\n.tagtype __cpp_exception i32\n__cpp_exception:\n' > "$work/tag.S"
clang-22 --target=wasm32-wasip1 -mexception-handling -c "$work/tag.S" -o "$work/objects/tag.o"
mkdir -p "$out"
llvm-ar-22 rcs "$archive" "$work"/objects/*.o
echo "$archive"
