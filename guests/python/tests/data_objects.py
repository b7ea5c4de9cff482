"""Every data object, for tests in which one language writes and another reads: what each verb does is said in the
function of this name in C++ (guests/c/functions/data-objects.cpp)."""
import faasm
from faasm_ddo import (
    AtomicInt, Barrier, Counter, Dict, List, Matrix, MatrixReadOnly, Queue, SparseMatrixReadOnly, Vector, VectorAsync,
    write_sparse,
)

def fill(key, type, values):
    vector = Vector(key, len(values), type)
    for i, value in enumerate(values):
        vector[i] = value
    vector.push()

def write(key):
    fill(key + ".i32", "i32", [i * i - 50 for i in range(100)])
    fill(key + ".i64", "i64", [-i * (1 << 40) for i in range(10)])
    fill(key + ".f32", "f32", [i / 4 for i in range(7)])
    fill(key + ".f64", "f64", [i / 2 for i in range(50000)])
    matrix = Matrix(key + ".matrix", 3, 5)
    for row in range(3):
        for column in range(5):
            matrix[row, column] = 10 * row + column
    matrix.push()
    write_sparse(key + ".sparse", 6, [[(0, 1.5), (5, -2)], [], [(2, 8)], [(1, 1), (3, 3), (4, 4)]])
    counter = Counter(key + ".counter")
    counter.reset()
    counter.add(7)
    counter.add(-2)
    atomic = AtomicInt(key + ".atomic")
    atomic.set(7)
    assert not atomic.compare_and_swap(8, 1) and atomic.compare_and_swap(7, 9)
    entries = Dict(key + ".dict")
    entries["one"] = "1"
    entries["gone"] = "2"
    entries["zwei"] = b"\0\xff"
    del entries["gone"]
    elements, queue = List(key + ".list"), Queue(key + ".queue")
    elements.clear()
    queue.clear()
    for element in ("first", "", "third"):
        elements.append(element)
        queue.push(element)

def sum_of(key, type, times=1):
    vector = Vector(key, type=type)
    assert list(vector) == list(memoryview(vector)) and vector[-1] == memoryview(vector)[-1]
    return f"{len(vector)} {int(sum(vector) * times)}"

def read(key):
    matrix = MatrixReadOnly(key + ".matrix")
    sparse = SparseMatrixReadOnly(key + ".sparse")
    entries = Dict(key + ".dict")
    cells = [str(int(value)) for _, column in matrix.columns[1:4] for value in column]
    assert matrix[2, 4] == 24 and list(matrix.columns[-1]) == [4, 14, 24]
    stored = [f"{row}/{i}={int(value * 2)}" for i, column in sparse.columns[:] for row, value in column.non_nulls()]
    assert len(sparse.columns[1]) == 0 and list(sparse.columns[2].values) == [8]
    queue, taken = Queue(key + ".queue"), []
    while (element := queue.pop(0)) is not None:
        taken.append(element)
    said = lambda values: "".join(" " + (value.hex() or "-") for value in values)
    return "\n".join([
        "i32 " + sum_of(key + ".i32", "i32"),
        "i64 " + sum_of(key + ".i64", "i64"),
        "f32 " + sum_of(key + ".f32", "f32", 4),
        "f64 " + sum_of(key + ".f64", "f64", 2),
        f"matrix {matrix.n_rows} {matrix.n_columns}: " + " ".join(cells),
        f"sparse {sparse.n_rows} {sparse.n_columns} {sparse.n_nonzeros}: " + " ".join(stored),
        f"counter {Counter(key + '.counter').get()}",
        f"atomic {AtomicInt(key + '.atomic').get()}",
        "dict" + "".join(f" {name}{said([entries[name]])}" for name in entries),
        "list" + said(List(key + ".list")),
        "queue" + said(taken),
        "",
    ])

def main():
    verb, key, *rest = faasm.input().decode().split()
    if verb == "write":
        return write(key)
    if verb == "read":
        return read(key)
    if verb == "async":
        vector = VectorAsync(key + ".f64")
        vector[int(rest[0])] = float(rest[1])
        return vector.push()
    if verb == "add":
        counter = Counter(key)
        for _ in range(int(rest[0])):
            counter.add()
        return str(counter.get())
    if verb == "swap":
        atomic, left = AtomicInt(key), int(rest[0])
        while left:
            now = atomic.get()
            left -= atomic.compare_and_swap(now, now + 1)
        return str(atomic.get())
    if verb == "barrier":
        return str(Barrier(key, int(rest[0])).wait())
    if verb == "push":
        return str(Queue(key).push(rest[0]))
    if verb == "pop":
        return Queue(key).pop()
    if verb == "update":
        return str(len(Dict(key).update(rest[0], lambda old: (old or b"") + b"x")))
    raise ValueError(verb)
