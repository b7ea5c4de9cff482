"""In a Faaslet: a function whose input is a program, and whose output is what that prints."""

import contextlib
import io

# What the programs import is in the Proto.
import array, base64, collections, datetime, decimal, fractions, json, logging, math, pickle, random, re  # noqa: E401, F401

import faasm


def main():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(faasm.input(), "input", "exec"), {"__name__": "__main__"})
    return printed.getvalue()
