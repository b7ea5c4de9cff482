"""Numerical kernels in plain Python: relaxation, sparse product, Monte Carlo, LU factors, a Fourier transform."""
import math
from array import array


class Random:
    """A lagged Fibonacci generator."""

    def __init__(self, seed):
        self.values = []
        for _ in range(17):
            seed = seed * 69069 + 1 & 0x7FFFFFFF
            self.values.append(seed)
        self.i, self.j = 4, 16

    def next(self):
        values, i, j = self.values, self.i, self.j
        k = values[i] - values[j]
        if k < 0:
            k += 0x7FFFFFFF
        values[j] = k
        self.i = i - 1 if i else 16
        self.j = j - 1 if j else 16
        return k / 0x7FFFFFFF

    def vector(self, n):
        return array("d", [self.next() for _ in range(n)])


class Matrix:
    def __init__(self, width, height, data):
        self.width = width
        self.height = height
        self.data = data

    def __getitem__(self, at):
        x, y = at
        return self.data[y * self.width + x]

    def __setitem__(self, at, value):
        x, y = at
        self.data[y * self.width + x] = value


def relaxation(n, times):
    grid = Matrix(n, n, Random(101).vector(n * n))
    omega = 1.25
    for _ in range(times):
        for y in range(1, n - 1):
            for x in range(1, n - 1):
                around = grid[x, y - 1] + grid[x, y + 1] + grid[x - 1, y] + grid[x + 1, y]
                grid[x, y] = omega * 0.25 * around + (1.0 - omega) * grid[x, y]
    return sum(grid.data)


def sparse(n, per_row, times):
    rng = Random(102)
    x = rng.vector(n)
    columns = [[(row * 7 + i * (row % 13 + 1)) % n for i in range(per_row)] for row in range(n)]
    values = [rng.vector(per_row) for _ in range(n)]
    y = array("d", bytes(8 * n))
    for _ in range(times):
        for row in range(n):
            total = 0.0
            for column, value in zip(columns[row], values[row]):
                total += x[column] * value
            y[row] = total
    return sum(y)


def monte_carlo(n):
    rng = Random(113)
    under = 0
    for _ in range(n):
        x, y = rng.next(), rng.next()
        if x * x + y * y <= 1.0:
            under += 1
    return 4.0 * under / n


def lu(n, times):
    rng = Random(104)
    start = [rng.vector(n) for _ in range(n)]
    for _ in range(times):
        a = [row[:] for row in start]
        sign = 1.0
        for j in range(n):
            pivot = max(range(j, n), key=lambda i: abs(a[i][j]))
            if pivot != j:
                a[j], a[pivot] = a[pivot], a[j]
                sign = -sign
            top = a[j]
            inverse = 1.0 / top[j]
            for i in range(j + 1, n):
                row = a[i]
                row[j] *= inverse
                factor = row[j]
                for k in range(j + 1, n):
                    row[k] -= factor * top[k]
    return sign * math.fsum(math.log(abs(a[i][i])) for i in range(n))


def transform(real, imag, direction):
    n = len(real)
    j = 0
    for i in range(n - 1):
        if i < j:
            real[i], real[j] = real[j], real[i]
            imag[i], imag[j] = imag[j], imag[i]
        k = n >> 1
        while k <= j:
            j -= k
            k >>= 1
        j += k
    size = 1
    while size < n:
        angle = direction * math.pi / size
        for start in range(size):
            c, s = math.cos(angle * start), math.sin(angle * start)
            for a in range(start, n, 2 * size):
                b = a + size
                x = c * real[b] - s * imag[b]
                y = s * real[b] + c * imag[b]
                real[b], imag[b] = real[a] - x, imag[a] - y
                real[a] += x
                imag[a] += y
        size *= 2


def fft(n, times):
    rng = Random(105)
    real, imag = rng.vector(n), rng.vector(n)
    before = real[:]
    for _ in range(times):
        transform(real, imag, 1)
        transform(real, imag, -1)
        for i in range(n):
            real[i] /= n
            imag[i] /= n
    return max(abs(a - b) for a, b in zip(before, real)) < 1e-12, sum(real)


print(f"SOR {relaxation(60, 30):.8f}")
print(f"sparse {sparse(500, 10, 120):.8f}")
print(f"Monte Carlo {monte_carlo(180000):.8f}")
print(f"LU {lu(40, 30):.8f}")
close, total = fft(512, 30)
print(f"FFT {close} {total:.8f}")
