#!/usr/bin/env bash
# Builds the runtime, uploads it and the functions in tests/ to a server, calls them and compares their answers.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
faasm="${FAASM:-$root/target/release/faasm}"

"$here/build.sh"
[ -n "${FAASM:-}" ] || cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime
work=$(mktemp -d)
"$faasm" serve --data "$work/data" --listen 127.0.0.1:0 > "$work/address" 2> "$work/log" &
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

# near REFERENCE TRAINED: the last loss is the reference's, within 5 %.
near() {
    local last=${2##*loss } wanted=${1##*loss }
    awk -v got="${last% right*}" -v wanted="${wanted% right*}" \
        'BEGIN { off = got - wanted; exit !(wanted > 0 && off <= 0.05 * wanted && -off <= 0.05 * wanted) }' || {
        failures=$((failures + 1))
        printf 'FAILED workers learn %s, one alone %s\n' "$2" "$1" >&2
    }
}

"$faasm" upload faasm/python "$root/target/guests/python/python.wasm" > "$work/said"
mkdir "$work/modules"
echo 'HELLO = "hello"' > "$work/modules/greetings.py"
echo 'ANSWER = 42' > "$work/modules/numbers_of_mine.py"
echo data > "$work/modules/data.txt"
"$faasm" file put --recursive "$work/modules" demo/lib/python > "$work/said"
for file in "$here"/tests/*.py "$here"/template/function.py; do
    "$faasm" upload "demo/$(basename "$file" .py)" "$file" > "$work/said"
done

expect 'io.py:hello' 0 call demo/io -d hello
expect 'io.py:' 0 call demo/io
expect 'late' 0 call demo/io -d set
expect '' 1 call demo/io -d code
expect '' 1 call demo/io -d exit
expect 'no such thing' 1 call demo/io -d text
expect "Traceback (most recent call last):
  File \"io.py\", line 13, in main
    raise KeyError(\"nothing\")
KeyError: 'nothing'" 1 call demo/io -d raise
expect '3' 0 call faasm/python -d 'print(1 + 2)'
expect 'Hello, you!' 0 call demo/function -d you

expect '' 0 call demo/state -d write
expect '' 0 call demo/state -d change
expect "[b'a value', 32, [5, 1, 4, 10], [b'\\x00\\x00', b'\\x01\\x01', b'\\x02\\x02'], \"<state 'counts' of 32 bytes>\", 'KeyError', 'KeyError', 'ValueError', 'ValueError', 'nothing', 'ValueError']" 0 call demo/state
expect "[0, 2, 4, 6, 8, b'io.py:\\x00other', b'0<1<2<3', b'before', 1, 'ValueError: for good', 'ValueError', 'ValueError', 'ValueError']" 0 call demo/chain

expect 'hello 42 data' 0 call demo/store

# Data objects: what this language writes, C++ reads, and the other way round.
"$faasm" upload demo/objects "$here/../c/build/data-objects.wasm" > "$work/said"
objects=$(cat "$root/guests/c/functions/data-objects.out")
for pair in data_objects:data_objects data_objects:objects objects:data_objects; do
    expect '' 0 call "demo/${pair%:*}" -d 'write key'
    expect "$objects" 0 call "demo/${pair#*:}" -d 'read key'
done
expect '' 0 call demo/data_objects -d 'async key 5 -1.5'
# But for the queue, which was read.
changed=${objects/1249975000/1249974992}
expect "${changed%queue*}queue" 0 call demo/objects -d 'read key'
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

# The paper's Listing 1 does what one thread does.
"$faasm" upload demo/sgd "$here/examples/sgd.py" > "$work/said"
"$faasm" upload demo/sgd-cpp "$here/../c/build/sgd.wasm" > "$work/said"
expect '' 0 call demo/sgd -d 'make python 500 1000 3'
expect '' 0 call demo/sgd-cpp -d 'make cpp 500 1000 3'
expect "$(call demo/sgd-cpp -d 'train cpp 1 3')" 0 call demo/sgd -d 'train python 1 3'
# Several workers step over one another's, and come to the same when the steps have become small.
for language in sgd sgd-cpp; do expect '' 0 call "demo/$language" -d "make $language 500 1000 3"; done
near "$(call demo/sgd-cpp -d 'train sgd-cpp 1 24')" "$(call demo/sgd -d 'train sgd 4 24')"

first=$(call demo/library)
second=$(call demo/library)
expect '1 14dbb070 True 0.1428571428571428571428571429' 0 echo "${first% * *}"
expect "${first% * *}" 0 echo "${second% * *}"
[ "$first" != "$second" ] || { echo "FAILED two calls drew the same random numbers" >&2; failures=$((failures + 1)); }

# Files that fail at their top are refused with a traceback.
printf 'import json\nimport nothere\n' > "$work/bad.py"
expect '' 2 "$faasm" upload demo/bad "$work/bad.py"
grep -q "ModuleNotFoundError: No module named 'nothere'" "$work/err" || { echo 'FAILED no traceback' >&2; failures=$((failures + 1)); }
printf 'main = 3\n' > "$work/bad.py"
expect '' 2 "$faasm" upload demo/bad "$work/bad.py"
grep -q 'bad.py defines neither faasm_main() nor main()' "$work/err" || { echo 'FAILED no reason' >&2; failures=$((failures + 1)); }
expect '' 3 "$faasm" upload --runtime demo/nothere demo/bad "$work/bad.py"

if [ "$failures" != 0 ]; then
    echo "$failures answers of Python are wrong" >&2
    exit 1
fi
echo "Python's answers are right" >&2
