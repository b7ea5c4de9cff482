"""Distributed data objects of Faasm: state as vectors, matrices, counters and collections.

The same objects are there in C++, C, Rust and AssemblyScript; docs/data-objects.md says how they lie in state, and what
each promises. Elements are of type "f32", "f64", "i32" or "i64". Whatever has elements lends its memory without a copy:
`memoryview(vector)`, and where there is NumPy `numpy.asarray(vector)`, and `numpy.asarray(matrix)` by rows and columns.
"""

import array

import _faasm
import _faasm_ddo

__all__ = [
    "AtomicInt",
    "Barrier",
    "Counter",
    "Dict",
    "List",
    "Matrix",
    "MatrixReadOnly",
    "Queue",
    "SparseColumn",
    "SparseMatrixReadOnly",
    "Vector",
    "VectorAsync",
    "write_sparse",
]

_FORMATS = {"f32": "f", "f64": "d", "i32": "i", "i64": "q"}
_TYPES = {format: type for type, format in _FORMATS.items()}


def _format(type):
    try:
        return _FORMATS[type]
    except KeyError:
        raise ValueError(f"{type!r} is no type of elements: they are {', '.join(_FORMATS)}") from None


def _bytes(data):
    return data.encode() if isinstance(data, str) else data


# Vectors


class Vector(_faasm_ddo.Vector):
    """A vector whose owner knows what it writes: `push` sends all of it, or the part that is named.

    One that is there has its own size; with a size, it is made of zeros where it is not there yet.
    """

    def __new__(cls, key, size=None, type="f64"):
        return super().__new__(cls, key, _format(type), -1 if size is None else size, False)

    def push(self, begin=0, end=None):
        """Sends it to the global tier."""
        self._push_part(begin, len(self) if end is None else end)

    def __repr__(self):
        return f"<{type(self).__name__} {self.key!r} of {len(self)}>"


class VectorAsync(_faasm_ddo.Vector):
    """A vector that many write at once (HOGWILD).

    What is written is there for all of this host at once; `push` sends the elements that this object wrote, and no
    others. Two that write one element leave one of both values.
    """

    def __new__(cls, key, size=None, type="f64"):
        return super().__new__(cls, key, _format(type), -1 if size is None else size, True)

    def push(self):
        """Sends what this object wrote since the last time."""
        self._push_written()

    def mark(self, begin, end):
        """Says that these elements were written through a view."""
        self._mark(begin, end)

    __repr__ = Vector.__repr__


# Matrices


class _Columns:
    """`matrix.columns`: one by its number, or an iterable of numbers and columns by a slice."""

    def __init__(self, matrix):
        self._matrix = matrix

    def __len__(self):
        return self._matrix.n_columns

    def __getitem__(self, item):
        if isinstance(item, slice):
            begin, end, step = item.indices(len(self))
            if step != 1:
                raise ValueError("columns are read one after the other")
            return self._matrix._some(begin, end) if begin < end else iter(())
        index = range(len(self))[item]
        return next(self._matrix._some(index, index + 1))[1]


class MatrixReadOnly:
    """A dense matrix of which columns are read, and fetched as they are: `columns[7]`, `columns[a:b]`."""

    def __init__(self, key):
        self.key = key
        self._shape = _faasm_ddo.read_shape(key, False)
        format, self.n_rows, self.n_columns, _ = self._shape
        self.type = _TYPES[format]

    @property
    def columns(self):
        return _Columns(self)

    def view(self, begin=0, end=None):
        """The columns from `begin` to `end`, one behind the other, as a memoryview."""
        end = self.n_columns if end is None else end
        return _faasm_ddo.matrix_columns(self.key, self._shape, begin, end)

    def __array__(self, dtype=None, copy=None):
        import numpy

        # Columns lie one behind the other.
        array = numpy.asarray(self.view()).reshape(self.n_columns, self.n_rows).T
        return numpy.array(array, dtype=dtype, copy=copy)

    def _some(self, begin, end):
        view, rows = self.view(begin, end), self.n_rows
        return ((begin + i, view[i * rows : (i + 1) * rows]) for i in range(end - begin))

    def __getitem__(self, at):
        row, column = at
        return self.columns[column][row]


class Matrix(MatrixReadOnly):
    """A dense matrix that is written in place: `matrix[row, column] = value`; `push` sends it, or some columns.

    One that is there has its own shape; with a shape, it is made of zeros where it is not there yet.
    """

    def __init__(self, key, rows=None, columns=None, type="f64"):
        if rows is not None:
            _faasm_ddo.write_shape(key, (_format(type), rows, columns, rows * columns))
        super().__init__(key)
        self._all = Vector(key, self.n_rows * self.n_columns, self.type)

    def view(self, begin=0, end=None):
        end = self.n_columns if end is None else end
        if not 0 <= begin <= end <= self.n_columns:
            raise IndexError("columns that are not in the matrix")
        return memoryview(self._all)[begin * self.n_rows : end * self.n_rows]

    def _place(self, at):
        row, column = at
        return range(self.n_columns)[column] * self.n_rows + range(self.n_rows)[row]

    def __getitem__(self, at):
        return self._all[self._place(at)]

    def __setitem__(self, at, value):
        self._all[self._place(at)] = value

    def push(self, begin=0, end=None):
        """Sends the columns from `begin` to `end` to the global tier."""
        end = self.n_columns if end is None else end
        self._all.push(begin * self.n_rows, end * self.n_rows)

    def pull(self):
        """Fetches it from the global tier, in place of what was not pushed."""
        self._all.pull()


