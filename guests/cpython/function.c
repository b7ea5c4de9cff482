/*
 * CPython as a function.
 *
 * input   a Python program
 * output  what it prints
 *
 * The return code is 1 where the program ended with an exception, whose
 * traceback goes to standard error.
 *
 * The interpreter starts and imports a part of the standard library in the
 * zygote, from the directory that is /usr/local/lib/python3.11 there. A call
 * finds both in its memory and needs no files. After a restore, `random` gets
 * a new seed. The seed of hashes stays the snapshot's, as dictionaries are
 * built with it.
 */
#include <Python.h>

#include <faasm/core.h>

static const char imports[] =
    "import bisect, collections, dataclasses, datetime, decimal, enum\n"
    "import fractions, functools, hashlib, heapq, io, itertools, json, math\n"
    "import operator, random, re, statistics, string, sys, textwrap, time\n"
    "import typing, uuid\n"
    "json.loads(json.dumps({'warm': [1, 2.5, None]}))\n"
    "re.compile(r'\\w+').findall('warm up')\n"
    "exec(compile('1', 'input', 'exec'), {})\n";

/* Bound methods and types that calls use. */
static PyObject* reseed;
static PyObject* new_printed;

static int failed(void)
{
    PyErr_Print();
    return 1;
}

static int start_interpreter(void)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.write_bytecode = 0;
    config.install_signal_handlers = 0;
    config.site_import = 0;
    config.buffered_stdio = 0;
    PyStatus status = PyConfig_SetString(&config, &config.home, L"/usr/local");
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "%s\n", status.err_msg ? status.err_msg : "no start");
        return 1;
    }
    return 0;
}

static PyObject* attribute(const char* module_name, const char* name)
{
    PyObject* module = PyImport_ImportModule(module_name);
    PyObject* found = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return found;
}

FAASM_ZYGOTE()
{
    if (start_interpreter() != 0) {
        return 1;
    }
    if (PyRun_SimpleString(imports) != 0) {
        return 1;
    }
    reseed = attribute("random", "seed");
    new_printed = attribute("io", "StringIO");
    if (!reseed || !new_printed) {
        return failed();
    }
    /* What is collected now is no garbage of the first call's, and what is
     * left is never looked at again: a collection writes to all it sees. */
    PyGC_Collect();
    PyObject* freeze = attribute("gc", "freeze");
    PyObject* frozen = freeze ? PyObject_CallNoArgs(freeze) : NULL;
    Py_XDECREF(freeze);
    Py_XDECREF(frozen);
    return frozen ? 0 : failed();
}

FAASM_AFTER_RESTORE()
{
    PyObject* done = PyObject_CallNoArgs(reseed);
    Py_XDECREF(done);
    return done ? 0 : failed();
}

/* Runs a program in a namespace of its own; 0, or 1 after an exception. */
static int run(const char* program)
{
    PyObject* names = PyDict_New();
    PyObject* done = NULL;
    if (names && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0) {
        done = PyRun_String(program, Py_file_input, names, names);
    }
    Py_XDECREF(names);
    Py_XDECREF(done);
    return done ? 0 : failed();
}

static int set_output(PyObject* printed)
{
    PyObject* text = PyObject_CallMethod(printed, "getvalue", NULL);
    Py_ssize_t size = 0;
    const char* bytes = text ? PyUnicode_AsUTF8AndSize(text, &size) : NULL;
    if (bytes) {
        faasmSetOutput(bytes, size);
    }
    Py_XDECREF(text);
    return bytes ? 0 : failed();
}

int main(void)
{
    char* program = faasmGetInputCopy(NULL);
    PyObject* printed = PyObject_CallNoArgs(new_printed);
    if (!program || !printed || PySys_SetObject("stdout", printed) != 0) {
        return failed();
    }
    int code = run(program);
    return set_output(printed) != 0 ? 1 : code;
}
