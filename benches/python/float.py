"""Objects of three floating-point numbers, normalised and compared."""
from math import cos, sin, sqrt


class Point:
    __slots__ = ("x", "y", "z")

    def __init__(self, i):
        self.x = x = sin(i)
        self.y = cos(i) * 3
        self.z = (x * x) / 2

    def normalise(self):
        x, y, z = self.x, self.y, self.z
        size = sqrt(x * x + y * y + z * z)
        self.x /= size
        self.y /= size
        self.z /= size

    def maximise(self, other):
        self.x = self.x if self.x > other.x else other.x
        self.y = self.y if self.y > other.y else other.y
        self.z = self.z if self.z > other.z else other.z
        return self


def benchmark(n):
    points = [Point(i) for i in range(n)]
    for point in points:
        point.normalise()
    largest = points[0]
    for point in points[1:]:
        largest = largest.maximise(point)
    return largest


for n in (100000, 150000, 200000):
    p = benchmark(n)
    print(n, f"{p.x:.9f} {p.y:.9f} {p.z:.9f}")
