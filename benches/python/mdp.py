"""A decision process of a battle of two, solved by iteration of its values: tuples, dictionaries, fractions."""
from collections import defaultdict
from fractions import Fraction

HEALTH = 20
MOVES = ("strike", "guard", "heal", "gamble")


def damage(move):
    """(damage, probability) of a move."""
    if move == "strike":
        return ((2, Fraction(3, 4)), (4, Fraction(1, 4)))
    if move == "guard":
        return ((1, Fraction(1)),)
    if move == "gamble":
        return ((0, Fraction(1, 2)), (7, Fraction(1, 2)))
    return ((0, Fraction(1)),)


def outcomes(state, move):
    """The states after one's move and the other's answer, with their probabilities."""
    mine, other, potions = state
    found = defaultdict(Fraction)
    if move == "heal":
        mine, potions = min(HEALTH, mine + 5), potions - 1
    for hit, p in damage(move):
        left = other - hit
        if left <= 0:
            found["won"] += p
            continue
        for answer, q in (("strike", Fraction(2, 3)), ("gamble", Fraction(1, 3))):
            for back, r in damage(answer):
                if move == "guard":
                    back //= 2
                mine_left = mine - back
                key = "lost" if mine_left <= 0 else (mine_left, left, potions)
                found[key] += p * q * r
    return found


def solve():
    states = [
        (a, b, p) for a in range(1, HEALTH + 1) for b in range(1, HEALTH + 1) for p in range(3)
    ]
    choices = {}
    for state in states:
        allowed = [m for m in MOVES if m != "heal" or state[2]]
        choices[state] = [
            (move, [(next_state, float(p)) for next_state, p in outcomes(state, move).items()])
            for move in allowed
        ]
    value = {state: 0.5 for state in states}
    value["won"], value["lost"] = 1.0, 0.0
    rounds, change = 0, 1.0
    while change > 1e-9:
        change = 0.0
        rounds += 1
        for state in states:
            best = max(sum(p * value[to] for to, p in moves) for _, moves in choices[state])
            change = max(change, abs(best - value[state]))
            value[state] = best
    return value, rounds


value, rounds = solve()
print("rounds", rounds)
for state in ((20, 20, 2), (20, 20, 0), (3, 9, 1), (1, 14, 0)):
    print(state, f"{value[state]:.7f}")
