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

def pair(key):
    """A strong value of two integers, which a lock to read is enough to copy."""
    return " ".join(map(str, memoryview(faasm.read_state(key)).cast("q")))

def tries():
    """What another call has of the lock while this one does what it does: a chained one."""
    key, said = faasm.input().decode(), "read no"
    reading = faasm.GlobalLock(key, shared=True, timeout=0)
    if reading.acquire():
        said = "read " + pair(key)
        reading.release()
    try:
        with faasm.GlobalLock(key, timeout=0.02):
            return said + ", write yes"
    except TimeoutError:
        return said + ", write no"

def others(key):
    return faasm.await_call(faasm.chain(tries, key)).decode() + "\n"

def lock(key):
    with faasm.GlobalLock(key) as held:
        first = held.token
        numbers = Vector(key, 2, "i64")
        numbers[0], numbers[1] = 7, -7
        said = "held: " + others(key)
    said += "given up: " + others(key)
    with faasm.GlobalLock(key, shared=True):
        said += "held to read: " + others(key)
    with faasm.GlobalLock(key, timeout=10) as held:
        larger = 0 < first < held.token
    return said + "token: " + ("larger\n" if larger and not held.token else "not larger\n")

def deposit(key, n):
    for _ in range(n):
        with faasm.GlobalLock(key):
            account = Vector(key, 1, "i64")
            account[0] += 1
            account.push()
    with faasm.GlobalLock(key, shared=True):
        return str(int.from_bytes(faasm.read_state(key), "little"))

def versions(key):
    push = lambda version: "yes" if faasm.push_state(key, version) else "no"
    faasm.write_state(key, "first")
    version = faasm.state_version(key)
    value = faasm.state(key)
    unwritten = faasm.push_state(key, version) and faasm.state_version(key) == version
    faasm.write_state(key, "other", push=False)
    said = f"unwritten {'nothing' if unwritten else 'written'}, other {push(version + 1)}, same {push(version)}"
    faasm.write_state(key, "again", push=False)
    said += f", old {push(version)}"
    memoryview(value)[0] = 65
    assert not value.push_if(version) and value.push_if(faasm.state_version(key))
    value.pull()
    assert faasm.read_state(key) == b"Again"
    return said

def meet():
    """A call that waits at a barrier for the other, round for round: which it was each time."""
    key, n = faasm.input().decode().split()
    gate = Barrier(key, 2)
    return " ".join(str(gate.wait()) for _ in range(int(n)))

def meeting(key, n):
    """Two chained calls meet: in each round, one was the first and one the second."""
    calls = [faasm.chain(meet, f"{key} {n}") for _ in range(2)]
    rounds = zip(*(faasm.await_call(call).decode().split() for call in calls))
    return " ".join("".join(sorted(which)) for which in rounds)

def main():
    verb, key, *rest = faasm.input().decode().split()
    if verb == "lock":
        return lock(key)
    if verb == "deposit":
        return deposit(key, int(rest[0]))
    if verb == "versions":
        return versions(key)
    if verb == "meet":
        return meeting(key, int(rest[0]))
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
