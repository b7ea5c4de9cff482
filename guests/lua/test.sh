#!/usr/bin/env bash
# Runs example.lua in Lua on this machine and in Lua in a Faaslet, and compares; then Lua's own tests.
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

# Each in a program of its own. Left out, with what each test leaves out by itself where there is no shell (_port):
#   all     runs the others
#   heavy   fills the memory of a machine
#   main    is about the command line, in a shell
#   api, code, ltests   need a build of Lua with hooks for its tests
skipped=' all heavy main api code ltests '
# The C library has a locale of any name, with the decimal point of C.
prelude='_port, _nomsg = true, true
local set = os.setlocale
os.setlocale = function(name, ...) if name ~= "pt_BR" and name ~= "ptb" then return set(name, ...) end end'
tests=$("$here/tests.sh")
"$faasm" compile "$here/build/lua.wasm" -o "$out/lua.o" 2> "$out/said"
passed=0
for file in "$tests"/*.lua; do
    name=$(basename "$file" .lua)
    [[ $skipped == *" $name "* ]] && continue
    rm -rf "$out/work"
    mkdir -p "$out/work/tmp"
    cp -r "$tests"/. "$out/work"
    # A file without a name is the current folder to the C library.
    sed -i 's/= ";"    -- empty template/= "none"/' "$out/work/attrib.lua"
    script=("/$name.lua")
    # It yields, as all.lua knows.
    [ "$name" = big ] && script=(-e 'big = coroutine.wrap(loadfile("/big.lua")); assert(big() == "b" and big() == "a")')
    if ! "$faasm" run "$out/lua.o" --dir "$out/work::/" --env PATH=/ -- -e "$prelude" "${script[@]}" > "$out/said" 2>&1; then
        tail -n 20 "$out/said" >&2
        echo "Lua's own test $name failed" >&2
        exit 1
    fi
    passed=$((passed + 1))
done
rm -rf "$out/work"
echo "Lua's answers are right; $passed of its own tests pass" >&2
