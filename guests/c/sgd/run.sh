#!/usr/bin/env bash
# The paper's Listing 1: run.sh [EXAMPLES [FEATURES [WORKERS [EPOCHS [PYTHON_EXAMPLES]]]]], by default 80,000 examples of
# RCV1's 47,236 features. Learns the problem natively by one thread, then as chained workers in C++, and the first
# PYTHON_EXAMPLES (20,000; 0: none) of it in Python, and fails where the losses differ by more than the tolerance.
#
# The server is one that FAASM_URL names, or one of its own. Python's runtime is built first where it is not there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
faasm="${FAASM:-$root/target/release/faasm}"
examples=${1:-80000} features=${2:-47236} workers=${3:-8} epochs=${4:-10} in_python=${5:-20000}
seed=1 tolerance=0.05

[ -x "$faasm" ] || cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime
work=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill $server; wait $server || true; }; rm -rf "$work"' EXIT
# No fused multiplication: each operation rounds as WebAssembly's do.
clang++-22 -O3 -std=c++23 -ffp-contract=off "$here/native.cpp" -o "$work/native"
if [ -z "${FAASM_URL:-}" ]; then
    "$faasm" serve --data "$work/data" --listen 127.0.0.1:0 > "$work/address" 2> "$work/log" &
    server=$!
    until grep -q http "$work/address"; do sleep 0.1; kill -0 $server; done
    FAASM_URL=$(grep -o 'http://.*' "$work/address")
    export FAASM_URL
fi

seconds() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(seconds)" 'BEGIN { printf "%.2f", to - from }'; }

# compare WHAT EXAMPLES CALL...: learns alone and by the workers, and holds one against the other.
compare() {
    local what=$1 n=$2 began expected got alone
    shift 2
    began=$(seconds)
    expected=$("$work/native" "$n" "$features" "$epochs" "$seed" | tail -n 1)
    alone=$(since "$began")
    "$@" -d "make $what $n $features $seed" > "$work/said"
    began=$(seconds)
    "$@" -d "train $what $workers $epochs" > "$work/trained"
    got=$(tail -n 1 "$work/trained")
    echo "$what: $n examples, $features features, $workers workers, $epochs epochs"
    echo "  one thread, natively: ${expected#epoch * }, in $alone s"
    echo "  $workers workers:            ${got#epoch * }, in $(since "$began") s"
    awk -v a="$(echo "$expected" | cut -d ' ' -f 4)" -v b="$(echo "$got" | cut -d ' ' -f 4)" -v t=$tolerance \
        'BEGIN { d = (b - a) / a; printf "  difference of the loss: %+.2f %%\n", 100 * d; exit !(d < t && d > -t) }' ||
        { echo "$what: the losses differ by more than $tolerance" >&2; exit 1; }
}

"$faasm" upload demo/sgd "$here/../build/sgd.wasm" > "$work/said"
compare cpp "$examples" "$faasm" invoke demo/sgd --timeout 10m
[ "$in_python" = 0 ] && exit
"$root/guests/python/build.sh"
"$faasm" upload faasm/python "$root/target/guests/python/python.wasm" > "$work/said"
"$faasm" upload demo/sgd-python "$root/guests/python/examples/sgd.py" > "$work/said"
compare python "$in_python" "$faasm" invoke demo/sgd-python --timeout 10m
