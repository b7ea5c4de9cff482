/*
 * The module `_faasm`: the host interface for faasm.py, which is what functions
 * import. What is not here is Python: see that file.
 *
 * Memory of the state is never copied here but by read_state, write_state and
 * the lists: a State lends the mapped pages through the buffer protocol.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <faasm/core.h>
#include <faasm/host_interface.h>

#include "runtime.h"

/* ---- Input, output, chained calls ---- */

static PyObject* read_input(PyObject* self, PyObject* args)
{
    (void)self;
    (void)args;
    long size = faasmGetInputSize();
    PyObject* bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes) {
        faasmGetInput((uint8_t*)PyBytes_AS_STRING(bytes), size);
    }
    return bytes;
}

static PyObject* write_output(PyObject* self, PyObject* args)
{
    (void)self;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*:write_output", &data)) {
        return NULL;
    }
    faasmSetOutput(data.buf, data.len);
    PyBuffer_Release(&data);
    Py_RETURN_NONE;
}

static PyObject* chain_name(PyObject* self, PyObject* args)
{
    (void)self;
    const char* name;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "sy*:chain_name", &name, &data)) {
        return NULL;
    }
    unsigned int call = faasmChainNamed(name, data.buf, data.len);
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong(call);
}

static PyObject* chain_here(PyObject* self, PyObject* args)
{
    (void)self;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*:chain_here", &data)) {
        return NULL;
    }
    unsigned int call = faasmChain(run_chained, data.buf, data.len);
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong(call);
}

static PyObject* await_call(PyObject* self, PyObject* args)
{
    (void)self;
    unsigned int call;
    if (!PyArg_ParseTuple(args, "I:await_call", &call)) {
        return NULL;
    }
    char* output = NULL;
    int size = 0;
    int code = (int)faasmAwaitCallOutput(call, &output, &size);
    PyObject* result = Py_BuildValue("iy#", code, output, (Py_ssize_t)size);
    free(output);
    return result;
}

/* ---- State ---- */

static PyObject* state_size(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    if (!PyArg_ParseTuple(args, "s:state_size", &key)) {
        return NULL;
    }
    return PyLong_FromSize_t(faasmReadStateSize(key));
}

static PyObject* read_state(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    if (!PyArg_ParseTuple(args, "s:read_state", &key)) {
        return NULL;
    }
    size_t size = faasmReadStateSize(key);
    PyObject* bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes && size > 0) {
        faasmReadState(key, (uint8_t*)PyBytes_AS_STRING(bytes), (long)size);
    }
    return bytes;
}

static PyObject* write_state(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "sy*:write_state", &key, &data)) {
        return NULL;
    }
    faasmWriteState(key, data.buf, data.len);
    PyBuffer_Release(&data);
    Py_RETURN_NONE;
}

static PyObject* append_state(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "sy*:append_state", &key, &data)) {
        return NULL;
    }
    faasmAppendState(key, data.buf, data.len);
    PyBuffer_Release(&data);
    Py_RETURN_NONE;
}

static PyObject* read_appended(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    Py_ssize_t size, n;
    if (!PyArg_ParseTuple(args, "snn:read_appended", &key, &size, &n)) {
        return NULL;
    }
    PyObject* bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes) {
        memset(PyBytes_AS_STRING(bytes), 0, (size_t)size);
        faasmReadAppendedState(key, (uint8_t*)PyBytes_AS_STRING(bytes), size, n);
    }
    return bytes;
}

static PyObject* pull_state(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "sn:pull_state", &key, &size)) {
        return NULL;
    }
    faasmPullState(key, size);
    Py_RETURN_NONE;
}

static PyObject* flag_dirty(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    Py_ssize_t total, offset, size;
    if (!PyArg_ParseTuple(args, "snnn:flag_dirty", &key, &total, &offset, &size)) {
        return NULL;
    }
    if (offset < 0 || size < 0 || offset > total || size > total - offset) {
        PyErr_SetString(PyExc_ValueError, "the part is not within the value");
        return NULL;
    }
    faasmFlagStateOffsetDirty(key, total, offset, size);
    Py_RETURN_NONE;
}

