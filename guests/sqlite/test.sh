#!/usr/bin/env bash
# Runs example.sql, and of SQLite's own tests those that are programs in C: fuzzcheck, on all of its databases of
# statements and broken files, and speedtest1, whose check sum of all results must be that of the same source on this
# machine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/sqlite"
faasm=${FAASM:-$root/target/release/faasm}

"$here/build.sh" tests
mkdir -p "$out/data"
rm -f "$out"/data/*
"$faasm" run "$here/build/sqlite.wasm" -- :memory: < "$here/example.sql" | diff "$here/example.out" -
"$faasm" run "$here/build/sqlite.wasm" --dir "$out/data::/data" -- /data/example.db < "$here/example.sql" |
    diff "$here/example.out" -

work=(--size 5 --verify)
check_sum() { grep -o 'Verification Hash: .*'; }
"$out/speedtest1" "${work[@]}" :memory: | check_sum > "$out/native.out"
"$faasm" run "$out/speedtest1.wasm" -- "${work[@]}" :memory: | check_sum | diff "$out/native.out" -
"$faasm" run "$out/speedtest1.wasm" --dir "$out/data::/data" -- "${work[@]}" /data/speed.db |
    check_sum | diff "$out/native.out" -

"$faasm" compile --limit time=3600 "$out/fuzzcheck.wasm" -o "$out/fuzzcheck.o" >&2
for database in "$out"/fuzzdata*.db; do
    "$faasm" run "$out/fuzzcheck.o" --dir "$out::/fuzz" -- "/fuzz/$(basename "$database")" > "$out/said"
    grep -q '^fuzzcheck: 0 errors out of [1-9][0-9]* tests' "$out/said" || { cat "$out/said" >&2; exit 1; }
    sed -n "s/^fuzzcheck: 0 errors out of \([0-9]*\) tests.*/fuzzcheck: \1 tests of $(basename "$database")/p" "$out/said" >&2
done
echo "SQLite's answers are right" >&2
