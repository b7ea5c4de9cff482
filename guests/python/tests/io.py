import sys
import faasm
LOADED = sys.modules[__name__].__file__
def main():
    data = faasm.input()
    if data == b"exit":
        sys.exit(3)
    if data == b"text":
        sys.exit("no such thing")
    if data == b"code":
        return 7
    if data == b"raise":
        raise KeyError("nothing")
    if data == b"set":
        faasm.set_output("early")
        faasm.set_output(memoryview(b"late"))
        return None
    return LOADED.encode() + b":" + data