class SparseColumn:
    """A column of a sparse matrix: `rows`, ascending, and the `values` in them."""

    __slots__ = ("rows", "values")

    def __init__(self, rows, values):
        self.rows = rows
        self.values = values

    def __len__(self):
        return len(self.rows)

    def non_nulls(self):
        """Rows and values, in pairs."""
        return zip(self.rows, self.values)


class SparseMatrixReadOnly:
    """A sparse matrix in compressed columns, which are fetched as they are read: `columns[7]`, `columns[a:b]`."""

    def __init__(self, key):
        self.key = key
        self._shape = _faasm_ddo.read_shape(key, True)
        format, self.n_rows, self.n_columns, self.n_nonzeros = self._shape
        self.type = _TYPES[format]

    @property
    def columns(self):
        return _Columns(self)

    def _some(self, begin, end):
        outer, nonzeros, rows, values = _faasm_ddo.sparse_columns(self.key, self._shape, begin, end)
        first = outer[0]
        for i, n in enumerate(nonzeros):
            at = outer[i] - first
            yield begin + i, SparseColumn(rows[at : at + n], values[at : at + n])


def write_sparse(key, n_rows, columns, type="f64"):
    """Writes a sparse matrix and sends it to the global tier: of columns, each of pairs of row (ascending) and value."""
    outer, rows, values = array.array("i", [0]), array.array("i"), array.array(_format(type))
    for column in columns:
        for row, value in column:
            rows.append(row)
            values.append(value)
        outer.append(len(rows))
    shape = (_format(type), n_rows, len(outer) - 1, len(rows))
    _faasm_ddo.write_sparse(key, shape, outer, rows, values)


# Integers, which are in the global tier alone


class Counter:
    """A sum that begins at 0. Calls that add at once wait for nobody."""

    def __init__(self, key):
        self.key = key

    def add(self, n=1):
        """Adds; the sum behind that."""
        return _faasm_ddo.int_add(self.key, n)

    def get(self):
        return _faasm_ddo.int_get(self.key)

    def reset(self):
        _faasm_ddo.int_set(self.key, 0)


class AtomicInt(Counter):
    """An integer of 64 bits that begins at 0; it lies as a Counter does."""

    def set(self, value):
        _faasm_ddo.int_set(self.key, value)

    def compare_and_swap(self, expected, desired):
        """Sets it to `desired` if it is `expected`; whether it was."""
        return _faasm_ddo.int_compare_and_swap(self.key, expected, desired)


class Barrier:
    """Where `n` calls wait for one another, again and again. A call that waits is suspended."""

    def __init__(self, key, n):
        self.key = key
        self.n = n

    def wait(self):
        """Waits until `n` have come; which of them this one was."""
        return _faasm_ddo.barrier_wait(self.key, self.n)


# Collections, which are in the global tier alone


class List:
    """A list of bytes that grows at its end."""

    def __init__(self, key):
        self.key = key

    def append(self, element):
        """Adds to the end; the new size."""
        return _faasm_ddo.list_append(self.key, _bytes(element))

    def __len__(self):
        return _faasm_ddo.list_size(self.key)

    def __iter__(self):
        return iter(_faasm_ddo.list_read(self.key, 0xFFFFFFFF))

    def __getitem__(self, item):
        if isinstance(item, slice):
            return list(self)[item]
        if item < 0:
            return list(self)[item]
        return _faasm_ddo.list_read(self.key, item + 1)[item]

    def clear(self):
        _faasm.clear_appended(self.key)


class Queue:
    """A queue of bytes: each element goes to one taker."""

    def __init__(self, key):
        self.key = key

    def push(self, element):
        """Adds to the end; the new size."""
        return _faasm_ddo.queue_push(self.key, _bytes(element))

    def pop(self, timeout=None):
        """Takes the first element, waiting for one for `timeout` seconds at most (None: until there is one); or None."""
        return _faasm_ddo.queue_pop(self.key, -1 if timeout is None else int(timeout * 1000))

    def __len__(self):
        return _faasm_ddo.list_size(self.key)

    def clear(self):
        _faasm.clear_appended(self.key)


class Dict:
    """A dictionary of text to bytes: each entry is a value of its own. Names have no NUL in them."""

    def __init__(self, key):
        self.key = key

    def get(self, name, default=None):
        value, _ = _faasm_ddo.dict_get(self.key, name)
        return default if value is None else value

    def __getitem__(self, name):
        value, _ = _faasm_ddo.dict_get(self.key, name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name, value):
        _faasm_ddo.dict_set(self.key, name, _bytes(value), -1)

    def __delitem__(self, name):
        if not _faasm_ddo.dict_remove(self.key, name):
            raise KeyError(name)

    def update(self, name, change):
        """Sets an entry to what `change` makes of it (None: there was none), again and again until nobody else has
        changed it meanwhile; what it is then."""
        while True:
            old, version = _faasm_ddo.dict_get(self.key, name)
            value = _bytes(change(old))
            if _faasm_ddo.dict_set(self.key, name, value, version):
                return value

    def __contains__(self, name):
        return _faasm_ddo.dict_get(self.key, name)[0] is not None

    def __iter__(self):
        last = ""
        while names := _faasm_ddo.dict_names(self.key, last):
            for name in names[:-1].split(b"\0"):
                last = name.decode()
                yield last

    def __len__(self):
        return sum(1 for _ in self)
