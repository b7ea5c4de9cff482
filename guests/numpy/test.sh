#!/usr/bin/env bash
# Builds the runtime, uploads it (a minute and a half of processor time), has it run example.py, a distributed matrix
# product and what else is in tests/, and compares the answers.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/numpy"
faasm="${FAASM:-$root/target/release/faasm}"

"$here/build.sh"
[ -n "${FAASM:-}" ] || cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime
work=$(mktemp -d)
"$faasm" serve --data "$work/data" --listen 127.0.0.1:0 --max-module 128MiB --compile-time 1h > "$work/address" 2> "$work/log" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$work"' EXIT
until grep -q http "$work/address"; do sleep 0.1; kill -0 $server; done
FAASM_URL=$(grep -o 'http://.*' "$work/address")
export FAASM_URL

failures=0
# expect WANTED CODE COMMAND...: what it prints, and how it exits.
expect() {
    local wanted=$1 code=$2 got=0 said
    shift 2
    said=$("$@" 2> "$work/err") || got=$?
    if [ "$said" != "$wanted" ] || [ "$got" != "$code" ]; then
        failures=$((failures + 1))
        printf 'FAILED %s\n  wanted %s: %s\n  got %s: %s\n' "$*" "$code" "$wanted" "$got" "$said" >&2
        cat "$work/err" >&2
    fi
}
call() { "$faasm" invoke "$@"; }

for user in faasm demo; do
    "$faasm" file put "$out/lib/python315.zip" $user/usr/local/lib/python315.zip > "$work/said"
done
"$faasm" upload faasm/numpy "$out/numpy.wasm" >&2
for file in "$here"/tests/*.py "$root"/guests/python/tests/io.py; do
    "$faasm" upload --runtime faasm/numpy "demo/$(basename "$file" .py)" "$file" >&2
done

# The runtime by itself: its input is a program.
expect "$(cat "$here/example.out")" 0 call faasm/numpy -d "@$here/example.py"

expect 'True 998001.0 2.5.2' 0 call demo/arrays
expect '360' 0 call demo/arrays -d write
expect '[42, 45]' 0 call demo/arrays -d read
expect "child b'6'" 0 call demo/arrays -d child
expect '000102' 0 bash -c "'$faasm' invoke demo/arrays -d output | od -An -tx1 | tr -d ' '"
last() { "$faasm" invoke "$@" 2> "$work/err" | tail -n 1; }
expect '' 1 call demo/arrays -d quiet
expect 'numpy.linalg.LinAlgError: Singular matrix' 1 last demo/arrays -d fail
[ "$(call demo/arrays -d random)" != "$(call demo/arrays -d random)" ] ||
    { echo 'FAILED two calls drew the same random numbers' >&2; failures=$((failures + 1)); }

expect "['file', 'two/'] [] True" 0 call demo/language -d list
expect '' 0 call demo/language -d put
expect '' 0 call demo/language -d add
expect '5' 0 call demo/language -d get
first=$(call demo/language)
expect "$first" 0 call demo/language
expect 'True 6' 0 echo "${first% *}"

expect 'io.py:hello' 0 call demo/io -d hello
expect 'late' 0 call demo/io -d set
expect '' 1 call demo/io -d code
expect '' 1 call demo/io -d exit

# The matrix product: NumPy's own answer, by 73 calls.
expect '512 True True' 0 call demo/matmul -d '{"n": 512, "divisions": 2, "numbers": "whole"}'
expect '400 True True' 0 call demo/matmul -d '{"n": 400, "divisions": 1, "numbers": "any"}'
calls=$("$faasm" invoke --graph demo/matmul -d '{"n": 64, "divisions": 2, "numbers": "whole"}' 2>&1 > "$work/said" |
    grep -c 'demo/matmul.*returned 0')
[ "$calls" = 73 ] || { echo "FAILED $calls calls in the graph" >&2; failures=$((failures + 1)); }

if [ "$failures" != 0 ]; then
    echo "$failures answers of NumPy are wrong" >&2
    exit 1
fi
echo "NumPy's answers are right" >&2
