"""The host interface for faasm.py over CPython's door: what guests/python/_faasm.c is there.

Addresses are NumPy's: an array says where its bytes are, and one can be made where bytes are (`__array_interface__`).
So a value of the state is never copied here but by read_state, write_state and the lists.
"""

import struct

import numpy as np
from _host import call as _door

# The functions of adapter.wat.
(
    _READ_INPUT,
    _WRITE_OUTPUT,
    _CHAIN_NAME,
    _CHAIN_HERE,
    _AWAIT,
    _AWAITED,
    _READ_STATE,
    _STATE_PTR,
    _WRITE_STATE,
    _APPEND,
    _APPENDED,
    _CLEAR_APPENDED,
    _DIRTY,
    _PUSH,
    _PUSH_PARTIAL,
    _PULL,
    _LOCK_READ,
    _UNLOCK_READ,
    _LOCK_WRITE,
    _UNLOCK_WRITE,
    _SET_CODE,
    _ARGS_SIZES,
    _ARGS,
    MAP,
    MERGE,
    VERSION,
    WRITE_IF,
    WATCH,
    LIST,
    DELETE,
    APPEND_ONE,
    APPENDED_SIZE,
    TAKE,
    _PUSH_IF,
    _LOCK,
    _UNLOCK,
    _TOKEN,
) = range(37)

_frame = struct.Struct("<7I").pack
_MASK = 0xFFFFFFFF


def _call(function, a=0, b=0, c=0, d=0, e=0, f=0):
    answer = _door(_frame(function, a & _MASK, b & _MASK, c & _MASK, d & _MASK, e & _MASK, f & _MASK))
    return int.from_bytes(answer, "little")


def _bytes_of(data):
    """The bytes of what lends its memory, as an array; it must stay while its address is in use."""
    return np.frombuffer(data, np.uint8) if len(memoryview(data)) else np.empty(0, np.uint8)


def _address(array):
    return array.__array_interface__["data"][0]


def _text(text):
    data = text.encode()
    if b"\0" in data:
        raise ValueError(f"{text!r} has a NUL")
    return np.frombuffer(data + b"\0", np.uint8)


def read_input():
    data = np.empty(_call(_READ_INPUT), np.uint8)
    _call(_READ_INPUT, _address(data), data.size)
    return data.tobytes()


def write_output(data):
    data = _bytes_of(data)
    _call(_WRITE_OUTPUT, _address(data), data.size)


def chain_name(name, data):
    name, data = _text(name), _bytes_of(data)
    return _call(_CHAIN_NAME, _address(name), _address(data), data.size)


def chain_here(data):
    data = _bytes_of(data)
    return _call(_CHAIN_HERE, _address(data), data.size)


def await_call(call):
    output = _door(_frame(_AWAIT, call & _MASK, 0, 0, 0, 0, 0))
    code = _call(_AWAITED)
    return (code - (1 << 32) if code >> 31 else code), output


def state_size(key):
    return _call(_READ_STATE, _address(key := _text(key)))


def read_state(key):
    key = _text(key)
    data = np.empty(_call(_READ_STATE, _address(key)), np.uint8)
    if data.size:
        _call(_READ_STATE, _address(key), _address(data), data.size)
    return data.tobytes()


def write_state(key, data):
    key, data = _text(key), _bytes_of(data)
    _call(_WRITE_STATE, _address(key), _address(data), data.size)


def append_state(key, data):
    key, data = _text(key), _bytes_of(data)
    _call(_APPEND, _address(key), _address(data), data.size)


def read_appended(key, size, n):
    key, data = _text(key), np.zeros(size, np.uint8)
    _call(_APPENDED, _address(key), _address(data), size, n)
    return data.tobytes()


def flag_dirty(key, total, start, size):
    if start < 0 or size < 0 or start + size > total:
        raise ValueError("the part is not within the value")
    _call(_DIRTY, _address(key := _text(key)), total, start, size)


def pull_state(key, size):
    _call(_PULL, _address(key := _text(key)), size)


def _of_key(function):
    def of_key(key):
        _call(function, _address(key := _text(key)))

    return of_key


clear_appended = _of_key(_CLEAR_APPENDED)
push_state = _of_key(_PUSH)
push_state_partial = _of_key(_PUSH_PARTIAL)
lock_read = _of_key(_LOCK_READ)
unlock_read = _of_key(_UNLOCK_READ)
lock_write = _of_key(_LOCK_WRITE)
unlock_write = _of_key(_UNLOCK_WRITE)

global_unlock = _of_key(_UNLOCK)


def _global_lock(mode):
    def lock(key, timeout):
        return _call(_LOCK, _address(key := _text(key)), mode, timeout) != 0

    return lock


global_lock_read = _global_lock(0)
global_lock_write = _global_lock(1)


def _signed(number):
    """A number of 64 bits, of which the door knows no sign."""
    return number - (1 << 64) if number >> 63 else number


def global_token(key):
    return _signed(_call(_TOKEN, _address(key := _text(key))))


def state_version(key):
    return _signed(_call(VERSION, _address(key := _text(key))))


def push_state_if(key, version):
    return _signed(_call(_PUSH_IF, _address(key := _text(key)), version & _MASK, version >> 32))


class _Place:
    """Bytes somewhere in memory, for NumPy."""

    def __init__(self, at, size):
        self.__array_interface__ = {
            "version": 3,
            "data": (at, False),
            "shape": (size,),
            "typestr": "|u1",
        }


def _memory(at, size):
    """The bytes that are at an address, as an array."""
    return np.asarray(_Place(at, size))


class State:
    """A value of the state, as memory that every Faaslet of this host shares."""

    def __init__(self, key, size):
        if size <= 0:
            raise ValueError("a value has at least one byte")
        self._key, self._size, self._mapped = key, size, None

    @property
    def key(self):
        return self._key

    def __len__(self):
        return self._size

    def __buffer__(self, flags):
        if self._mapped is None:
            key = _text(self._key)
            at = _call(_STATE_PTR, _address(key), self._size)
            self._mapped = _memory(at, self._size)
        return self._mapped.__buffer__(flags)


def _arguments():
    """The program's arguments, which CPython in this form does not look at."""
    sizes = np.zeros(2, np.uint32)
    at = _address(sizes)
    _call(_ARGS_SIZES, at, at + 4)
    pointers, text = np.zeros(sizes[0], np.uint32), np.zeros(sizes[1], np.uint8)
    _call(_ARGS, _address(pointers), _address(text))
    return text.tobytes().decode(errors="surrogateescape").split("\0")[:-1]


def _enter(name):
    """A call, or the initialisation: a function of faasm.py, which answers the return code."""
    import sys

    import faasm

    # Every call has random numbers of its own, though all are born from one snapshot.
    if random := sys.modules.get("random"):
        random.seed()
    if random := sys.modules.get("numpy.random"):
        random.seed()
    _call(_SET_CODE, getattr(faasm, name)())
