#!/usr/bin/env bash
# Prints the folder of NumPy's own tests, of the runtime's version, with what they are run by: the package here has neither,
# but NumPy's package for this machine has the tests, and pytest and hypothesis are of pure Python.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out="$root/target/guests/numpy/selftest"
version=2.5.2
tools=(pytest==8.4.2 hypothesis==6.130.0)
if [ ! -f "$out/.fetched" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    fetch() { python3 -m pip download --quiet --dest "$work" --only-binary :all: "$@" >&2; }
    fetch --no-deps --python-version 3.12 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        "numpy==$version"
    fetch --python-version 3.12 --platform any "${tools[@]}"
    rm -rf "$out"
    mkdir -p "$out"
    python3 - "$work" "$out" << 'PYTHON'
import pathlib
import sys
import zipfile

work, out = map(pathlib.Path, sys.argv[1:])
for wheel in work.glob("*.whl"):
    names = zipfile.ZipFile(wheel).namelist()
    if wheel.name.startswith("numpy-"):
        names = [name for name in names if "/tests/" in name and not name.endswith(".so")]
    zipfile.ZipFile(wheel).extractall(out, [name for name in names if ".dist-info/" not in name or "pytest" in name])
PYTHON
    rm -rf "$out"/numpy/{f2py,_pyinstaller,typing}
    touch "$out/.fetched"
fi
echo "$out"
