#!/usr/bin/env bash
# Builds what programs with threads are linked with, into target/guest-toolchain/threads/:
#   libc.a         the sysroot's C library, with what has locks or an errno compiled anew for threads
#   libthreads.a   POSIX threads and the allocator (guests/c/lib/threads)
#   libomp.a       the OpenMP runtime
# The sysroot's library is for one thread, and no registry has another; the wheel of
# ziglang carries wasi-libc's sources. Running it again builds our own parts only.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
chain="$here/../target/guest-toolchain"
sysroot="$chain/sysroot"
out="$chain/threads"
version=0.17.1
[ -d "$sysroot" ] || { echo "run guests/toolchain.sh first" >&2; exit 1; }

flags=(--target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" -matomics
    -mbulk-memory -ftls-model=local-exec -ffile-prefix-map="$here"=guests
    -ffile-prefix-map="$out"=libc)
src="$out/src/ziglang/lib/libc"
wasi="$src/wasi/libc-top-half"
bottom="$src/wasi/libc-bottom-half"
internal=(-I "$wasi/musl/src/internal" -I "$src/musl/src/internal"
    -I "$wasi/musl/src/include" -I "$src/musl/src/include" -I "$wasi/headers/private"
    -I "$wasi/musl/arch/wasm32" -I "$src/musl/arch/generic")

fetch() {
    [ -d "$src" ] && return
    local work
    work=$(mktemp -d)
    echo "threads: fetching the sources of wasi-libc in ziglang $version" >&2
    python3 -m pip download --quiet --no-deps -d "$work" "ziglang==$version"
    python3 - "$work" "$out/src" <<'PYTHON'
import glob, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
below = ("wasi/", "musl/src/", "musl/arch/generic/", "musl/include/")
for name in wheel.namelist():
    if name.startswith(tuple("ziglang/lib/libc/" + folder for folder in below)):
        wheel.extract(name, sys.argv[2])
PYTHON
    rm -rf "$work"
}

# The source of a member of the library: wasi-libc's own, or musl's.
source_of() {
    case "$1" in
        errno.c) echo "$bottom/sources/errno.c" ;;
        # Ours, in guests/c/lib/threads.
        pthread_* | sem_* | dlmalloc.c) ;;
        *)
            local found
            found=$(find "$src/wasi" -name "$1" -print -quit)
            [ -n "$found" ] || found=$(find "$src/musl/src" -maxdepth 2 -name "$1" -print -quit)
            echo "$found"
            ;;
    esac
}

compile_member() {
    local name=$1 source extra=()
    source=$(source_of "$name")
    [ -n "$source" ] || return 0
    case "$source" in
        "$bottom"/*) extra=(-I "$bottom/headers/private" -I "$bottom/cloudlibc/src/include" -I "$bottom/cloudlibc/src") ;;
        *) extra=(-D_GNU_SOURCE) ;;
    esac
    # What does not compile alone stays as it is, if it may (see below).
    clang-22 "${flags[@]}" -O2 -std=gnu17 -w -fno-trapping-math -D_XOPEN_SOURCE=700 -D_REENTRANT \
        -DBULK_MEMORY_THRESHOLD=32 -Wno-implicit-function-declaration "${extra[@]}" "${internal[@]}" \
        -c "$source" -o "$out/libc/$name.obj" 2>/dev/null || true
}

build_libc() {
    [ -f "$out/libc.a" ] && return
    local object name
    echo "threads: building the C library" >&2
    rm -rf "$out/libc"
    mkdir -p "$out/libc" "$out/old"
    (cd "$out/old" && llvm-ar-22 x "$sysroot/lib/wasm32-wasip1/libc.a")
    for object in "$out"/old/*.obj; do
        name=$(basename "$object" .obj)
        compile_member "$name"
        # Code that keeps nothing is the same for threads. An `errno` of all threads cannot be linked with.
        if [ ! -f "$out/libc/$name.obj" ]; then
            case "$name" in
                pthread_* | sem_* | dlmalloc.c) continue ;;
            esac
            llvm-nm-22 "$object" 2>/dev/null | grep -q ' U errno$' || cp "$object" "$out/libc/"
        fi
    done
    rm -rf "$out/old"
    llvm-ar-22 rcs "$out/libc.a" "$out"/libc/*.obj
    rm -rf "$out/libc"
}

build_ours() {
    local name lib="$here/c/lib/threads"
    mkdir -p "$out/ours"
    for name in pthread malloc omp; do
        [ -f "$lib/$name.c" ] || continue
        clang-22 "${flags[@]}" -std=gnu23 -O2 -Wall -Wextra -I "$here/c/include" -I "$here/c/include/threads" \
            -c "$lib/$name.c" -o "$out/ours/$name.o"
    done
    clang-22 "${flags[@]}" -O2 -std=gnu17 -w -D_GNU_SOURCE -D_XOPEN_SOURCE=700 -D_REENTRANT "${internal[@]}" \
        -c "$lib/libc.c" -o "$out/ours/libc.o"
    rm -f "$out/libthreads.a" "$out/libomp.a"
    llvm-ar-22 rcs "$out/libthreads.a" "$out"/ours/{pthread,malloc,libc}.o
    [ ! -f "$out/ours/omp.o" ] || llvm-ar-22 rcs "$out/libomp.a" "$out/ours/omp.o"
}

mkdir -p "$out"
fetch
build_libc
build_ours
