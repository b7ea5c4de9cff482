"""Of the original's tests of Python: directories, a dictionary in the state, hashes, pickled objects."""

import os
import pickle

import faasm

WORDS = {word: len(word) for word in ("a", "dictionary", "of", "the", "upload")}
HASHES = [hash(word) for word in WORDS]


def main():
    what = faasm.input().decode()
    if what == "list":
        os.makedirs("/tmp/one/two")
        open("/tmp/one/file", "w").close()
        found = sorted(entry.name + "/" * entry.is_dir() for entry in os.scandir("/tmp/one"))
        return f"{found} {os.listdir('/tmp/one/two')} {'local' in os.listdir('/usr')}"
    if what == "put":
        faasm.write_state("words", pickle.dumps(WORDS))
        return None
    if what == "add":
        # One call's dictionary is the next one's, whichever of them are running.
        words = pickle.loads(faasm.read_state("words"))
        words["more"] = len(words)
        faasm.write_state("more words", pickle.dumps(words))
        return None
    if what == "get":
        return f"{pickle.loads(faasm.read_state('more words'))['more']}"
    # A snapshot's dictionaries are only good with its hashes.
    same = [hash(word) for word in WORDS] == HASHES
    return f"{same} {WORDS['upload']} {hash('upload')}"
