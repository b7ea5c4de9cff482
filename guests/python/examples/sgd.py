"""Listing 1 of the paper: stochastic gradient descent (hinge loss, HOGWILD) over a sparse matrix of examples, their
labels, and weights that all workers share. The problem is the one of guests/c/sgd, number for number.

    make KEY EXAMPLES FEATURES SEED    makes the problem
    train KEY WORKERS EPOCHS           learns it; a line for each epoch
    loss KEY                           the loss of the weights that are there
"""

import math

import faasm
from faasm_ddo import Matrix, MatrixReadOnly, SparseMatrixReadOnly, Vector, VectorAsync, write_sparse

# After so many examples a worker sends what it has learnt to the other hosts.
PUSH_EVERY = 2000
# How much rare features are held back.
SHRINK = 0.1


def dot(column, weights):
    total = 0.0
    for row, value in column.non_nulls():
        total += value * weights[row]
    return total


def weight_update():
    """A worker: learns from the examples of its task."""
    key, epoch, begin, end = faasm.input().decode().split()
    examples = SparseMatrixReadOnly(key + "_a")
    labels = MatrixReadOnly(key + "_b")
    counts = Vector(key + "_counts", type="i32")
    weights = VectorAsync(key + "_weights")
    rate = 0.5 * 0.8 ** int(epoch)
    learnt = 0
    for index, example in examples.columns[int(begin) : int(end)]:
        label = labels.columns[index][0]
        step = rate * label if label * dot(example, weights) < 1 else 0
        for feature, value in example.non_nulls():
            weights[feature] = (weights[feature] + step * value) * (1 - rate * SHRINK / counts[feature])
        learnt += 1
        if learnt % PUSH_EVERY == 0:
            weights.push()
    weights.push()


def loss():
    """A worker: how far the weights are from right, in sum, for the examples of its task."""
    key, _, begin, end = faasm.input().decode().split()
    examples = SparseMatrixReadOnly(key + "_a")
    labels = MatrixReadOnly(key + "_b")
    weights = Vector(key + "_weights")
    total, right = 0, 0
    for index, example in examples.columns[int(begin) : int(end)]:
        margin = labels.columns[index][0] * dot(example, weights)
        total += max(0, 1 - margin)
        right += margin > 0
    return f"{total!r} {right}"


def for_all(function, key, epoch, workers):
    """Chains a call for each of `workers` parts of the examples, and awaits them all."""
    n = MatrixReadOnly(key + "_b").n_columns
    calls = [faasm.chain(function, f"{key} {epoch} {n * i // workers} {n * (i + 1) // workers}") for i in range(workers)]
    return [faasm.await_call(call) for call in calls]


def describe(key, workers):
    n = MatrixReadOnly(key + "_b").n_columns
    said = [output.split() for output in for_all(loss, key, 0, workers)]
    return f"loss {sum(float(s) for s, _ in said) / n:.6f} right {sum(int(r) for _, r in said) / n:.4f}\n"


def train(key, workers, epochs):
    said = ""
    for epoch in range(epochs):
        for_all(weight_update, key, epoch, workers)
        said += f"epoch {epoch + 1} " + describe(key, workers)
    return said


class Random:
    """SplitMix64."""

    def __init__(self, seed, index):
        self.state = seed ^ (index * 0xD1342543DE82EF95 & (1 << 64) - 1)
        self.state = self.next()

    def next(self):
        self.state = self.state + 0x9E3779B97F4A7C15 & (1 << 64) - 1
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
        z = (z ^ z >> 27) * 0x94D049BB133111EB & (1 << 64) - 1
        return z ^ z >> 31

    def unit(self):
        return (self.next() >> 11) * 2.0**-53


def example(n_features, seed, truth, index):
    """Features, values and the label of an example."""
    random = Random(seed, index)
    drawn = [random.unit() for _ in range(50 + random.next() % 61)]
    features = sorted({int(n_features * (u * u * u)) for u in drawn})
    values = [0.2 + random.unit() for _ in features]
    square = 0.0
    for value in values:
        square += value * value
    length = math.sqrt(square)
    values = [value / length for value in values]
    margin = 0.0
    for feature, value in zip(features, values):
        margin += value * truth[feature]
    return features, values, -1 if (margin < 0) == (random.unit() < 0.95) else 1


def make(key, n, n_features, seed):
    truth = [2 * Random(seed + 1, i).unit() - 1 for i in range(n_features)]
    counts = Vector(key + "_counts", n_features, "i32")
    counts[:] = memoryview(bytes(4 * n_features)).cast("i")
    labels = Matrix(key + "_b", 1, n)
    columns = []
    for index in range(n):
        features, values, labels[0, index] = example(n_features, seed, truth, index)
        columns.append(list(zip(features, values)))
        for feature in features:
            counts[feature] += 1
    write_sparse(key + "_a", n_features, columns)
    labels.push()
    counts.push()
    weights = Vector(key + "_weights", n_features)
    weights[:] = memoryview(bytes(8 * n_features)).cast("d")
    weights.push()


def main():
    verb, key, *rest = faasm.input().decode().split()
    numbers = [int(word) for word in rest]
    if verb == "make":
        return make(key, *numbers)
    if verb == "train":
        return train(key, *numbers)
    return describe(key, 1)
