"""What a function of the runtime can rely on."""

import sys

import numpy as np

import faasm

# At the upload: what is made here is in the snapshot.
TABLE = np.arange(1000.0) ** 2
IMPORTED = "numpy" in sys.modules


def main():
    what = faasm.input().decode()
    if what == "write":
        values = np.frombuffer(faasm.state("values", 8 * 16), np.int64)
        values[:] = np.arange(16) * 3
        return f"{values.sum()}"
    if what == "read":
        # Another Faaslet's memory is this one's.
        return f"{np.frombuffer(faasm.state('values'), np.int64).tolist()[-2:]}"
    if what == "output":
        faasm.set_output(np.arange(3, dtype=np.uint8))
        return
    if what == "child":
        return f"child {faasm.await_call(faasm.chain(child, b'1 2 3'))!r}"
    if what == "quiet":
        return 1
    if what == "fail":
        np.linalg.inv(np.zeros((2, 2)))
    if what == "random":
        return f"{np.random.random()}"
    return f"{IMPORTED} {TABLE[-1]} {np.__version__}"


def child():
    return str(np.array(faasm.input().split(), np.int64).sum())
