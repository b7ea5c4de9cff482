#!/usr/bin/env bash
# Builds CPython where that has not been done, runs example.py in it by `faasm run` and compares what it prints with
# example.out; then runs those of CPython's own tests that tests.txt lists.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python="$root/target/guests/cpython"
faasm="${FAASM:-$root/target/release/faasm}"

"$here/build.sh"
[ -n "${FAASM:-}" ] || cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime
"$faasm" compile --limit time=3600 "$python/python.wasm" -o "$python/python.o" >&2
"$faasm" run "$python/python.o" \
    --dir "$python/Lib::/usr/local/lib/python3.13" --dir "$here::/mnt" \
    -- /mnt/example.py > "$python/example.out"
diff "$here/example.out" "$python/example.out"
cat "$python/example.out"

# Its tests are part of the library, in the source only. They count on a deep stack, as CPython's own runner for WASI
# does: at how deep a recursion it is given up is a number in CPython.
source=$("$here/../debian-source.sh" python3.13 trixie)
rm -rf "$python/tests"
mkdir -p "$python/tests/tmp"
cp -r "$source/Lib" "$python/tests/Lib"
cp "$python"/Lib/_sysconfigdata_*.py "$python/tests/Lib"
mkdir -p "$python/tests/Lib/lib-dynload"
mapfile -t tests < <(grep -o '^test_[a-z0-9_]*' "$here/tests.txt")
# One process for all of them.
if ! "$faasm" run "$python/python.o" --stack 64MiB --dir "$python/tests/tmp::/" \
    --dir "$python/tests/Lib::/usr/local/lib/python3.13" -- -m test "${tests[@]}" > "$python/tests.out" 2>&1; then
    tail -n 50 "$python/tests.out" >&2
    echo "CPython's own tests failed: $python/tests.out has all of it" >&2
    exit 1
fi
rm -rf "$python/tests"
grep '^Total test' "$python/tests.out" >&2
grep -q "^Total test files: run=${#tests[@]}/${#tests[@]}" "$python/tests.out"
echo "CPython's answers are right; ${#tests[@]} files of its own tests pass" >&2
