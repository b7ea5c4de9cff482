"""Tuples and lists taken apart into names."""


def unpack(rounds, sequence):
    total = 0
    for _ in range(rounds):
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        a, b, c, d, e, f, g, h, i, j = sequence
        total += a + j
    return total


def pairs(rounds):
    items = [(n, (n + 1, n + 2)) for n in range(100)]
    total = 0
    for _ in range(rounds):
        for a, (b, c) in items:
            b, c = c, b
            total += a + b - c
    return total


def starred(rounds):
    total = 0
    for _ in range(rounds):
        first, *middle, last = range(10)
        total += first + len(middle) + last
    return total


print(unpack(400000, tuple(range(10))), unpack(400000, list(range(10))), pairs(16000), starred(200000))
