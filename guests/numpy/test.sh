#!/usr/bin/env bash
# Builds the runtime, uploads it (two minutes of processor time), has it run example.py, a distributed matrix product
# and what else is in tests/, and compares the answers; then runs those of NumPy's own tests that selftest.py lists.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/numpy"
faasm="${FAASM:-$root/target/release/faasm}"

"$here/build.sh"
[ -n "${FAASM:-}" ] || cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime
work=$(mktemp -d)
# What was compiled before is kept; state is not.
"$faasm" serve --data "$out/data" --state memory: --listen 127.0.0.1:0 --max-module 128MiB --compile-time 1h --timeout 15m > "$work/address" 2> "$work/log" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$work"' EXIT
until grep -q http "$work/address"; do sleep 0.1; kill -0 $server 2> /dev/null || { cat "$work/log" >&2; exit 1; }; done
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

# near REFERENCE TRAINED: the last loss is the reference's, within 5 %.
near() {
    local last=${2##*loss } wanted=${1##*loss }
    awk -v got="${last% right*}" -v wanted="${wanted% right*}" \
        'BEGIN { off = got - wanted; exit !(wanted > 0 && off <= 0.05 * wanted && -off <= 0.05 * wanted) }' || {
        failures=$((failures + 1))
        printf 'FAILED workers learn %s, one alone %s\n' "$2" "$1" >&2
    }
}

for user in faasm demo; do
    "$faasm" file put "$out/lib/python315.zip" $user/usr/local/lib/python315.zip > "$work/said"
done
"$faasm" upload faasm/numpy "$out/numpy.wasm" >&2
for file in "$here"/tests/*.py "$root"/guests/python/tests/{io,data_objects}.py; do
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

# Data objects: arrays over them, and what C++ and this language make of each other's.
expect '' 0 call demo/vectors -d write
expect '499500 499500 499500 499500 [10. 35. 60.] [[1.5, 0.0, 0.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]' \
    0 call demo/vectors -d read
expect '7 -2' 0 call demo/vectors -d unsent
expect '[3.25, 500.25, 501.25, 999.25] [9.0, 1.5, 2.5, 12.0] [99.0, 0.5, 0.5, 102.0, 103.0]' 0 call demo/vectors -d async
expect 'IndexError KeyError ValueError ValueError ValueError ValueError OverflowError KeyError KeyError IndexError ValueError ValueError' \
    0 call demo/vectors -d refused
"$faasm" upload demo/objects "$root/guests/c/build/data-objects.wasm" > "$work/said"
objects=$(cat "$root/guests/c/functions/data-objects.out")
for pair in data_objects:data_objects data_objects:objects objects:data_objects; do
    expect '' 0 call "demo/${pair%:*}" -d 'write key'
    expect "$objects" 0 call "demo/${pair#*:}" -d 'read key'
done
expect 10 0 call demo/data_objects -d 'add count 10'
expect 20 0 call demo/data_objects -d 'swap count 10'
expect 1 0 call demo/data_objects -d 'update names one'
expect 2 0 call demo/objects -d 'update names one'
expect 1 0 call demo/objects -d 'push queue hello'
expect hello 0 call demo/data_objects -d 'pop queue'

# Global locks: what the other languages say of them; one after the other, whichever holds the lock.
"$faasm" state rules demo '[{"prefix": "strong", "consistency": "strong"}]' > "$work/said"
expect "$(cat "$root/guests/c/functions/data-objects-lock.out")" 0 call demo/data_objects -d 'lock strong.value'
expect 'unwritten nothing, other no, same yes, old no' 0 call demo/data_objects -d 'versions pushed'
expect 5 0 call demo/data_objects -d 'deposit strong.account 5'
call demo/objects -d 'deposit strong.account 20' > "$work/said" &
other=$!
call demo/data_objects -d 'deposit strong.account 20' > "$work/said-too"
wait $other
expect 45 0 call demo/data_objects -d 'deposit strong.account 0'

# Two calls wait for each other.
expect '01 01 01' 0 call demo/data_objects -d 'meet gate 3'

# The paper's Listing 1 with arrays does what C++ does.
"$faasm" upload demo/sgd "$root/guests/c/build/sgd.wasm" > "$work/said"
for key in numpy cpp; do expect '' 0 call demo/sgd -d "make $key 500 1000 3"; done
expect "$(call demo/sgd -d 'train cpp 1 3')" 0 call demo/listing -d 'train numpy 1 3'
# Several workers step over one another's, and come to the same when the steps have become small.
for key in numpy cpp; do expect '' 0 call demo/sgd -d "make $key 500 1000 3"; done
near "$(call demo/sgd -d 'train cpp 1 24')" "$(call demo/listing -d 'train numpy 4 24')"

# The matrix product: NumPy's own answer, by 73 calls.
expect '512 True True' 0 call demo/matmul -d '{"n": 512, "divisions": 2, "numbers": "whole"}'
expect '400 True True' 0 call demo/matmul -d '{"n": 400, "divisions": 1, "numbers": "any"}'
calls=$("$faasm" invoke --graph demo/matmul -d '{"n": 64, "divisions": 2, "numbers": "whole"}' 2>&1 > "$work/said" |
    grep -c 'demo/matmul.*returned 0')
[ "$calls" = 73 ] || { echo "FAILED $calls calls in the graph" >&2; failures=$((failures + 1)); }

# NumPy's own tests, in one call.
"$faasm" file put --recursive "$("$here/selftest.sh")" faasm/selftest > "$work/said"
call faasm/numpy -d "@$here/selftest.py" > "$work/own" 2> "$work/err" || true
if ! grep -q '^passed [1-9][0-9]* skipped [0-9]* failed 0$' "$work/own"; then
    tail -n 30 "$work/own" "$work/err" >&2
    failures=$((failures + 1))
fi
echo "NumPy's own tests: $(tail -n 1 "$work/own")" >&2

if [ "$failures" != 0 ]; then
    echo "$failures answers of NumPy are wrong" >&2
    exit 1
fi
echo "NumPy's answers are right" >&2
