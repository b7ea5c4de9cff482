"""Chained calls: of functions of this file and of others, nested, and failing ones."""
import faasm
changed = "before"

def double(): return str(2 * int(faasm.input()))
def fails(): raise ValueError("for " + faasm.input().decode())
def sees(): return changed
class Group:
    @staticmethod
    def deep():
        n = int(faasm.input())
        return str(n) if n == 0 else faasm.await_call(faasm.chain(Group.deep, str(n - 1))) + b"<" + str(n).encode()

def main():
    global changed
    changed = "after"
    calls = [faasm.chain(double, str(n)) for n in range(5)]
    out = [int(faasm.await_call(call)) for call in calls]
    out.append(faasm.await_call(faasm.chain("io", b"\0other")))
    out.append(faasm.await_call(faasm.chain(Group.deep, "3")))
    out.append(faasm.await_call(faasm.chain(sees)))
    try:
        faasm.await_call(faasm.chain(fails, "good"))
    except faasm.CallError as error:
        out += [error.code, error.output.decode().splitlines()[-1]]
    for bad in (lambda: 0, len, 3):
        try:
            faasm.chain(bad)
        except (ValueError, TypeError) as error:
            out.append(type(error).__name__)
    return repr(out)
