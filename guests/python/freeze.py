"""Compiles the standard library into two files that are linked with the interpreter.

    freeze.py LIB EXTRA OUT

LIB is CPython's folder Lib, EXTRA a folder with modules of our own; OUT/library.bin has the code of all, one after the
other, and OUT/library.c the table of it, for PyImport_FrozenModules. Run by a Python of the guest's version.
"""

import marshal
import os
import pathlib
import sys

# Packages that need what a function does not have: a screen, another process, a package manager.
LEFT_OUT = {
    "__phello__", "_pyrepl", "curses", "dbm", "ensurepip", "idlelib", "pydoc_data", "sqlite3",
    "test", "tests", "tkinter", "turtledemo", "venv", "wsgiref", "xmlrpc", "site-packages", "__pycache__",
    "lib-dynload", "config", "multiprocessing", "ctypes",
}  # fmt: skip
LEFT_OUT_FILES = {"turtle.py", "antigravity.py", "this.py", "pydoc.py", "__hello__.py"}


def modules(folder, package=""):
    """(name, path, whether it is a package) of every module below a folder."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name not in LEFT_OUT and (entry / "__init__.py").exists():
                name = package + entry.name
                yield name, entry / "__init__.py", True
                yield from modules(entry, name + ".")
        elif entry.suffix == ".py" and entry.name not in LEFT_OUT_FILES and entry.stem != "__init__":
            yield package + entry.stem, entry, False


def main(library, extra, out):
    blob, table = bytearray(), []
    for root in (pathlib.Path(library), pathlib.Path(extra)):
        for name, path, is_package in modules(root):
            shown = f"/usr/local/lib/python/{path.relative_to(root)}"
            code = marshal.dumps(compile(path.read_bytes(), shown, "exec", dont_inherit=True))
            table.append(f'    {{ "{name}", faasm_code + {len(blob)}, {len(code)}, {int(is_package)} }},')
            blob += code
    out = pathlib.Path(out)
    (out / "library.bin").write_bytes(blob)
    (out / "library.c").write_text(
        '#include "runtime.h"\n\n'
        "/* library.bin */\n"
        "extern const unsigned char faasm_code[];\n\n"
        "const struct _frozen faasm_library[] = {\n" + "\n".join(table) + "\n"
        "    { NULL, NULL, 0, 0 },\n};\n"
    )
    (out / "library.s").write_text(
        '    .section .rodata.faasm_code,"",@\n'
        "    .globl faasm_code\n"
        "    .type faasm_code,@object\n"
        "faasm_code:\n"
        f'    .incbin "{out / "library.bin"}"\n'
        f"    .size faasm_code, {len(blob)}\n"
    )
    print(f"{len(table)} modules, {len(blob)} bytes", file=sys.stderr)


if __name__ == "__main__":
    os.umask(0o022)
    main(*sys.argv[1:])
