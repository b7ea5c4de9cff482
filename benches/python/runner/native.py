"""In a process: runs a program as faaslet.py does; its processor time in seconds goes to standard error.

Neither the interpreter's start nor its imports are in the time.
"""

import contextlib
import gc
import io
import sys
import time

# As in faaslet.py.
import array, base64, collections, datetime, decimal, fractions, json, logging, math, pickle, random, re  # noqa: E401, F401

with open(sys.argv[1], "rb") as file:
    source = file.read()
gc.collect()
gc.freeze()
printed = io.StringIO()
begun = time.process_time()
with contextlib.redirect_stdout(printed):
    exec(compile(source, "input", "exec"), {"__name__": "__main__"})
took = time.process_time() - begun
sys.stdout.write(printed.getvalue())
sys.stderr.write(f"{took:.9f}")
