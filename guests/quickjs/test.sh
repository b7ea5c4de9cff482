#!/usr/bin/env bash
# Runs example.js, and QuickJS's own tests in the package's own command `qjs`.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/quickjs"
faasm=${FAASM:-$root/target/release/faasm}

"$faasm" run "$here/build/quickjs.wasm" --dir "$here::/mnt" -- /mnt/example.js | diff "$here/example.out" -

"$here/build.sh" tests
source=$("$here/../debian-source.sh" quickjs trixie)
"$faasm" compile "$out/qjs.wasm" -o "$out/qjs.o" 2> "$out/said"
rm -rf "$out/work"
mkdir -p "$out/work"
cp "$source"/tests/*.js "$out/work"
# Left out: test_worker is about threads, test_bjson about a library in C, microbench measures; test262 is in no
# registry. Of test_std, what starts other programs (a pipe's other end, exec, `test -t 0`).
sed -i 's/std.popen("cat " + fname, "r")/std.open(fname, "r")/; /^test_os_exec();/d; /stdinIsTTY/d' "$out/work/test_std.js"
for name in closure language builtin loop bigint std cyclic_import; do
    options=()
    [ "$name" = builtin ] && options=(--std)
    # An assertion in a promise is only said.
    if ! "$faasm" run "$out/qjs.o" --dir "$out/work::/" -- "${options[@]}" "/test_$name.js" > "$out/said" 2>&1 ||
        grep -q 'assertion failed\|unhandled' "$out/said"; then
        tail -n 20 "$out/said" >&2
        echo "QuickJS's own test_$name failed" >&2
        exit 1
    fi
done
rm -rf "$out/work"
echo "QuickJS's answers are right; 7 of its own tests pass" >&2
