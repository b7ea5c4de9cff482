"""A function in Python: `faasm upload USER/NAME function.py`."""

import faasm

# This runs once, at the upload. Every call starts from what it leaves behind.
GREETING = "Hello"


def main():
    name = faasm.input().decode() or "world"
    return f"{GREETING}, {name}!\n"
