#!/usr/bin/env bash
# Builds CPython 3.13 from the source of Debian's package into target/guests/cpython/: python.wasm (7 MB, not
# committed) and Lib/. The source is as it is but for the interpreter's loop, which tail_calls.py rewrites. Takes two
# minutes; does nothing where it has been built before by the same recipe.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target="$(cd "$here/../.." && pwd)/target"
sysroot="$target/guest-toolchain/sysroot"
out="$target/guests/cpython"
recipe=$(cat "$here/build.sh" "$here/tail_calls.py" "$here"/*.[ch] | sha256sum)
[ -f "$out/python.wasm" ] && [ "$(cat "$out/.recipe" 2>/dev/null)" = "$recipe" ] && exit

"$here/../toolchain.sh" >&2
source=$("$here/../debian-source.sh" python3.13 trixie)

# A Python of the same version drives the cross build.
native=$("$here/native.sh")

compiler="--target=wasm32-wasip1 --sysroot=$sysroot -resource-dir $sysroot --no-wasm-opt -Wno-everything"
export CC="clang-22 $compiler"
export CPP="clang-22 $compiler -E"
export CXX="clang++-22 $compiler"
export AR=llvm-ar-22 RANLIB=llvm-ranlib-22 LDSHARED=wasm-ld-22
# Small copies are no operators of memory, but memory.c's. The common beginnings and ends of an operator's ways stay
# where they are: joining them makes values live everywhere, and so spills them. That integers wrap is what CPython asks
# for; that pointers wrap too is what clang makes of it, and it keeps offsets of fields out of loads and stores.
export CFLAGS="-O3 -msimd128 -mtail-call -fno-wrapv-pointer -I$source/Python -mno-bulk-memory -mno-bulk-memory-opt -mllvm -sink-common-insts=false -mllvm -hoist-common-insts=false -ffile-prefix-map=$source=cpython -include $here/no-threads.h -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS"
export LDFLAGS="-lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -Wl,--strip-debug"
export OPT="-DNDEBUG -fwrapv"
export PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=/nonexistent
# The sysroot's times() counts in another unit than its sysconf says.
export ac_cv_func_times=no
export CONFIG_SITE="$source/Tools/wasm/config.site-wasm32-wasi"

build="$source/builddir/wasi"
rm -rf "$build"
mkdir -p "$build" "$out"
cd "$build"
echo "configuring CPython (log: $build/configure.out)" >&2
# Two things that it does not do by itself for WASI: its allocator of small objects, and integers in digits of 30 bits.
../../configure --host=wasm32-unknown-wasip1 --build=x86_64-pc-linux-gnu \
    --with-build-python="$native" --with-ensurepip=no --disable-test-modules \
    --with-pymalloc --enable-big-digits=30 --prefix=/usr/local > configure.out 2>&1
# shellcheck disable=SC2086 # Options, not one.
clang-22 $compiler -O3 -msimd128 -mbulk-memory -fno-builtin-memcpy -fno-builtin-memmove -fno-builtin-memset \
    -ffile-prefix-map="$here"=guests/cpython -c "$here/memory.c" -o memory.o
# make takes this in the place of the source's.
"$native" -I -S "$here/tail_calls.py" "$source/Python" Python
echo "building CPython (log: $build/make.out)" >&2
libraries="-ldl -lpthread -lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks $PWD/memory.o"
make -j"$(nproc)" LIBS="$libraries" python.wasm pybuilddir.txt > make.out 2>&1 \
    || make LIBS="$libraries" python.wasm pybuilddir.txt >> make.out 2>&1

rm -rf "$out/Lib"
cp -r "$source/Lib" "$out/Lib"
cp "$build/$(cat pybuilddir.txt)"/_sysconfigdata_*.py "$out/Lib/"
mkdir -p "$out/Lib/lib-dynload" # or it warns that it is missing
for unused in test idlelib tkinter turtledemo ensurepip; do
    rm -rf "${out:?}/Lib/$unused"
done
llvm-objcopy-22 --strip-debug python.wasm "$out/python.wasm"
chmod 644 "$out/python.wasm"
echo "$recipe" > "$out/.recipe"
ls -l "$out/python.wasm" >&2
