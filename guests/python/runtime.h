/* What the parts of the Python runtime share. */
#ifndef FAASM_PYTHON_RUNTIME_H
#define FAASM_PYTHON_RUNTIME_H

#include <Python.h>

/* Makes the module `_faasm`. */
PyObject* init_faasm(void);
PyObject* init_faasm_ddo(void);

/* The entry of a chained call of a Python function of the same file. */
int run_chained(void);

/* The standard library, compiled: written by freeze.py. */
extern const struct _frozen faasm_library[];

#endif
