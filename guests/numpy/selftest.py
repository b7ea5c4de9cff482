"""NumPy's own tests, as an input of the runtime: pytest on them, in one call.

The files are the user's (`/selftest`); NumPy is the runtime's.
"""

import importlib
import os
import sys

import numpy

FOLDER = "/selftest"

MODULES = """
numpy/_core/tests/test_abc.py
numpy/_core/tests/test_array_interface.py
numpy/_core/tests/test_arrayobject.py
numpy/_core/tests/test_arrayprint.py
numpy/_core/tests/test_datetime.py
numpy/_core/tests/test_dlpack.py
numpy/_core/tests/test_errstate.py
numpy/_core/tests/test_function_base.py
numpy/_core/tests/test_getlimits.py
numpy/_core/tests/test_half.py
numpy/_core/tests/test_indexerrors.py
numpy/_core/tests/test_indexing.py
numpy/_core/tests/test_item_selection.py
numpy/_core/tests/test_numerictypes.py
numpy/_core/tests/test_overrides.py
numpy/_core/tests/test_records.py
numpy/_core/tests/test_scalar_methods.py
numpy/_core/tests/test_shape_base.py
numpy/_core/tests/test_strings.py
numpy/_core/tests/test_umath_complex.py
numpy/fft/tests/test_helper.py
numpy/fft/tests/test_pocketfft.py
numpy/lib/tests/test_arraypad.py
numpy/lib/tests/test_arraysetops.py
numpy/lib/tests/test_histograms.py
numpy/lib/tests/test_index_tricks.py
numpy/lib/tests/test_nanfunctions.py
numpy/lib/tests/test_polynomial.py
numpy/lib/tests/test_shape_base.py
numpy/linalg/tests/test_linalg.py
numpy/linalg/tests/test_regression.py
numpy/polynomial/tests/test_polynomial.py
""".split()

# Of these files, by words in their tests' names, and why.
LEFT_OUT = {
    "test_third_party_scalar_type": "it is about a type of a module in C for tests",
    "fromfile": "`ndarray.tofile` duplicates the file's descriptor, which this CPython cannot",
    "test_memmap_takes_fast_route": "this CPython maps no files",
}

# What of NumPy's packages has tests.
for name in ("numpy", "numpy._core", "numpy.fft", "numpy.lib", "numpy.linalg", "numpy.polynomial"):
    importlib.import_module(name).__path__.append(f"{FOLDER}/{name.replace('.', '/')}")
sys.path.append(FOLDER)
os.chdir("/tmp")
# Who asks is the owner of its folder.
os.getuid = lambda: os.stat("/tmp").st_uid

import hypothesis
import pytest

# Nothing here depends on how quick the machine is, and numbers are drawn in the same way each time.
hypothesis.settings.register_profile(
    "here", deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("here")


class Absent:
    """What is in modules in C that are built for NumPy's tests alone: whoever uses it is skipped."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args, **kwargs):
        pytest.skip("a module in C for tests")


for name in ("_umath_tests", "_multiarray_tests", "_operand_flag_tests", "_rational_tests"):
    module = sys.modules[f"numpy._core.{name}"] = Absent()
    setattr(numpy._core, name, module)


class Report:
    """What there is to say of a run: a line for each failure, and how many passed."""

    def __init__(self):
        self.passed = self.skipped = 0
        self.failed = []

    def pytest_runtest_logreport(self, report):
        if report.failed and "Absent object" in str(report.longrepr):
            self.skipped += 1
        elif report.failed:
            self.fail(report)
        elif report.skipped:
            self.skipped += report.when != "teardown"
        elif report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report):
        if report.failed:
            self.fail(report)

    def fail(self, report):
        self.failed.append(f"{report.fspath} {report.nodeid} {str(report.longrepr)[-300:]!r}")


report = Report()
pytest.main(
    ["-s", "--noconftest", "--import-mode=importlib", "--assert=plain", "--continue-on-collection-errors",
     "--rootdir=/tmp", "-W", "ignore", "-k", " and ".join(f"not {name}" for name in LEFT_OUT)]
    + [part for plugin in ("cacheprovider", "terminal", "logging", "faulthandler") for part in ("-p", f"no:{plugin}")]
    + [f"{FOLDER}/{module}" for module in MODULES],
    plugins=[report],
)  # fmt: skip
for line in report.failed:
    print("FAILED", line)
print(f"passed {report.passed} skipped {report.skipped} failed {len(report.failed)}")
