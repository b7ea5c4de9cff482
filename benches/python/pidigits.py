"""Digits of pi one by one (Gibbons' spigot): products and quotients of large integers."""


def digits():
    q, r, t, k, n, m = 1, 0, 1, 1, 3, 3
    while True:
        if 4 * q + r - t < n * t:
            yield n
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, m = (
                q * k,
                (2 * q + r) * m,
                t * m,
                k + 1,
                (q * (7 * k + 2) + r * m) // (t * m),
                m + 2,
            )


def main(n):
    found = []
    for digit in digits():
        found.append(digit)
        if len(found) == n:
            break
    text = "".join(map(str, found))
    print(text[:20], text[-20:], sum(found))


main(3000)
