"""State: copies, mapped memory, locks, lists; what one call writes another sees."""
import faasm

def wrong(call, *args):
    try:
        call(*args)
    except (KeyError, ValueError, BufferError, TypeError) as error:
        return type(error).__name__
    return "nothing"

def write():
    faasm.write_state("text", "a value")
    value = faasm.state("counts", 8 * 4)
    with value.locked():
        counts = memoryview(value).cast("q")
        for i in range(4):
            counts[i] = i * i
    value.push()
    counts[3] = 10
    value.push(24, 32)
    # Two views are the same memory.
    assert memoryview(value).obj is value and bytes(value)[24] == 10
    assert memoryview(faasm.state("counts")).cast("q")[3] == 10
    for i in range(3):
        faasm.append("list", bytes([i, i]))

def main():
    if faasm.input() == b"write":
        return write()
    if faasm.input() == b"change":
        memoryview(faasm.state("counts", 32)).cast("q")[0] += 5
        return None
    counts = faasm.state("counts")
    with counts.locked(shared=True):
        found = memoryview(counts).cast("q").tolist()
    counts.pull()
    lists = faasm.appended("list", 3, 2)
    faasm.clear_appended("list")
    return repr([
        faasm.read_state("text"), len(counts), found, lists, repr(counts),
        wrong(faasm.state, "none"), wrong(faasm.read_state, "none"), wrong(faasm.state, "x", 0), wrong(faasm.state, "x", -1),
        wrong(counts.push, 1, 99), wrong(faasm.GlobalLock, "x", False, -1),
    ])
