#!/usr/bin/env bash
# Builds CPython where that has not been done, runs example.py in it by `faasm run`
# and compares what it prints with example.out.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python="$root/target/guests/cpython"

"$here/build.sh"
cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime
"$root/target/release/faasm" run "$python/python.wasm" \
    --dir "$python/Lib::/usr/local/lib/python3.13" --dir "$here::/mnt" \
    -- /mnt/example.py > "$python/example.out"
diff "$here/example.out" "$python/example.out"
cat "$python/example.out"
echo "CPython's answers are right" >&2
