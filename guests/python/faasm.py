"""Faasm for functions in Python: input and output, chained calls, state.

A function is a file with `faasm_main()` or `main()`. The file runs once, when
it is uploaded; calls start from what it leaves behind.
"""

import contextlib
import sys

import _faasm

__all__ = [
    "CallError",
    "GlobalLock",
    "State",
    "append",
    "appended",
    "await_call",
    "chain",
    "clear_appended",
    "input",
    "push_state",
    "read_state",
    "set_output",
    "state",
    "state_version",
    "write_state",
]

# The name that a function's file has as a module.
_MODULE = "function"
# Of a chained call of a function in the same file: what comes before its input.
_skipped = 0


def _bytes(data):
    return data.encode() if isinstance(data, str) else data


# Input and output


def input():
    """The call's input, as bytes."""
    data = _faasm.read_input()
    return data[_skipped:] if _skipped else data


def set_output(data):
    """Sets the call's output, in place of an earlier one: bytes, text (as UTF-8), or what lends its memory."""
    _faasm.write_output(_bytes(data))


# Chained calls


class CallError(Exception):
    """A chained call failed: `code` is what it returned, `output` what it had put out."""

    def __init__(self, call, code, output):
        said = output.decode(errors="replace").strip()
        super().__init__(f"call {call} returned {code}" + (f": {said}" if said else ""))
        self.call = call
        self.code = code
        self.output = output


def chain(target, data=b""):
    """Begins a call and returns its number at once.

    `target` is the name of another function of the same user, or a Python function of this file, which runs in a
    Faaslet of its own: it sees what the file made when it was uploaded and nothing that this call has changed.
    """
    data = _bytes(data)
    if isinstance(target, str):
        return _faasm.chain_name(target, data)
    name = getattr(target, "__qualname__", "")
    if getattr(target, "__module__", None) != _MODULE or "<" in name:
        raise ValueError(f"{target!r} is no function of the uploaded file: chain one by its name")
    return _faasm.chain_here(name.encode() + b"\0" + data)


def await_call(call):
    """Waits for a chained call; its output. Raises CallError if it failed."""
    code, output = _faasm.await_call(call)
    if code:
        raise CallError(call, code, output)
    return output


# State


class State(_faasm.State):
    """A value of the state, as memory that is shared with every function of this user on this host.

    It lends that memory: `memoryview(state)`, `numpy.frombuffer(state)`, without a copy. What is written is seen by
    others at once on this host, and elsewhere after a push. Locks are a matter of `locked`.
    """

    def push(self, start=0, stop=None):
        """Sends the value, or a part of it, to the other hosts."""
        if start == 0 and stop is None:
            _faasm.flag_dirty(self.key, len(self), 0, len(self))
            _faasm.push_state(self.key)
        else:
            start, stop, _ = slice(start, stop).indices(len(self))
            _faasm.flag_dirty(self.key, len(self), start, max(stop - start, 0))
            _faasm.push_state_partial(self.key)

    def push_if(self, version):
        """Sends the value if it is at this version in the global tier; whether it was: see `push_state`."""
        _faasm.flag_dirty(self.key, len(self), 0, len(self))
        return push_state(self.key, version)

    def pull(self):
        """Fetches what other hosts have pushed."""
        _faasm.pull_state(self.key, len(self))

    @contextlib.contextmanager
    def locked(self, shared=False):
        """Holds the value's lock on this host: alone, or with other readers."""
        lock, unlock = (
            (_faasm.lock_read, _faasm.unlock_read)
            if shared
            else (_faasm.lock_write, _faasm.unlock_write)
        )
        lock(self.key)
        try:
            yield self
        finally:
            unlock(self.key)

    def __bytes__(self):
        return memoryview(self).tobytes()

    def __repr__(self):
        return f"<state {self.key!r} of {len(self)} bytes>"


def state(key, size=None):
    """The value of a key; it is made, of `size` zero bytes, if it is not there and a size is given."""
    if size is None:
        size = _faasm.state_size(key)
        if not size:
            raise KeyError(key)
    return State(key, size)


def read_state(key):
    """A copy of a value; KeyError if there is none."""
    data = _faasm.read_state(key)
    if not data:
        raise KeyError(key)
    return data


def write_state(key, data, push=True):
    """Sets a value, and sends it to the other hosts."""
    _faasm.write_state(key, _bytes(data))
    if push:
        _faasm.push_state(key)


