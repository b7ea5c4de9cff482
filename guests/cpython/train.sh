#!/usr/bin/env bash
# Writes profile.txt.xz: how often each branch of CPython is taken, and which functions its pointers name. Builds CPython
# so that it counts, and runs in it the tests with which CPython trains itself (Lib/test/libregrtest/pgo.py), as the native
# builds of distributions do. For who has changed what CPython is built of; takes some minutes.
# FAASM is the faasm to run it by, without it the release build of this tree.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python="$root/target/guests/cpython"
faasm="${FAASM:-$root/target/release/faasm}"
[ -n "${FAASM:-}" ] || cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime

"$here/build.sh" --instrumented
source=$("$here/../debian-source.sh" python3.13 trixie)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/tmp" "$work/profile" "$work/Lib"
cp -r "$source/Lib/." "$work/Lib"
cp "$source"/builddir/wasi--instrumented/build/lib*/_sysconfigdata_*.py "$work/Lib/"
mkdir "$work/Lib/lib-dynload"
"$faasm" compile "$python/instrumented.wasm" -o "$work/python.o"

# A module is a process of its own, so that its counts are there whatever happens to others. Tests of endless recursion
# are left out: they may end in a trap, and then nothing is written.
for module in $(sed -n "s/^ *'\(test_[a-z0-9_]*\)',$/\1/p" "$source/Lib/test/libregrtest/pgo.py"); do
    "$faasm" run "$work/python.o" --dir "$work/Lib::/usr/local/lib/python3.13" --dir "$work/root::/" \
        --dir "$work/profile::/profile" --env "LLVM_PROFILE_FILE=/profile/$module.profraw" \
        --env PYTHONDONTWRITEBYTECODE=1 -- -m test --pgo --tempdir /tmp -i '*recurs*' "$module" \
        > "$work/$module.log" 2>&1 || echo "$module fails: $(tail -n 1 "$work/$module.log")" >&2
    [ -s "$work/profile/$module.profraw" ] || { cat "$work/$module.log" >&2; exit 1; }
done
llvm-profdata-22 merge -sparse -text -o "$work/profile.txt" "$work"/profile/*.profraw
xz -9e -c "$work/profile.txt" > "$here/profile.txt.xz"
ls -l "$here/profile.txt.xz" >&2
