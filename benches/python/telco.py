"""A telephone company's bills: decimal arithmetic with rounding."""
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, setcontext


def calls(n):
    """Durations in seconds, the same each time."""
    seed = 20260725
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        yield seed % 9973


def bill(n):
    two, half_even, down = Decimal("0.01"), ROUND_HALF_EVEN, ROUND_DOWN
    rates = Decimal("0.0013"), Decimal("0.00894")
    base_tax, distance_tax = Decimal("0.0675"), Decimal("0.0341")
    total = base = distance = Decimal(0)
    printed = 0
    for seconds in calls(n):
        far = seconds & 1
        price = (rates[far] * Decimal(seconds)).quantize(two, rounding=half_even)
        tax = (price * base_tax).quantize(two, rounding=down)
        base += tax
        cost = price + tax
        if far:
            extra = (price * distance_tax).quantize(two, rounding=down)
            distance += extra
            cost += extra
        total += cost
        printed += len(str(cost))
    return total, base, distance, printed


setcontext(Context(prec=28))
print(*bill(240000))
