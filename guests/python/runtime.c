/*
 * Python as a runtime of functions.
 *
 * A function's initialisation has its source as input: the interpreter starts
 * and runs the file, once. What the file imports and makes is in the snapshot
 * that every call is born from. A call runs the file's `faasm_main` or `main`.
 * Everything that is not about starting is in faasm.py.
 *
 * The standard library is in this module's memory (faasm_library), so neither
 * an initialisation nor a call needs a file.
 */
#include "runtime.h"

#include <wasi/api.h>

#include <faasm/core.h>

/* Bound methods that calls use: `_run` and `_run_chained` of faasm.py, and
 * `seed` of random where the function has imported that. */
static PyObject* run_main;
static PyObject* run_other;
static PyObject* reseed;

static int failed(void)
{
    PyErr_Print();
    return 1;
}

/* The function's name, which is the program's: an initialisation has no main
 * that would be given it. */
static char* function_name(void)
{
    size_t n = 0, size = 0;
    char** args = NULL;
    if (__wasi_args_sizes_get(&n, &size) != 0 || n == 0) {
        return "function";
    }
    args = calloc(n, sizeof *args);
    char* text = malloc(size);
    if (!args || !text || __wasi_args_get((uint8_t**)args, (uint8_t*)text) != 0) {
        return "function";
    }
    return args[0];
}

static PyStatus configure(PyConfig* config)
{
    PyStatus status;
    config->write_bytecode = 0;
    config->install_signal_handlers = 0;
    config->site_import = 0;
    config->buffered_stdio = 0;
    config->pathconfig_warnings = 0;
    config->parse_argv = 0;
    /* Where modules of the tenant's files are looked for. */
    config->module_search_paths_set = 1;
    status = PyWideStringList_Append(&config->module_search_paths, L"/lib/python");
    if (!PyStatus_Exception(status)) {
        status = PyConfig_SetBytesArgv(config, 1, (char* const[]){ function_name() });
    }
    if (!PyStatus_Exception(status)) {
        status = PyConfig_SetString(config, &config->stdio_encoding, L"utf-8");
    }
    if (!PyStatus_Exception(status)) {
        status = PyConfig_SetString(config, &config->stdio_errors, L"backslashreplace");
    }
    return status;
}

static int start_interpreter(void)
{
    PyConfig config;
    PyImport_FrozenModules = faasm_library;
    if (PyImport_AppendInittab("_faasm", init_faasm) != 0 ||
        PyImport_AppendInittab("_faasm_ddo", init_faasm_ddo) != 0) {
        return 1;
    }
    PyConfig_InitIsolatedConfig(&config);
    PyStatus status = configure(&config);
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "%s\n", status.err_msg ? status.err_msg : "Python does not start");
        return 1;
    }
    return 0;
}

/* Calls a method of an object without arguments; a new reference. */
static PyObject* call(PyObject* object, const char* name)
{
    PyObject* method = object ? PyObject_GetAttrString(object, name) : NULL;
    PyObject* result = method ? PyObject_CallNoArgs(method) : NULL;
    Py_XDECREF(method);
    return result;
}

/* The integer that a call of faasm.py answers, or 1. */
static int answer(PyObject* result)
{
    long code = result ? PyLong_AsLong(result) : -1;
    Py_XDECREF(result);
    if (PyErr_Occurred()) {
        return failed();
    }
    return (int)code;
}

/* What is collected now is no garbage of the first call's, and what is left is
 * never looked at again: a collection writes to all it sees. */
static int settle(void)
{
    PyGC_Collect();
    PyObject* gc = PyImport_ImportModule("gc");
    PyObject* frozen = call(gc, "freeze");
    Py_XDECREF(gc);
    Py_XDECREF(frozen);
    return frozen ? 0 : failed();
}

FAASM_ZYGOTE()
{
    if (start_interpreter() != 0) {
        return 1;
    }
    PyObject* faasm = PyImport_ImportModule("faasm");
    if (!faasm) {
        return failed();
    }
    int code = answer(call(faasm, "_load"));
    if (code != 0) {
        return code;
    }
    run_main = PyObject_GetAttrString(faasm, "_run");
    run_other = PyObject_GetAttrString(faasm, "_run_chained");
    Py_DECREF(faasm);
    PyObject* name = PyUnicode_FromString("random");
    PyObject* random = name ? PyImport_GetModule(name) : NULL;
    reseed = random ? PyObject_GetAttrString(random, "seed") : NULL;
    Py_XDECREF(name);
    Py_XDECREF(random);
    if (!run_main || !run_other || PyErr_Occurred()) {
        return failed();
    }
    return settle();
}

FAASM_AFTER_RESTORE()
{
    if (reseed) {
        PyObject* done = PyObject_CallNoArgs(reseed);
        Py_XDECREF(done);
        return done ? 0 : failed();
    }
    return 0;
}

int main(void)
{
    return answer(PyObject_CallNoArgs(run_main));
}

int run_chained(void)
{
    return answer(PyObject_CallNoArgs(run_other));
}