def state_version(key):
    """The version of a value in the global tier, which grows with every write; 0 if there is none."""
    return _faasm.state_version(key)


def push_state(key, version=None):
    """Sends a value to the other hosts, if something of it was written here.

    With a version, only if the value is at that one in the global tier. Whether it was; its version says what it is at
    then.
    """
    if version is None:
        _faasm.push_state(key)
        return True
    return _faasm.push_state_if(key, version) >= 0


class GlobalLock:
    """A key's lock among all hosts: held alone, or together with other readers (`shared`).

    A value that is kept `strong` is written by who has it alone, and is pushed where it is given up:

        with faasm.GlobalLock("account"):
            faasm.write_state("account", b"100")

    `timeout` is for how many seconds it is waited for: 0 asks and does not wait for its holders, None has no end.
    """

    def __init__(self, key, shared=False, timeout=None):
        if timeout is not None and timeout < 0:
            raise ValueError("a lock is waited for no negative time")
        self.key = key
        self._lock = _faasm.global_lock_read if shared else _faasm.global_lock_write
        self._timeout = -1 if timeout is None else int(timeout * 1000)

    def acquire(self):
        """Waits for the lock; whether it was given."""
        return self._lock(self.key, self._timeout)

    def release(self):
        """Gives it up."""
        _faasm.global_unlock(self.key)

    @property
    def token(self):
        """The fencing token: larger than that of every earlier holder; 0 where this call does not hold the lock."""
        return _faasm.global_token(self.key)

    def __enter__(self):
        """Raises TimeoutError where the lock was not given."""
        if not self.acquire():
            raise TimeoutError(f"the global lock of {self.key!r} is taken")
        return self

    def __exit__(self, *_):
        self.release()


def append(key, data):
    """Adds an element to a key's list, which is apart from its value and the same on all hosts."""
    _faasm.append_state(key, _bytes(data))


def appended(key, n, size):
    """The first `n` elements of a key's list, each of `size` bytes."""
    data = _faasm.read_appended(key, n * size, n)
    return [data[i : i + size] for i in range(0, n * size, size)]


def clear_appended(key):
    """Empties a key's list."""
    _faasm.clear_appended(key)


# What the runtime calls. Each answers a return code.

_entry = None


def _load():
    """Runs the function's file, which is the input of the initialisation."""
    global _entry
    import linecache
    import traceback
    import types

    # What a traceback of a call needs is there.
    traceback.format_exception(ValueError("warm"))
    source = _faasm.read_input().decode()
    name = (sys.argv or [""])[0] or _MODULE
    path = f"{name}.py"
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    module = types.ModuleType(_MODULE)
    module.__file__ = path
    sys.modules[_MODULE] = module

    def run():
        if not source:
            return _program
        exec(compile(source, path, "exec"), module.__dict__)
        found = getattr(module, "faasm_main", None) or getattr(module, "main", None)
        if not callable(found):
            raise TypeError(f"{path} defines neither faasm_main() nor main()")
        return found

    code, _entry = _guarded(run)
    return code


def _program():
    """What the runtime is without a file: a function whose input is a program, and whose output is what that prints."""
    import contextlib
    import io

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(input(), "input", "exec"), {"__name__": "input"})
    return printed.getvalue()


def _run():
    return _call(_entry)


def _run_chained():
    global _skipped
    name, _, _ = _faasm.read_input().partition(b"\0")
    _skipped = len(name) + 1
    target = sys.modules[_MODULE]
    for part in name.decode().split("."):
        target = getattr(target, part)
    return _call(target)


def _call(entry):
    code, result = _guarded(entry)
    if code or result is None:
        return code
    if isinstance(result, int):
        return int(result)
    set_output(result)
    return 0


def _guarded(run):
    """A return code, and what `run` returned. An exception's traceback becomes the output."""
    try:
        return 0, run()
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0, None
        return _said(f"{stop.code}\n"), None
    except BaseException as error:
        import traceback

        # Without the frames of this file.
        frame = error.__traceback__
        while frame and frame.tb_frame.f_code.co_filename == _guarded.__code__.co_filename:
            frame = frame.tb_next
        lines = traceback.format_exception(type(error), error, frame)
        return _said("".join(lines)), None


def _said(text):
    sys.stderr.write(text)
    set_output(text)
    return 1
