"""The calls below faasm_ddo.py: what guests/python/_faasm_ddo.c is there, with NumPy's arrays for its pointers.

Memory of the state is lent, never copied. docs/data-objects.md says how objects lie in state.
"""

import _faasm
import numpy as np
from _faasm import _address, _bytes_of, _call, _memory, _text

_DTYPES = {"f": np.dtype("<f4"), "d": np.dtype("<f8"), "i": np.dtype("<i4"), "q": np.dtype("<i8")}
_TYPES = {"f": b"f32\0", "d": b"f64\0", "i": b"i32\0", "q": b"i64\0"}
_FORMATS = {type: format for format, type in _TYPES.items()}

_MOST = (1 << 31) - 1
_DENSE, _SPARSE = 0, 1
_SUM_I64, _MAX_I64 = 0, 3

# A value is mapped in pieces: at most so many of it, of at least so many bytes.
_PIECES, _PIECE_LEAST = 32, 64 << 10

# How much room is tried first, and at most, for bytes whose number is not known.
_ROOM_FIRST, _ROOM_MOST = 4096, 256 << 20


def _wrong(type, text, key):
    return type(f"state {key}: {text}")


def _signed(number, bits):
    return number - (1 << bits) if number >> bits - 1 else number


def _halves(number):
    return number & 0xFFFFFFFF, number >> 32


