#!/usr/bin/env bash
# Classifies the same images on this machine and in a Faaslet, and compares.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/tflite"
faasm=${FAASM:-$root/target/release/faasm}
images=(0 1 2 3)

"$here/build.sh"
"$here/build.sh" native
"$out/mobilenet" "${images[@]}" > "$out/native.out"

data=$(mktemp -d)
"$faasm" serve --listen 127.0.0.1:0 --data "$data" > "$data/said" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$data"' EXIT
for _ in $(seq 100); do
    FAASM_URL=$(grep -o 'http://[0-9.:]*' "$data/said" | head -n 1) && break
    sleep 0.1
done
export FAASM_URL
"$faasm" upload demo/mobilenet "$here/build/mobilenet.wasm" >&2
for image in "${images[@]}"; do
    "$faasm" invoke demo/mobilenet -d "$image"
    echo
done > "$out/guest.out"
diff "$here/example.out" "$out/guest.out"
python3 - "$out/native.out" "$out/guest.out" <<'COMPARE'
import sys
native, guest = ([line.split() for line in open(path)] for path in sys.argv[1:])
assert len(native) == len(guest) > 0
for a, b in zip(native, guest):
    assert len(a) == 6 and a[::2] == b[::2], (a, b)
    assert all(abs(float(x) - float(y)) <= 1e-5 for x, y in zip(a[1::2], b[1::2])), (a, b)
COMPARE
echo "TensorFlow Lite's answers are right" >&2
