#!/usr/bin/env bash
# Builds the functions in AssemblyScript to assemblyscript/build/*.wasm, and the
# template. The compiler comes from npm, in the versions of package-lock.json.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work="$here/../../target/guest-toolchain/assemblyscript"
mkdir -p "$work" "$here/build"
rm -rf "$work"/{faasm,functions,template}
cp -r "$here"/{package.json,package-lock.json,faasm,functions,template} "$work/"
cd "$work"
npm ci --silent --no-audit --no-fund
for source in functions/*.ts template/function.ts; do
    name=$(basename "${source%.ts}")
    npx asc "$source" node_modules/faasm/entry.ts --config node_modules/faasm/asconfig.json \
        -o "$work/$name.wasm"
    [ "$name" = function ] || install -m 644 "$work/$name.wasm" "$here/build/"
done
