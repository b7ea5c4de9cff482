"""Some real work for CPython: prints example.out."""
import collections
import dataclasses
import decimal
import functools
import hashlib
import heapq
import itertools
import json
import re
import statistics


@dataclasses.dataclass(order=True)
class Job:
    cost: int
    name: str = dataclasses.field(compare=False)


@functools.cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def primes():
    found = {}
    for n in itertools.count(2):
        p = found.pop(n, None)
        if p is None:
            yield n
            found[n * n] = n
        else:
            m = n + p
            while m in found:
                m += p
            found[m] = p


def recurse(depth):
    return recurse(depth + 1)


print("fib", fib(90))
print("primes", sum(itertools.takewhile(lambda p: p < 20000, primes())))
heap = [Job(i * 7919 % 101, f"job {i}") for i in range(100)]
heapq.heapify(heap)
print("jobs", [heapq.heappop(heap).name for _ in range(3)])
words = re.findall(r"\w+", __doc__.lower() + " the call of the state of the call")
print("words", collections.Counter(words).most_common(2))
print("digits", len(str(3**8000)), hashlib.sha256(str(3**8000).encode()).hexdigest()[:16])
with decimal.localcontext() as context:
    context.prec = 40
    print("root", decimal.Decimal(2).sqrt())
print("median", statistics.median(i * i % 1009 for i in range(5000)))
print("json", json.dumps(json.loads('{"b": [1, 2.5, null], "a": "\\u00e9"}'), sort_keys=True))
try:
    recurse(0)
except RecursionError as error:
    print("caught", type(error).__name__)
