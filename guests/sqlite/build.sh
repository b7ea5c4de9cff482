#!/usr/bin/env bash
# Builds sqlite/build/sqlite.wasm from the source of Debian's package sqlite3
# (trixie, 3.46.1), without edits. Making the amalgamation needs tclsh. With the
# argument `tests`, builds SQLite's own tests that are programs in C, to
# target/guests/sqlite/: fuzzcheck with its databases, and speedtest1, which is
# built for this machine, too.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sysroot="$here/../../target/guest-toolchain/sysroot"
source=$("$here/../debian-source.sh" sqlite3 trixie)

command -v tclsh >/dev/null || apt-get install -q -y --no-install-recommends tcl >&2
if [ ! -f "$source/sqlite3.c" ]; then
    (cd "$source" && ./configure --disable-tcl >configure.out 2>&1 && make sqlite3.c >make.out 2>&1)
fi

clang=(clang-22 --target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt
    -w -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_SIGNAL
    -ffile-prefix-map="$source"=sqlite -I "$source")
# No threads, no shared memory between processes and so no write-ahead log, no
# loading of extensions, no file locks: a Faaslet has none of them.
options=(-DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL
    -DSQLITE_DEFAULT_UNIX_VFS='"unix-none"' -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE)
libraries=(-lwasi-emulated-getpid -lwasi-emulated-mman -Wl,--stack-first)

if [ "${1:-}" = tests ]; then
    out="$here/../../target/guests/sqlite"
    mkdir -p "$out"
    cp "$source"/test/fuzzdata?.db "$out"
    # As SQLite's makefile says, and with what its statements use.
    if [ ! -f "$out/fuzzcheck.wasm" ]; then
        (cd "$source" && "${clang[@]}" -O1 -D_WASI_EMULATED_PROCESS_CLOCKS "${options[@]}" \
            -DSQLITE_OSS_FUZZ -DSQLITE_ENABLE_MEMSYS5 -DSQLITE_MAX_MEMORY=50000000 \
            -DSQLITE_PRINTF_PRECISION_LIMIT=1000 -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_GEOPOLY \
            -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_BYTECODE_VTAB -DSQLITE_STRICT_SUBTYPE=1 \
            -DSQLITE_STATIC_RANDOMJSON -I test -I ext/recover \
            test/{fuzzcheck,ossfuzz,vt02,fuzzinvariants}.c ext/recover/{dbdata,sqlite3recover}.c \
            ext/misc/randomjson.c sqlite3.c \
            "${libraries[@]}" -lwasi-emulated-process-clocks -Wl,-z,stack-size=8388608 -o fuzzcheck.new)
        mv "$source/fuzzcheck.new" "$out/fuzzcheck.wasm"
    fi
    if [ ! -f "$out/speedtest1.wasm" ]; then
        gcc -O1 -w "${options[@]}" -I "$source" "$source"/{test/speedtest1,sqlite3}.c -lm -o "$out/speedtest1"
        "${clang[@]}" -O2 "${options[@]}" "$source"/{test/speedtest1,sqlite3}.c \
            "${libraries[@]}" -Wl,-z,stack-size=1048576 -o "$out/speedtest1.new"
        mv "$out/speedtest1.new" "$out/speedtest1.wasm"
    fi
    exit
fi
"${clang[@]}" -O2 "${options[@]}" "$here/main.c" "$source/sqlite3.c" "${libraries[@]}" \
    -Wl,-z,stack-size=1048576 -Wl,--strip-debug -o "$here/build/sqlite.wasm"
chmod 644 "$here/build/sqlite.wasm"
