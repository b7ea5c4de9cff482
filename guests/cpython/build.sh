#!/usr/bin/env bash
# Builds CPython 3.13 from the source of Debian's package into target/guests/cpython/: python.wasm (not committed),
# core.o, which is all of CPython but its main program, and Lib/. Does nothing where it has been built before by the same
# recipe.
#
# With --instrumented, it builds target/guests/cpython/instrumented.wasm, which train.sh runs: it writes what it did.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target="$(cd "$here/../.." && pwd)/target"
sysroot="$target/guest-toolchain/sysroot"
out="$target/guests/cpython"
instrumented=${1:-}
recipe=$(cat "$here"/{build.sh,tail_calls.py,profile.txt.xz} "$here"/*.[ch] | sha256sum)
[ -z "$instrumented" ] && [ -f "$out/python.wasm" ] && [ "$(cat "$out/.recipe" 2>/dev/null)" = "$recipe" ] && exit

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
together="-mllvm -sink-common-insts=false -mllvm -hoist-common-insts=false"
export CFLAGS="-O3 -msimd128 -mtail-call -fno-wrapv-pointer -I$source/Python -mno-bulk-memory -mno-bulk-memory-opt $together -ffile-prefix-map=$source=cpython -include $here/no-threads.h -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS"
export LDFLAGS="-lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -Wl,--strip-debug"
export OPT="-DNDEBUG -fwrapv"
export PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=/nonexistent
# The sysroot's times() counts in another unit than its sysconf says.
export ac_cv_func_times=no
export CONFIG_SITE="$source/Tools/wasm/config.site-wasm32-wasi"

build="$source/builddir/wasi$instrumented"
rm -rf "$build"
mkdir -p "$build" "$out"
cd "$build"
echo "configuring CPython (log: $build/configure.out)" >&2
# Two things that it does not do by itself for WASI: its allocator of small objects, and integers in digits of 30 bits.
../../configure --host=wasm32-unknown-wasip1 --build=x86_64-pc-linux-gnu \
    --with-build-python="$native" --with-ensurepip=no --disable-test-modules \
    --with-pymalloc --enable-big-digits=30 --prefix=/usr/local > configure.out 2>&1
# shellcheck disable=SC2086 # Options, not one.
clang-22 $compiler -O3 -msimd128 -mbulk-memory -fno-builtin \
    -ffile-prefix-map="$here"=guests/cpython -c "$here/memory.c" -o memory.o
# make takes this in the place of the source's.
"$native" -I -S "$here/tail_calls.py" "$source/Python" Python
# Which operator follows is not foreseen, although the profile says which one often does: a comparison with that is more
# than what the interpreter's jump through the table costs.
echo 'Python/ceval.o: PY_CFLAGS_NODIST += -mllvm -disable-icp' >> Makefile

libraries="-ldl -lpthread -lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks $PWD/memory.o"
archives=(libpython3.13.a Modules/_decimal/libmpdec/libmpdec.a Modules/_hacl/libHacl_Hash_SHA2.a Modules/expat/libexpat.a)
make_them() {
    echo "building CPython (log: $build/make.out)" >&2
    make -j"$(nproc)" EXTRA_CFLAGS="$1" LIBS="$libraries" "${archives[@]}" Programs/python.o pybuilddir.txt > make.out 2>&1 \
        || make EXTRA_CFLAGS="$1" LIBS="$libraries" "${archives[@]}" Programs/python.o pybuilddir.txt >> make.out 2>&1
}
# link OUT OPTION...
link() {
    # shellcheck disable=SC2086 # Options, not one.
    $CC $LDFLAGS -Wl,-z,stack-size=8388608 -Wl,--stack-first -Wl,--initial-memory=20971520 -o "$1" Programs/python.o \
        "${@:2}" $libraries -lm
}

if [ -n "$instrumented" ]; then
    make_them -fprofile-generate
    link "$out/instrumented.wasm" "${archives[@]}" -fprofile-generate -lwasi-emulated-mman
    exit
fi

# What train.sh has counted.
xz -dc "$here/profile.txt.xz" > profile.txt
llvm-profdata-22 merge -o profile.profdata profile.txt
make_them "-flto=full -fprofile-use=$PWD/profile.profdata -Wbackend-plugin"
stale=$(grep -c 'hash mismatch' make.out || true)
[ "$stale" = 0 ] || echo "the profile is of another build for $stale functions: run guests/cpython/train.sh" >&2
# All of CPython is optimised as one, once for both programs that are linked with it. The interpreter comes first: its
# operators have to be the first functions of which an address is taken.
# What it has for a libc without dup2() stays apart, as the SDK has one.
llvm-ar-22 d libpython3.13.a ceval.o dup2.o
echo "optimising CPython as one" >&2
# shellcheck disable=SC2086 # Options, not one.
wasm-ld-22 -r -o core.o Python/ceval.o --whole-archive "${archives[@]}" --no-whole-archive \
    --lto-O3 $together -mllvm -disable-icp
link python.wasm core.o Python/dup2.o

rm -rf "$out/Lib"
cp -r "$source/Lib" "$out/Lib"
cp "$build/$(cat pybuilddir.txt)"/_sysconfigdata_*.py "$out/Lib/"
mkdir -p "$out/Lib/lib-dynload" # or it warns that it is missing
for unused in test idlelib tkinter turtledemo ensurepip; do
    rm -rf "${out:?}/Lib/$unused"
done
cp core.o "$out/"
llvm-objcopy-22 --strip-debug python.wasm "$out/python.wasm"
chmod 644 "$out/python.wasm"
echo "$recipe" > "$out/.recipe"
ls -l "$out/python.wasm" >&2
