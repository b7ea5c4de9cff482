#!/usr/bin/env bash
# Builds sqlite/build/sqlite.wasm from the source of Debian's package sqlite3
# (trixie, 3.46.1), without edits. Making the amalgamation needs tclsh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sysroot="$here/../../target/guest-toolchain/sysroot"
source=$("$here/../debian-source.sh" sqlite3 trixie)

command -v tclsh >/dev/null || apt-get install -q -y --no-install-recommends tcl >&2
if [ ! -f "$source/sqlite3.c" ]; then
    (cd "$source" && ./configure --disable-tcl >configure.out 2>&1 && make sqlite3.c >make.out 2>&1)
fi
# No threads, no shared memory between processes and so no write-ahead log, no
# loading of extensions, no file locks: a Faaslet has none of them.
clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt \
    -ffile-prefix-map="$source"=sqlite -O2 -w -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_SIGNAL \
    -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
    -DSQLITE_DEFAULT_UNIX_VFS='"unix-none"' -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE \
    -I "$source" "$here/main.c" "$source/sqlite3.c" -lwasi-emulated-getpid -lwasi-emulated-mman \
    -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--strip-debug \
    -o "$here/build/sqlite.wasm"
chmod 644 "$here/build/sqlite.wasm"