def _map_part(key, dtype, size, begin, end):
    """The elements from `begin` to `end` of an array of `size`, to be read; or None."""
    total = size * dtype.itemsize
    if total == 0 or total > _MOST or not 0 <= begin < end <= size:
        return None
    piece = max(-(-(total // _PIECES) // _PIECE_LEAST) * _PIECE_LEAST, _PIECE_LEAST)
    first, last = begin * dtype.itemsize, end * dtype.itemsize
    start = first // piece * piece
    stop = min(-(-last // piece) * piece, total)
    at = _call(_faasm.MAP, _address(text := _text(key)), total, start, stop - start, 0)
    del text
    return _memory(at + first - start, last - first).view(dtype)


# Vectors


class Vector:
    """Elements over the memory of a value; `numpy.asarray` has them without a copy.

    Indices that are arrays work as NumPy's do, and elements that are written so are noted.
    """

    def __new__(cls, key, format, size, noting):
        if format not in _DTYPES:
            raise _wrong(TypeError, "no such format of elements", key)
        dtype = _DTYPES[format]
        if size < 0:
            size = _faasm.state_size(key) // dtype.itemsize
            if not size:
                raise KeyError(key)
        if not 0 < size * dtype.itemsize <= _MOST:
            raise _wrong(ValueError, "a vector that is empty or too large", key)
        self = super().__new__(cls)
        self._key, self._format = key, format
        at = _call(_faasm._STATE_PTR, _address(text := _text(key)), size * dtype.itemsize)
        del text
        self._array = _memory(at, size * dtype.itemsize).view(dtype)
        self._written = np.zeros(size, np.bool_) if noting else None
        return self

    @property
    def key(self):
        return self._key

    def __buffer__(self, flags):
        return memoryview(self._array)

    def __len__(self):
        return self._array.size

    def __iter__(self):
        return iter(memoryview(self._array))

    def __getitem__(self, item):
        if isinstance(item, slice):
            return memoryview(self._array)[item]
        found = self._array[item]
        return found if isinstance(found, np.ndarray) else found.item()

    def __setitem__(self, item, value):
        if self._format in "iq" and isinstance(value, int) and not isinstance(item, slice):
            limits = np.iinfo(self._array.dtype)
            if not limits.min <= value <= limits.max:
                raise OverflowError("the number is too large for the vector")
        self._array[item] = value
        if self._written is not None:
            self._written[item] = True

    def _part(self, begin, end):
        if not 0 <= begin <= end <= len(self):
            raise ValueError("the part is not in the vector")

    def _mark(self, begin, end):
        self._part(begin, end)
        if self._written is not None:
            self._written[begin:end] = True

    def _dirty(self, begin, end):
        width = self._array.itemsize
        _faasm.flag_dirty(self._key, len(self) * width, begin * width, (end - begin) * width)

    def _push_written(self):
        if self._written is None or not self._written.any():
            return
        # Where a run of written elements begins, and where it ends.
        edges = np.flatnonzero(np.diff(self._written.view(np.int8), prepend=0, append=0))
        self._written[:] = False
        for begin, end in edges.reshape(-1, 2).tolist():
            self._dirty(begin, end)
        _faasm.push_state_partial(self._key)

    def _push_part(self, begin, end):
        self._part(begin, end)
        self._dirty(begin, end)
        if begin == 0 and end == len(self):
            _faasm.push_state(self._key)
        else:
            _faasm.push_state_partial(self._key)

    def pull(self):
        """Fetches it from the global tier, in place of what was not pushed."""
        _faasm.pull_state(self._key, self._array.nbytes)


# Matrices


def _is_good(kind, shape):
    format, rows, columns, nonzeros = shape
    if format not in _DTYPES or min(rows, columns, nonzeros) < 0:
        return False
    if nonzeros > _MOST // _DTYPES[format].itemsize or rows > _MOST or columns > _MOST // 4 - 1:
        return False
    everything = rows * columns
    return nonzeros == everything if kind == _DENSE else nonzeros <= everything < 1 << 64


def _checked(kind, shape, key):
    if not _is_good(kind, shape):
        raise _wrong(ValueError, "a matrix that is too large", key)
    return shape


def _publish(key, data):
    _faasm.write_state(key, data)
    _faasm.push_state(key)


def read_shape(key, sparse):
    data = _faasm.read_state(key + "_size")
    kind = _SPARSE if sparse else _DENSE
    if len(data) == 32:
        stored, *numbers = (int.from_bytes(data[i : i + n], "little") for i, n in ((4, 4), (8, 8), (16, 8), (24, 8)))
        shape = (_FORMATS.get(data[:4], "?"), *numbers)
        if stored == kind and _is_good(kind, shape):
            return shape
    raise _wrong(KeyError, "no sparse matrix" if sparse else "no dense matrix", key)


def _write_shape(key, kind, shape):
    format, *numbers = _checked(kind, shape, key)
    _publish(key + "_size", _TYPES[format] + kind.to_bytes(4, "little") + np.array(numbers, "<u8").tobytes())


def write_shape(key, shape):
    _write_shape(key, _DENSE, shape)


def matrix_columns(key, shape, begin, end):
    format, rows, columns, nonzeros = _checked(_DENSE, shape, key)
    part = _map_part(key, _DTYPES[format], nonzeros, begin * rows, end * rows) if end <= columns else None
    if part is None:
        raise _wrong(IndexError, "columns that are not in the matrix", key)
    return memoryview(part)


def sparse_columns(key, shape, begin, end):
    format, _, columns, nonzeros = _checked(_SPARSE, shape, key)
    found = _sparse_columns(key, _DTYPES[format], columns, nonzeros, begin, end)
    if found is None:
        raise _wrong(IndexError, "columns that are not in the matrix", key)
    return tuple(map(memoryview, found))


def _sparse_columns(key, dtype, columns, nonzeros, begin, end):
    outer = _map_part(key + "_outer", _DTYPES["i"], columns + 1, begin, end + 1)
    counts = _map_part(key + "_nonzero", _DTYPES["i"], columns, begin, end)
    if outer is None or counts is None:
        return None
    # A copy is checked: others may write to what is mapped.
    bounds = outer.astype(np.int64)
    first, last = int(bounds[0]), int(bounds[-1])
    sizes = np.diff(bounds)
    if not 0 <= first <= last <= nonzeros or (sizes < 0).any() or (counts < 0).any() or (counts > sizes).any():
        return None
    if first == last:
        return outer, counts, np.empty(0, np.int32), np.empty(0, dtype)
    rows = _map_part(key + "_inner", _DTYPES["i"], nonzeros, first, last)
    return outer, counts, rows, _map_part(key + "_vals", dtype, nonzeros, first, last)


def write_sparse(key, shape, outer, rows, values):
    format, n_rows, n_columns, nonzeros = _checked(_SPARSE, shape, key)
    outer, rows = (np.frombuffer(data, np.int32) if len(data) else np.empty(0, np.int32) for data in (outer, rows))
    values = _bytes_of(values)
    good = (
        n_columns > 0 and outer.size == n_columns + 1 and rows.size == nonzeros
        and values.nbytes == nonzeros * _DTYPES[format].itemsize
        and outer[0] == 0 and outer[-1] == nonzeros and (np.diff(outer) >= 0).all()
        and ((0 <= rows) & (rows < n_rows)).all()
    )  # fmt: skip
    if good:
        # Between two elements of one column, rows ascend.
        within = np.ones(max(nonzeros - 1, 0), np.bool_)
        begins = outer[1:-1]
        within[begins[(begins > 0) & (begins < nonzeros)] - 1] = False
        good = (np.diff(rows)[within] > 0).all()
    if not good:
        raise _wrong(ValueError, "no sparse matrix: rows do not ascend, or it is too large", key)
    _publish(key + "_nonzero", np.diff(outer))
    _publish(key + "_outer", outer)
    _publish(key + "_inner", rows)
    _publish(key + "_vals", values)
    # The shape is last: who sees it, sees the rest.
    _write_shape(key, _SPARSE, shape)


# Integers


def _merged(key, kind, number):
    text, room = _text(key), np.array([number], "<i8")
    _call(_faasm.MERGE, _address(text), kind, 0, _address(room), 8, 1)
    return room.item()


def _version(key):
    return _call(_faasm.VERSION, _address(text := _text(key)))


def _write_if(key, data, version):
    """Whether the value was at this version, and so was set."""
    text, data = _text(key), _bytes_of(data)
    now = _call(_faasm.WRITE_IF, _address(text), _address(data), data.size, *_halves(version))
    return _signed(now, 64) >= 0


def _set(key, data):
    while not _write_if(key, data, _version(key)):
        pass


def int_add(key, n):
    return _merged(key, _SUM_I64, n)


def int_get(key):
    _faasm.pull_state(key, 8)
    return int.from_bytes(_faasm.read_state(key)[:8].ljust(8, b"\0"), "little", signed=True)


def int_set(key, n):
    _set(key, np.array([n], "<i8"))


def int_compare_and_swap(key, expected, desired):
    while True:
        # What is read is of this version or a later one, and then the write fails.
        version = _version(key)
        if int_get(key) != expected:
            return False
        if _write_if(key, np.array([desired], "<i8"), version):
            return True


def barrier_wait(key, n):
    if n <= 0:
        raise _wrong(ValueError, "no barrier: it is for no call", key)
    arrival = int_add(key, 1) - 1
    open = key + "_open"
    if arrival % n == n - 1:
        _merged(open, _MAX_I64, arrival // n + 1)
        return n - 1
    while True:
        version = _version(open)
        if int_get(open) > arrival // n:
            return arrival % n
        _call(_faasm.WATCH, _address(text := _text(open)), *_halves(version), -1)
        del text


# Collections


def _append(key, data):
    text, data = _text(key), _bytes_of(data)
    return _call(_faasm.APPEND_ONE, _address(text), _address(data), data.size)


def list_append(key, data):
    return _append(key, len(data).to_bytes(4, "little") + bytes(data))


def list_size(key):
    return _call(_faasm.APPENDED_SIZE, _address(text := _text(key)))


def _whole(data, most):
    """The elements that lie whole in the bytes, each behind its length; at most so many."""
    elements, at = [], 0
    while len(elements) < most and len(data) - at >= 4:
        size = int.from_bytes(data[at : at + 4], "little")
        if size > len(data) - at - 4:
            break
        elements.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return elements


def list_read(key, end):
    end = min(end, list_size(key))
    text, room = _text(key), _ROOM_FIRST
    while end and room <= _ROOM_MOST:
        # No element has this length, so what is not written is seen.
        data = np.full(room, 0xFF, np.uint8)
        _call(_faasm._APPENDED, _address(text), _address(data), room, end)
        elements = _whole(data.tobytes(), end)
        # All, or fewer because the list was cleared.
        if len(elements) == end or list_size(key) < end:
            return elements
        room *= 4
    return []


def queue_push(key, data):
    return _append(key, data)


def queue_pop(key, timeout):
    text, room = _text(key), np.empty(_ROOM_FIRST, np.uint8)
    while True:
        size = _signed(_call(_faasm.TAKE, _address(text), _address(room), room.size, timeout), 32)
        if size >= 0:
            return room[:size].tobytes()
        if size == -1 and timeout >= 0:
            return None
        # It does not fit; or another has taken what was waited for.
        if size == -2:
            if room.size >= _ROOM_MOST:
                return None
            room = np.empty(4 * room.size, np.uint8)


def _entry(key, name):
    if not name:
        raise _wrong(ValueError, "the name of an entry is empty or too long", key)
    return f"{key}/{name}"


def dict_get(key, name):
    if not name:
        return None, 0
    entry = _entry(key, name)
    version = _version(entry)
    if version == 0:
        return None, 0
    _faasm.pull_state(entry, 0)
    while True:
        data = _faasm.read_state(entry)
        if len(data) == _faasm.state_size(entry):
            break
    # An entry that was removed meanwhile leaves no bytes.
    if not data and _version(entry) == 0:
        return None, 0
    return data, version


def dict_set(key, name, data, version):
    entry = _entry(key, name)
    if version >= 0:
        return _write_if(entry, data, version)
    _set(entry, data)
    return True


def dict_remove(key, name):
    return bool(name) and _call(_faasm.DELETE, _address(text := _text(_entry(key, name)))) != 0


def dict_names(key, after):
    prefix = np.frombuffer(f"{key}/".encode(), np.uint8)
    last = f"{key}/{after}".encode() if after else b""
    room, names = np.empty(64 << 10, np.uint8), []
    while not names:
        behind = _bytes_of(last)
        size = _call(
            _faasm.LIST, _address(prefix), prefix.size, _address(behind), behind.size, _address(room), room.size
        )
        size = _signed(size, 32)
        if size <= 0:
            break
        # Each: version and size (64 bits), length of the list and of the key (32), and the key.
        data, at = room[:size].tobytes(), 0
        while at < size:
            length = int.from_bytes(data[at + 20 : at + 24], "little")
            last = data[at + 24 : at + 24 + length]
            # A key with a list only is no entry, and one with a NUL no dictionary made.
            if any(data[at : at + 8]) and length > prefix.size and b"\0" not in last:
                names.append(last[prefix.size :] + b"\0")
            at += 24 + length
    return b"".join(names)
