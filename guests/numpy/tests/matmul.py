"""A matrix product by divide and conquer over chained calls, as in the paper's experiment.

The matrices are values of the state, which every call has as arrays over the shared memory: nothing of them is sent.
A product of two halved matrices is eight products of quarters, each a chained call of this file, and four sums.
With two divisions those are 64 calls that multiply and 9 that add (the first of which is the call from outside).
"""

import json

import numpy as np

import faasm


def matrix(key, n):
    """A square matrix in the state, made of zeros if it is not there: the value's own memory."""
    return np.frombuffer(faasm.state(key, n * n * 8), np.float64).reshape(n, n)


def main():
    task = json.loads(faasm.input())
    n, divisions = task["n"], task["divisions"]
    a, b = matrix("a", n), matrix("b", n)
    if task["numbers"] == "whole":
        # Every order of additions gives the same sums.
        a[:] = (np.arange(n * n) * 7919 % 101 - 50).reshape(n, n)
        b[:] = (np.arange(n * n) * 104729 % 97 - 48).reshape(n, n)
    else:
        rng = np.random.default_rng(7)
        a[:], b[:] = rng.random((n, n)), rng.random((n, n))
    # Two arrays over a value are over the same bytes.
    assert matrix("a", n).__array_interface__["data"] == a.__array_interface__["data"]
    product("c", n, (0, 0, 0), n, divisions)
    c, own = matrix("c", n), a @ b
    same = np.array_equal(c, own) if task["numbers"] == "whole" else np.allclose(c, own, rtol=1e-12)
    return f"{n} {same} {c.sum() == own.sum() or abs(c.sum() / own.sum() - 1) < 1e-12}"


def product(key, n, place, size, divisions):
    """Row i, column j: the product of the block (i, k) of `a` and (k, j) of `b`, of `size`, is the value `key`."""
    i, j, k = place
    c = matrix(key, size)
    if divisions == 0:
        a = matrix("a", n)[i : i + size, k : k + size]
        np.matmul(a, matrix("b", n)[k : k + size, j : j + size], out=c)
        return
    h = size // 2
    quarters = [(r, s, t) for r in (0, h) for s in (0, h) for t in (0, h)]
    calls = []
    for r, s, t in quarters:
        part = f"{key}/{r // h}{s // h}{t // h}"
        task = {"key": part, "n": n, "place": [i + r, j + s, k + t], "size": h, "divisions": divisions - 1}
        calls.append((part, r, s, t, faasm.chain(multiply, json.dumps(task))))
    for part, r, s, t, call in calls:
        faasm.await_call(call)
        block = c[r : r + h, s : s + h]
        # The first of the two that are added comes first.
        np.copyto(block, matrix(part, h)) if t == 0 else np.add(block, matrix(part, h), out=block)


def multiply():
    task = json.loads(faasm.input())
    product(task["key"], task["n"], task["place"], task["size"], task["divisions"])
