"""Planets around a sun: floating-point numbers in lists."""

PI = 3.14159265358979323
SOLAR_MASS = 4 * PI * PI
YEAR = 365.24

# Position, velocity, mass of the sun, Jupiter, Saturn, Uranus and Neptune.
BODIES = [
    ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], SOLAR_MASS),
    (
        [4.84143144246472090, -1.16032004402742839, -0.103622044471123109],
        [0.00166007664274403694 * YEAR, 0.00769901118419740425 * YEAR, -0.0000690460016972063023 * YEAR],
        0.000954791938424326609 * SOLAR_MASS,
    ),
    (
        [8.34336671824457987, 4.12479856412430479, -0.403523417114321381],
        [-0.00276742510726411059 * YEAR, 0.00499852801234917238 * YEAR, 0.0000230417297573763929 * YEAR],
        0.000285885980666130812 * SOLAR_MASS,
    ),
    (
        [12.8943695621391310, -15.1111514016986312, -0.223307578892655734],
        [0.00296460137564761618 * YEAR, 0.00237847173959480950 * YEAR, -0.0000296589568540237556 * YEAR],
        0.0000436624404335156298 * SOLAR_MASS,
    ),
    (
        [15.3796971148509165, -25.9193146099879641, 0.179258772950371181],
        [0.00268067772490389322 * YEAR, 0.00162824170038242295 * YEAR, -0.0000951592254519715870 * YEAR],
        0.0000515138902046611451 * SOLAR_MASS,
    ),
]


def pairs(bodies):
    return [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1 :]]


def advance(dt, n, bodies, pairs):
    for _ in range(n):
        for (a, va, ma), (b, vb, mb) in pairs:
            ax, ay, az = a
            bx, by, bz = b
            dx, dy, dz = ax - bx, ay - by, az - bz
            pull = dt * (dx * dx + dy * dy + dz * dz) ** -1.5
            to_a, to_b = mb * pull, ma * pull
            va[0] -= dx * to_a
            va[1] -= dy * to_a
            va[2] -= dz * to_a
            vb[0] += dx * to_b
            vb[1] += dy * to_b
            vb[2] += dz * to_b
        for r, v, _ in bodies:
            r[0] += dt * v[0]
            r[1] += dt * v[1]
            r[2] += dt * v[2]


def energy(bodies, pairs):
    total = 0.0
    for (a, _, ma), (b, _, mb) in pairs:
        away = sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5
        total -= ma * mb / away
    for _, v, m in bodies:
        total += m * sum(x * x for x in v) / 2
    return total


def main():
    momentum = [sum(v[i] * m for _, v, m in BODIES) for i in range(3)]
    for i in range(3):
        BODIES[0][1][i] -= momentum[i] / SOLAR_MASS
    between = pairs(BODIES)
    print(f"{energy(BODIES, between):.9f}")
    advance(0.01, 80000, BODIES, between)
    print(f"{energy(BODIES, between):.9f}")


main()
