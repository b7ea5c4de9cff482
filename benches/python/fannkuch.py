"""Pancake flips over all permutations: list slices and integers."""


def fannkuch(n):
    count = list(range(1, n + 1))
    most, checksum, number = 0, 0, 0
    permutation = list(range(n))
    while True:
        first = permutation[0]
        if first:
            work = permutation[:]
            flips = 0
            while first:
                work[: first + 1] = work[first::-1]
                flips += 1
                first = work[0]
            most = max(most, flips)
            checksum += -flips if number & 1 else flips
        number += 1
        r = 1
        while True:
            if r == n:
                return checksum, most
            permutation.insert(r, permutation.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            count[r] = r + 1
            r += 1


print("fannkuch", fannkuch(9))
