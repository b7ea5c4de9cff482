#!/usr/bin/env bash
# Runs example.lua in Lua on this machine and in Lua in a Faaslet, and compares.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/guests/lua"
faasm=${FAASM:-$root/target/release/faasm}

"$here/build.sh" native
mkdir -p "$out/data"
"$out/lua" "$here/example.lua" "$out/data" > "$out/native.out"
"$faasm" run "$here/build/lua.wasm" --dir "$here::/mnt" --dir "$out/data::/data" \
    -- /mnt/example.lua /data > "$out/guest.out"
diff "$out/native.out" "$out/guest.out"
diff "$here/example.out" "$out/guest.out"
echo "Lua's answers are right" >&2
