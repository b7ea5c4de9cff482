#!/usr/bin/env bash
# Builds CPython 3.11 from the source of Debian's package, without edits, into
# target/guests/cpython/: python.wasm (6 MB, not committed) and Lib/. Takes one to
# two minutes; does nothing where it has been built before.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target="$(cd "$here/../.." && pwd)/target"
sysroot="$target/guest-toolchain/sysroot"
out="$target/guests/cpython"
[ -f "$out/python.wasm" ] && [ -d "$out/Lib" ] && exit

"$here/../toolchain.sh" >&2
source=$("$here/../debian-source.sh" python3.11 bookworm)

# A Python of the same version drives the cross build.
native=$(command -v python3.11 || true)
if [ -z "$native" ] || ! "$native" -c 'import sysconfig' 2>/dev/null; then
    apt-get install -q -y --no-install-recommends python3.11 >&2
    native=/usr/bin/python3.11
fi

compiler="--target=wasm32-wasip1 --sysroot=$sysroot -resource-dir $sysroot --no-wasm-opt -Wno-everything"
export CC="clang-22 $compiler"
export CPP="clang-22 $compiler -E"
export CXX="clang++-22 $compiler"
export AR=llvm-ar-22 RANLIB=llvm-ranlib-22 LDSHARED=wasm-ld-22
export CFLAGS="-O3 -ffile-prefix-map=$source=cpython -include $here/no-threads.h -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS"
export LDFLAGS="-lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -Wl,--strip-debug"
export OPT="-DNDEBUG -fwrapv"
export PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=/nonexistent
export CONFIG_SITE="$source/Tools/wasm/config.site-wasm32-wasi"

build="$source/builddir/wasi"
mkdir -p "$build" "$out"
cd "$build"
echo "configuring CPython (log: $build/configure.out)" >&2
../../configure -C --host=wasm32-unknown-wasi --build=x86_64-pc-linux-gnu \
    --with-build-python="$native" --with-ensurepip=no --disable-test-modules \
    --prefix=/usr/local > configure.out 2>&1
echo "building CPython (log: $build/make.out)" >&2
make -j"$(nproc)" python.wasm pybuilddir.txt > make.out 2>&1 || make python.wasm pybuilddir.txt >> make.out 2>&1

rm -rf "$out/Lib"
cp -r "$source/Lib" "$out/Lib"
cp "$build/$(cat pybuilddir.txt)"/_sysconfigdata_*.py "$out/Lib/"
mkdir -p "$out/Lib/lib-dynload" # or it warns that it is missing
for unused in test idlelib tkinter turtledemo lib2to3 ensurepip distutils/command; do
    rm -rf "${out:?}/Lib/$unused"
done
llvm-objcopy-22 --strip-debug python.wasm "$out/python.wasm"
chmod 644 "$out/python.wasm"
ls -l "$out/python.wasm" >&2
