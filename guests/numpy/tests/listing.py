"""Listing 1 of the paper with arrays: the problem, the steps and the numbers are those of guests/c/sgd, which makes it.

    train KEY WORKERS EPOCHS    learns it; a line for each epoch
"""

import numpy as np

import faasm
from faasm_ddo import MatrixReadOnly, SparseMatrixReadOnly, Vector, VectorAsync

# After so many examples a worker sends what it has learnt to the other hosts.
PUSH_EVERY = 2000
# How much rare features are held back.
SHRINK = 0.1


def weight_update():
    """A worker: learns from the examples of its task."""
    key, epoch, begin, end = faasm.input().decode().split()
    examples = SparseMatrixReadOnly(key + "_a")
    labels = np.asarray(MatrixReadOnly(key + "_b"))[0]
    counts = np.asarray(Vector(key + "_counts", type="i32"))
    weights = VectorAsync(key + "_weights")
    rate = 0.5 * 0.8 ** int(epoch)
    for learnt, (index, example) in enumerate(examples.columns[int(begin) : int(end)], 1):
        features, values = np.asarray(example.rows), np.asarray(example.values)
        of_example, label = weights[features], labels[index]
        step = rate * label if label * (values @ of_example) < 1 else 0
        weights[features] = (of_example + step * values) * (1 - rate * SHRINK / counts[features])
        if learnt % PUSH_EVERY == 0:
            weights.push()
    weights.push()


def loss():
    """A worker: how far the weights are from right, in sum, for the examples of its task."""
    key, _, begin, end = faasm.input().decode().split()
    examples = SparseMatrixReadOnly(key + "_a")
    labels = np.asarray(MatrixReadOnly(key + "_b"))[0]
    weights = np.asarray(Vector(key + "_weights"))
    margins = [
        labels[index] * (np.asarray(example.values) @ weights[np.asarray(example.rows)])
        for index, example in examples.columns[int(begin) : int(end)]
    ]
    return f"{sum(max(0, 1 - margin) for margin in margins)} {sum(margin > 0 for margin in margins)}"


def for_all(function, key, epoch, workers):
    """Chains a call for each of `workers` parts of the examples, and awaits them all."""
    n = MatrixReadOnly(key + "_b").n_columns
    calls = [faasm.chain(function, f"{key} {epoch} {n * i // workers} {n * (i + 1) // workers}") for i in range(workers)]
    return [faasm.await_call(call).split() for call in calls]


def main():
    _, key, workers, epochs = faasm.input().decode().split()
    n, said = MatrixReadOnly(key + "_b").n_columns, ""
    for epoch in range(int(epochs)):
        for_all(weight_update, key, epoch, int(workers))
        found = for_all(loss, key, 0, int(workers))
        hinge, right = sum(float(hinge) for hinge, _ in found), sum(int(right) for _, right in found)
        said += f"epoch {epoch + 1} loss {hinge / n:.6f} right {right / n:.4f}\n"
    return said