/* Those that take a key only. */
#define OF_KEY(name, call)                                                     \
    static PyObject* name(PyObject* self, PyObject* args)                      \
    {                                                                          \
        (void)self;                                                            \
        const char* key;                                                       \
        if (!PyArg_ParseTuple(args, "s:" #name, &key)) {                       \
            return NULL;                                                       \
        }                                                                      \
        call(key);                                                             \
        Py_RETURN_NONE;                                                        \
    }

OF_KEY(clear_appended, faasmClearAppendedState)
OF_KEY(push_state, faasmPushState)
OF_KEY(push_state_partial, faasmPushStatePartial)
OF_KEY(lock_read, faasmLockStateRead)
OF_KEY(unlock_read, faasmUnlockStateRead)
OF_KEY(lock_write, faasmLockStateWrite)
OF_KEY(unlock_write, faasmUnlockStateWrite)

/* Of the global lock, which is waited for so many milliseconds, or for ever (-1); whether it was given. */
#define GLOBAL_LOCK(name, call)                                                \
    static PyObject* name(PyObject* self, PyObject* args)                      \
    {                                                                          \
        (void)self;                                                            \
        const char* key;                                                       \
        int timeout;                                                           \
        if (!PyArg_ParseTuple(args, "si:" #name, &key, &timeout)) {            \
            return NULL;                                                       \
        }                                                                      \
        return PyBool_FromLong(call(key, timeout));                            \
    }

GLOBAL_LOCK(global_lock_read, faasmLockStateGlobalRead)
GLOBAL_LOCK(global_lock_write, faasmLockStateGlobalWrite)
OF_KEY(global_unlock, faasmUnlockStateGlobal)

static PyObject* global_token(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    if (!PyArg_ParseTuple(args, "s:global_token", &key)) {
        return NULL;
    }
    return PyLong_FromLongLong(faasmStateToken(key));
}

static PyObject* state_version(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    if (!PyArg_ParseTuple(args, "s:state_version", &key)) {
        return NULL;
    }
    return PyLong_FromLongLong(faasmStateVersion(key));
}

static PyObject* push_state_if(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    long long version;
    if (!PyArg_ParseTuple(args, "sL:push_state_if", &key, &version)) {
        return NULL;
    }
    return PyLong_FromLongLong(faasmPushStateIf(key, version));
}

/* A value of the state, mapped into memory at its first use. */
typedef struct {
    PyObject_HEAD
    PyObject* key;
    Py_ssize_t size;
    uint8_t* at;
} Mapped;

static PyObject* mapped_new(PyTypeObject* type, PyObject* args, PyObject* kwargs)
{
    static char* names[] = { "key", "size", NULL };
    PyObject* key;
    Py_ssize_t size;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Un:State", names, &key, &size)) {
        return NULL;
    }
    if (size <= 0) {
        PyErr_SetString(PyExc_ValueError, "a value has at least one byte");
        return NULL;
    }
    Mapped* self = (Mapped*)type->tp_alloc(type, 0);
    if (self) {
        self->key = Py_NewRef(key);
        self->size = size;
    }
    return (PyObject*)self;
}

static void mapped_dealloc(Mapped* self)
{
    PyTypeObject* type = Py_TYPE(self);
    Py_XDECREF(self->key);
    type->tp_free(self);
    Py_DECREF(type);
}

static int mapped_buffer(PyObject* object, Py_buffer* view, int flags)
{
    Mapped* self = (Mapped*)object;
    if (!self->at) {
        const char* key = PyUnicode_AsUTF8(self->key);
        if (!key) {
            return -1;
        }
        self->at = faasmReadStatePtr(key, self->size);
    }
    return PyBuffer_FillInfo(view, object, self->at, self->size, 0, flags);
}

static Py_ssize_t mapped_length(PyObject* self)
{
    return ((Mapped*)self)->size;
}

static PyObject* mapped_key(PyObject* self, void* closure)
{
    (void)closure;
    return Py_NewRef(((Mapped*)self)->key);
}

static PyGetSetDef mapped_attributes[] = {
    { "key", mapped_key, NULL, "The value's key.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static PyType_Slot mapped_slots[] = {
    { Py_tp_new, mapped_new },
    { Py_tp_dealloc, mapped_dealloc },
    { Py_tp_getset, mapped_attributes },
    { Py_bf_getbuffer, mapped_buffer },
    { Py_sq_length, mapped_length },
    { Py_tp_doc, "A value of the state, as memory that every Faaslet of this host shares." },
    { 0, NULL },
};

static PyType_Spec mapped_spec = {
    .name = "_faasm.State",
    .basicsize = sizeof(Mapped),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = mapped_slots,
};

/* ---- The module ---- */

#define METHOD(name) { #name, name, METH_VARARGS, NULL }

static PyMethodDef methods[] = {
    METHOD(read_input),     METHOD(write_output), METHOD(chain_name),     METHOD(chain_here),
    METHOD(await_call),     METHOD(state_size),   METHOD(read_state),     METHOD(write_state),
    METHOD(append_state),   METHOD(read_appended), METHOD(clear_appended), METHOD(pull_state),
    METHOD(flag_dirty),     METHOD(push_state),   METHOD(push_state_partial), METHOD(lock_read),
    METHOD(unlock_read),    METHOD(lock_write),   METHOD(unlock_write),   METHOD(global_lock_read),
    METHOD(global_lock_write), METHOD(global_unlock), METHOD(global_token), METHOD(state_version),
    METHOD(push_state_if),
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_faasm",
    .m_size = -1,
    .m_methods = methods,
};

PyObject* init_faasm(void)
{
    PyObject* module = PyModule_Create(&definition);
    PyObject* type = module ? PyType_FromSpec(&mapped_spec) : NULL;
    if (!type || PyModule_AddObject(module, "State", type) != 0) {
        Py_XDECREF(type);
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
