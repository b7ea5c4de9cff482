"""What of the standard library a function can count on, and that calls do not see one another."""
import bisect, collections, copy, csv, dataclasses, datetime, decimal, difflib, email.message, enum, fractions
import functools, glob, hashlib, heapq, html, inspect, io, itertools, json, logging, math, operator, os, pathlib, pickle
import pprint, queue, random, re, secrets, shlex, statistics, string, struct, tempfile, textwrap, time, traceback
import types, typing, unittest, urllib.parse, uuid, xml.etree.ElementTree
import faasm
seen = []

@dataclasses.dataclass
class Point:
    x: int
    y: int

def main():
    seen.append(1)
    point = pickle.loads(pickle.dumps(Point(1, 2)))
    assert isinstance(point, Point) and point == Point(1, 2)
    assert xml.etree.ElementTree.fromstring("<a><b/></a>")[0].tag == "b"
    digest = hashlib.sha256(b"faasm").hexdigest()[:8]
    before = time.process_time()
    sum(range(20000))
    assert 0 < time.process_time() - before < 60
    import calendar  # in a call, without files
    try:
        open("/etc/passwd")
        return "a file of the host can be opened"
    except OSError:
        pass
    return f"{len(seen)} {digest} {calendar.isleap(2024)} {decimal.Decimal(1) / 7} {random.random()} {uuid.uuid4()}"
