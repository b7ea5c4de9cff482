"""Some real work for NumPy: prints example.out."""
import hashlib

import numpy as np


def product(a, b):
    """A matrix product by quarters, down to blocks of 64."""
    n = len(a)
    if n <= 64:
        return a @ b
    h = n // 2
    out = np.empty((n, n), a.dtype)
    for i in (0, h):
        for j in (0, h):
            out[i : i + h, j : j + h] = product(a[i : i + h, :h], b[:h, j : j + h]) + product(
                a[i : i + h, h:], b[h:, j : j + h]
            )
    return out


n = 256
a = (np.arange(n * n, dtype=np.int64) * 7919 % 101 - 50).reshape(n, n).astype(np.float64)
b = (np.arange(n * n, dtype=np.int64) * 104729 % 97 - 48).reshape(n, n).astype(np.float64)
c = a @ b
print("product", np.array_equal(product(a, b), c), hashlib.sha256(c.astype(np.int64).tobytes()).hexdigest()[:16])
print("trace", int(np.trace(c)), int(c.sum()))
m = np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 4]])
print("solve", np.round(np.linalg.solve(m, [3, 5, 5]), 12).tolist(), round(float(np.linalg.det(m)), 9))
print("eigenvalues", np.round(np.linalg.eigvalsh(m), 9).tolist())
signal = np.sin(2 * np.pi * 5 * np.arange(64) / 64)
print("transform", int(np.argmax(np.abs(np.fft.rfft(signal)))), bool(np.allclose(np.fft.irfft(np.fft.rfft(signal)), signal)))
print("sort", np.sort(np.arange(1000) * 7 % 13)[::100].tolist(), int(np.cumsum(np.arange(100000, dtype=np.int64))[-1]))
print("text", np.char.upper(np.array(["a", "bc"])).tolist())
memory = bytearray(32)
view = np.frombuffer(memory, dtype=np.int64)
view[:] = [1, 2, 3, 4]
print("shared", memory[24], view.base is not None)
try:
    np.linalg.inv(np.zeros((2, 2)))
except np.linalg.LinAlgError as error:
    print("caught", error)
