"""Data objects are arrays over the state's memory, and what is written through those goes where a push sends it."""

import numpy as np

import faasm
from faasm_ddo import Matrix, MatrixReadOnly, SparseMatrixReadOnly, Vector, VectorAsync, write_sparse

TYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}


def address(array):
    return array.__array_interface__["data"][0]


def write():
    """Writes through arrays, and nothing else."""
    for type, dtype in TYPES.items():
        vector = Vector(f"v.{type}", 1000, type)
        array, again = np.asarray(vector), np.frombuffer(vector, dtype)
        assert array.dtype == dtype and array.shape == (1000,) and address(array) == address(again)
        array[:] = np.arange(1000)
        assert vector[999] == 999 and again[-1] == 999
        vector.push()
    matrix = Matrix("m", 3, 5)
    array = np.asarray(matrix)
    assert array.shape == (3, 5) and address(array) == address(np.asarray(matrix.view()))
    array[:] = np.arange(15).reshape(3, 5)
    assert matrix[2, 4] == 14 and list(matrix.columns[1]) == [1, 6, 11]
    matrix.push()
    write_sparse("s", 4, [[(0, 1.5), (3, 2)], [], [(1, 4)]])


def read():
    """In another Faaslet, of what was pushed: it is fetched anew."""
    said = []
    for type, dtype in TYPES.items():
        vector = Vector(f"v.{type}", type=type)
        vector.pull()
        said.append(f"{np.asarray(vector).sum():.0f}")
    matrix = MatrixReadOnly("m")
    said.append(f"{np.asarray(matrix) @ np.ones(5)}")
    assert np.asarray(matrix, dtype=np.float32).dtype == np.float32
    columns = SparseMatrixReadOnly("s").columns
    dense = np.zeros((4, 3))
    for index, column in columns[:]:
        dense[np.asarray(column.rows), index] = np.asarray(column.values)
    said.append(f"{dense.tolist()}")
    return " ".join(said)


def unsent():
    """What was not pushed is gone with a pull, and what was pushed is there."""
    vector = Vector("v.f64")
    array = np.asarray(vector)
    array[7], array[8] = -1, -2
    vector.push(8, 9)
    vector.pull()
    return f"{array[7]:.0f} {array[8]:.0f}"


def asynchronous():
    """Elements that are written by an array of indices are noted; those through a view when they are marked."""
    vector = VectorAsync("v.f64")
    rows = np.array([3, 500, 501, 999])
    vector[rows] = vector[rows] + 0.25
    vector[10:12] = np.array([1.5, 2.5])
    np.asarray(vector)[100:103] = 0.5
    vector.mark(100, 102)
    vector.push()
    vector.pull()
    array = np.asarray(vector)
    return f"{array[rows].tolist()} {array[9:13].tolist()} {array[99:104].tolist()}"


def refused():
    said = []
    for attempt in (
        lambda: Vector("v.f64")[1000],
        lambda: Vector("not there"),
        lambda: Vector("empty", 0),
        lambda: Vector("large", 1 << 30),
        lambda: Vector("v.f64").push(5, 1001),
        lambda: VectorAsync("v.f64").mark(-1, 5),
        lambda: Vector("v.i32", type="i32").__setitem__(0, 1 << 31),
        lambda: MatrixReadOnly("s"),
        lambda: SparseMatrixReadOnly("m"),
        lambda: MatrixReadOnly("m").view(2, 6),
        lambda: write_sparse("bad", 3, [[(1, 1.0), (1, 2.0)]]),
        lambda: write_sparse("bad", 3, [[(3, 1.0)]]),
    ):
        try:
            attempt()
            said.append("nothing")
        except Exception as error:
            said.append(type(error).__name__)
    return " ".join(said)


def main():
    return {"write": write, "read": read, "unsent": unsent, "async": asynchronous, "refused": refused}[
        faasm.input().decode()
    ]()
