#!/usr/bin/env python3
"""Makes a function of a script: pack.py SCRIPT.js FUNCTION.wasm

The engine (build/engine.wasm) has a place for a script in its data: a marker, the
script's length in seven digits, a space, and room for the script. This fills it in.
"""
import pathlib
import sys

MARKER = b"FAASM JAVASCRIPT MODULE 0000000 "
ROOM = 131072


def pack(engine: bytes, script: bytes) -> bytes:
    if len(script) >= ROOM:
        sys.exit(f"the script has {len(script)} bytes, {ROOM - 1} fit")
    script.decode("utf-8")
    start = engine.index(MARKER)
    if engine.find(MARKER, start + 1) != -1:
        sys.exit("the engine has more than one place for a script")
    filled = MARKER[:-8] + b"%07d " % len(script) + script
    end = start + len(MARKER) + ROOM
    return engine[:start] + filled.ljust(end - start, b"\0") + engine[end:]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    here = pathlib.Path(__file__).parent
    engine = (here / "build" / "engine.wasm").read_bytes()
    script = pathlib.Path(sys.argv[1]).read_bytes()
    pathlib.Path(sys.argv[2]).write_bytes(pack(engine, script))
