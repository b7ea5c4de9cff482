"""A chaos game along splines: small vector objects, method calls, attributes, random numbers."""
import random


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y)

    def scaled(self, by):
        return Vector(self.x * by, self.y * by)

    def distance(self, other):
        away = self - other
        return (away.x * away.x + away.y * away.y) ** 0.5

    def between(self, other, part):
        return self + (other - self).scaled(part)


class Spline:
    """A B-spline, evaluated by de Boor's recursion."""

    def __init__(self, points, degree):
        self.points = points
        self.degree = degree
        inner = range(1, len(points) - degree)
        self.knots = [0] * (degree + 1) + list(inner) + [len(points) - degree] * (degree + 1)

    def domain(self):
        return self.knots[self.degree], self.knots[len(self.knots) - 1 - self.degree]

    def span(self, at):
        for i in range(self.degree, len(self.knots) - 1 - self.degree):
            if self.knots[i] <= at < self.knots[i + 1]:
                return i
        return len(self.knots) - self.degree - 2

    def __call__(self, at):
        i = self.span(at)
        work = [self.points[i - self.degree + j] for j in range(self.degree + 1)]
        for r in range(1, self.degree + 1):
            for j in range(self.degree, r - 1, -1):
                low = self.knots[i - self.degree + j]
                high = self.knots[i + 1 + j - r]
                part = (at - low) / (high - low)
                work[j] = work[j - 1].between(work[j], part)
        return work[self.degree]


class Game:
    def __init__(self, splines, thickness, seed):
        self.splines = splines
        self.thickness = thickness
        self.random = random.Random(seed)
        self.lengths = [self.length(s) for s in splines]
        self.total = sum(self.lengths)

    def length(self, spline):
        low, high = spline.domain()
        steps = 200
        last, length = spline(low), 0.0
        for i in range(1, steps + 1):
            here = spline(low + (high - low) * i / steps)
            length += last.distance(here)
            last = here
        return length

    def pick(self):
        at = self.random.random() * self.total
        for index, length in enumerate(self.lengths):
            if at <= length:
                return index
            at -= length
        return len(self.lengths) - 1

    def step(self, point):
        spline = self.splines[self.pick()]
        low, high = spline.domain()
        at = low + (high - low) * point.x
        here = spline(at)
        eps = 1.0 / 50000
        if at + eps < high:
            slope = spline(at + eps) - here
        else:
            slope = here - spline(at - eps)
        size = (slope.x * slope.x + slope.y * slope.y) ** 0.5
        away = self.thickness * (point.y - 0.5)
        x = here.x - slope.y / size * away
        y = here.y + slope.x / size * away
        return Vector(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))


def main():
    curves = [
        [(0.16, 0.38), (0.27, 0.05), (0.74, 0.13), (0.81, 0.42), (0.62, 0.56), (0.93, 0.71)],
        [(0.05, 0.90), (0.33, 0.62), (0.41, 0.97), (0.58, 0.84)],
        [(0.70, 0.30), (0.55, 0.48), (0.25, 0.52), (0.12, 0.71), (0.20, 0.80)],
    ]
    splines = [Spline([Vector(x, y) for x, y in curve], 3) for curve in curves]
    game = Game(splines, 0.25, 1234)
    size = 64
    hits = [[0] * size for _ in range(size)]
    point = Vector(0.5, 0.5)
    for _ in range(24000):
        point = game.step(point)
        hits[min(int(point.y * size), size - 1)][min(int(point.x * size), size - 1)] += 1
    print("hit", sum(1 for row in hits for n in row if n), "most", max(map(max, hits)))
    print("rows", [sum(row) for row in hits[::8]])


main()
