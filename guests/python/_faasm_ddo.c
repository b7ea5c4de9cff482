/*
 * The module `_faasm_ddo`: the calls below faasm_ddo.py, which is what functions
 * import. Memory of the state is lent, never copied: a Vector has the buffer
 * protocol, and columns are memoryviews. It is there as long as the call is.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <faasm/core.h>
#include <faasm/ddo.h>

#include "runtime.h"

/* Bytes of an element of a format of the module struct: f, d, i, q. */
static size_t width_of(char format)
{
    return format == 'f' || format == 'i' ? 4 : format == 'd' || format == 'q' ? 8 : 0;
}

static PyObject* wrong(PyObject* type, const char* text, const char* key)
{
    return PyErr_Format(type, "state %s: %s", key, text);
}

/* A view of mapped elements; an empty one of nothing. */
static PyObject* view_of(const void* data, size_t n, char format)
{
    static char nothing;
    const char formats[2] = { format, '\0' };
    char* memory = n == 0 ? &nothing : (char*)data;
    PyObject* bytes =
        PyMemoryView_FromMemory(memory, (Py_ssize_t)(n * width_of(format)), PyBUF_WRITE);
    PyObject* view = bytes ? PyObject_CallMethod(bytes, "cast", "s", formats) : NULL;
    Py_XDECREF(bytes);
    return view;
}

/* ---- Vectors ---- */

typedef struct {
    PyObject_HEAD
    PyObject* key;
    const char* name; /* the key's text, which lives as long */
    void* data;
    Py_ssize_t size;
    char format[2];
    struct FaasmWritten written; /* of a vector that notes what is written */
} Vector;

static PyObject* vector_new(PyTypeObject* type, PyObject* args, PyObject* kwargs)
{
    (void)kwargs;
    PyObject* key;
    int format, noting;
    Py_ssize_t size; /* -1: that of the vector that is there */
    if (!PyArg_ParseTuple(args, "UCnp:Vector", &key, &format, &size, &noting)) {
        return NULL;
    }
    const char* name = PyUnicode_AsUTF8(key);
    size_t width = width_of((char)format);
    if (!name || width == 0) {
        return name ? wrong(PyExc_TypeError, "no such format of elements", name) : NULL;
    }
    if (size < 0) {
        size = (Py_ssize_t)faasmArraySize(name, width);
        if (size == 0) {
            PyErr_SetObject(PyExc_KeyError, key);
            return NULL;
        }
    }
    void* data = faasmArrayMap(name, width, (size_t)size);
    if (!data) {
        return wrong(PyExc_ValueError, "a vector that is empty or too large", name);
    }
    Vector* self = (Vector*)type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    self->key = Py_NewRef(key);
    self->name = name;
    self->data = data;
    self->size = size;
    self->format[0] = (char)format;
    if (noting) {
        self->written = faasmWrittenMake((size_t)size);
        if (!self->written.words) {
            Py_DECREF(self);
            return PyErr_NoMemory();
        }
    }
    return (PyObject*)self;
}

static void vector_dealloc(Vector* self)
{
    PyTypeObject* type = Py_TYPE(self);
    faasmWrittenFree(&self->written);
    Py_XDECREF(self->key);
    type->tp_free(self);
    Py_DECREF(type);
}

static size_t vector_width(const Vector* self)
{
    return width_of(self->format[0]);
}

static int vector_buffer(PyObject* object, Py_buffer* view, int flags)
{
    Vector* self = (Vector*)object;
    Py_ssize_t width = (Py_ssize_t)vector_width(self);
    if (PyBuffer_FillInfo(view, object, self->data, self->size * width, 0, flags) != 0) {
        return -1;
    }
    /* Elements, to those who ask for more than bytes. */
    if (flags & PyBUF_FORMAT) {
        view->format = self->format;
        view->itemsize = width;
        if (view->shape) {
            view->shape = &self->size;
        }
        if (view->strides) {
            view->strides = &view->itemsize;
        }
    }
    return 0;
}

static Py_ssize_t vector_length(PyObject* self)
{
    return ((Vector*)self)->size;
}

static PyObject* vector_iter(PyObject* self)
{
    PyObject* view = PyMemoryView_FromObject(self);
    PyObject* elements = view ? PyObject_GetIter(view) : NULL;
    Py_XDECREF(view);
    return elements;
}

/* The index that an object is; -1 with an error where there is no such element. */
static Py_ssize_t vector_index(Vector* self, PyObject* item)
{
    Py_ssize_t index = PyNumber_AsSsize_t(item, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred()) {
        return -1;
    }
    index += index < 0 ? self->size : 0;
    if (index < 0 || index >= self->size) {
        PyErr_SetString(PyExc_IndexError, "no such element of the vector");
        return -1;
    }
    return index;
}

static PyObject* vector_get(PyObject* object, PyObject* item)
{
    Vector* self = (Vector*)object;
    if (!PyIndex_Check(item)) {
        PyObject* view = PyMemoryView_FromObject(object);
        PyObject* part = view ? PyObject_GetItem(view, item) : NULL;
        Py_XDECREF(view);
        return part;
    }
    Py_ssize_t index = vector_index(self, item);
    if (index < 0) {
        return NULL;
    }
    switch (self->format[0]) {
        case 'd': return PyFloat_FromDouble(((double*)self->data)[index]);
        case 'f': return PyFloat_FromDouble(((float*)self->data)[index]);
        case 'q': return PyLong_FromLongLong(((int64_t*)self->data)[index]);
        default: return PyLong_FromLong(((int32_t*)self->data)[index]);
    }
}

static int set_integer(Vector* self, Py_ssize_t index, PyObject* value)
{
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    int narrow = self->format[0] == 'i';
    if (overflow || (narrow && (number > INT32_MAX || number < INT32_MIN))) {
        PyErr_SetString(PyExc_OverflowError, "the number is too large for the vector");
        return -1;
    }
    if (narrow) {
        ((int32_t*)self->data)[index] = (int32_t)number;
    } else {
        ((int64_t*)self->data)[index] = number;
    }
    return 0;
}

static int set_element(Vector* self, Py_ssize_t index, PyObject* value)
{
    if (self->format[0] == 'i' || self->format[0] == 'q') {
        return set_integer(self, index, value);
    }
    double number = PyFloat_AsDouble(value);
    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (self->format[0] == 'd') {
        ((double*)self->data)[index] = number;
    } else {
        ((float*)self->data)[index] = (float)number;
    }
    return 0;
}

static void note(Vector* self, Py_ssize_t begin, Py_ssize_t end)
{
    if (self->written.words) {
        for (Py_ssize_t i = begin; i < end; i++) {
            faasmWrittenSet(self->written, (size_t)i);
        }
    }
}

static int set_slice(Vector* self, PyObject* slice, PyObject* value)
{
    Py_ssize_t begin, end, step;
    if (PySlice_Unpack(slice, &begin, &end, &step) != 0) {
        return -1;
    }
    Py_ssize_t n = PySlice_AdjustIndices(self->size, &begin, &end, step);
    PyObject* view = PyMemoryView_FromObject((PyObject*)self);
    int failed = view ? PyObject_SetItem(view, slice, value) : -1;
    Py_XDECREF(view);
    if (failed) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        note(self, begin + i * step, begin + i * step + 1);
    }
    return 0;
}

static int vector_set(PyObject* object, PyObject* item, PyObject* value)
{
    Vector* self = (Vector*)object;
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "elements of a vector cannot be deleted");
        return -1;
    }
    if (PySlice_Check(item)) {
        return set_slice(self, item, value);
    }
    Py_ssize_t index = vector_index(self, item);
    if (index < 0 || set_element(self, index, value) != 0) {
        return -1;
    }
    note(self, index, index + 1);
    return 0;
}

/* Begin and end of a part, which must be one of `size` elements. */
static int part_of(PyObject* args, Py_ssize_t size, Py_ssize_t* begin, Py_ssize_t* end)
{
    if (!PyArg_ParseTuple(args, "nn", begin, end)) {
        return -1;
    }
    if (*begin < 0 || *begin > *end || *end > size) {
        PyErr_SetString(PyExc_ValueError, "the part is not in the vector");
        return -1;
    }
    return 0;
}

static PyObject* vector_mark(PyObject* object, PyObject* args)
{
    Vector* self = (Vector*)object;
    Py_ssize_t begin, end;
    if (part_of(args, self->size, &begin, &end) != 0) {
        return NULL;
    }
    note(self, begin, end);
    Py_RETURN_NONE;
}

static PyObject* vector_push_written(PyObject* object, PyObject* args)
{
    (void)args;
    Vector* self = (Vector*)object;
    if (self->written.words) {
        faasmArrayPushWritten(self->name, vector_width(self), self->written);
    }
    Py_RETURN_NONE;
}

static PyObject* vector_push_part(PyObject* object, PyObject* args)
{
    Vector* self = (Vector*)object;
    Py_ssize_t begin, end;
    if (part_of(args, self->size, &begin, &end) != 0) {
        return NULL;
    }
    faasmArrayMark(self->name, vector_width(self), (size_t)self->size, (size_t)begin, (size_t)end);
    if (begin == 0 && end == self->size) {
        faasmPushState(self->name);
    } else {
        faasmPushStatePartial(self->name);
    }
    Py_RETURN_NONE;
}

static PyObject* vector_pull(PyObject* object, PyObject* args)
{
    (void)args;
    Vector* self = (Vector*)object;
    faasmPullState(self->name, self->size * (Py_ssize_t)vector_width(self));
    Py_RETURN_NONE;
}

static PyObject* vector_key(PyObject* self, void* closure)
{
    (void)closure;
    return Py_NewRef(((Vector*)self)->key);
}

static PyGetSetDef vector_attributes[] = {
    { "key", vector_key, NULL, "The vector's key.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static PyMethodDef vector_methods[] = {
    { "_mark", vector_mark, METH_VARARGS, NULL },
    { "_push_written", vector_push_written, METH_NOARGS, NULL },
    { "_push_part", vector_push_part, METH_VARARGS, NULL },
    { "pull", vector_pull, METH_NOARGS,
      "Fetches it from the global tier, in place of what was not pushed." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot vector_slots[] = {
    { Py_tp_new, vector_new },
    { Py_tp_dealloc, vector_dealloc },
    { Py_tp_getset, vector_attributes },
    { Py_tp_methods, vector_methods },
    { Py_bf_getbuffer, vector_buffer },
    { Py_tp_iter, vector_iter },
    { Py_mp_length, vector_length },
    { Py_mp_subscript, vector_get },
    { Py_mp_ass_subscript, vector_set },
    { 0, NULL },
};

static PyType_Spec vector_spec = {
    .name = "_faasm_ddo.Vector",
    .basicsize = sizeof(Vector),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = vector_slots,
};

/* ---- Matrices ---- */

/* The shape as a tuple: format, rows, columns, stored elements. */
static int shape_from(PyObject* tuple, uint32_t kind, struct FaasmShape* shape)
{
    int format;
    Py_ssize_t rows, columns, nonzeros;
    if (!PyArg_ParseTuple(tuple, "Cnnn:shape", &format, &rows, &columns, &nonzeros)) {
        return -1;
    }
    const char* type = format == 'f' ? "f32" : format == 'd' ? "f64" : format == 'i' ? "i32" : "i64";
    *shape = (struct FaasmShape){ .kind = kind, .rows = (uint64_t)rows, .columns = (uint64_t)columns,
                                  .nonzeros = (uint64_t)nonzeros };
    memcpy(shape->type, type, sizeof shape->type);
    return 0;
}

static char format_of(const struct FaasmShape* shape)
{
    int wide = faasmShapeWidth(shape) == 8;
    return shape->type[0] == 'f' ? (wide ? 'd' : 'f') : (wide ? 'q' : 'i');
}

static PyObject* read_shape(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    int sparse;
    struct FaasmShape shape;
    if (!PyArg_ParseTuple(args, "sp:read_shape", &key, &sparse)) {
        return NULL;
    }
    if (faasmReadShape(key, sparse ? FAASM_SPARSE : FAASM_DENSE, &shape) != 0) {
        return wrong(PyExc_KeyError, sparse ? "no sparse matrix" : "no dense matrix", key);
    }
    return Py_BuildValue("CKKK", format_of(&shape), (unsigned long long)shape.rows,
                         (unsigned long long)shape.columns, (unsigned long long)shape.nonzeros);
}

static PyObject* write_shape(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    PyObject* tuple;
    struct FaasmShape shape;
    if (!PyArg_ParseTuple(args, "sO!:write_shape", &key, &PyTuple_Type, &tuple) ||
        shape_from(tuple, FAASM_DENSE, &shape) != 0) {
        return NULL;
    }
    if (faasmWriteShape(key, &shape) != 0) {
        return wrong(PyExc_ValueError, "a matrix that is too large", key);
    }
    Py_RETURN_NONE;
}

static PyObject* matrix_columns(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    PyObject* tuple;
    Py_ssize_t begin, end;
    struct FaasmShape shape;
    if (!PyArg_ParseTuple(args, "sO!nn:matrix_columns", &key, &PyTuple_Type, &tuple, &begin, &end) ||
        shape_from(tuple, FAASM_DENSE, &shape) != 0) {
        return NULL;
    }
    void* data = begin < 0 ? NULL : faasmMatrixColumns(key, &shape, (size_t)begin, (size_t)end);
    if (!data) {
        return wrong(PyExc_IndexError, "columns that are not in the matrix", key);
    }
    return view_of(data, (size_t)((uint64_t)(end - begin) * shape.rows), format_of(&shape));
}

static PyObject* sparse_columns(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    PyObject* tuple;
    Py_ssize_t begin, end;
    struct FaasmShape shape;
    struct FaasmSparseColumns columns;
    if (!PyArg_ParseTuple(args, "sO!nn:sparse_columns", &key, &PyTuple_Type, &tuple, &begin, &end) ||
        shape_from(tuple, FAASM_SPARSE, &shape) != 0) {
        return NULL;
    }
    if (begin < 0 || faasmSparseColumns(key, &shape, (size_t)begin, (size_t)end, &columns) != 0) {
        return wrong(PyExc_IndexError, "columns that are not in the matrix", key);
    }
    size_t n = (size_t)(end - begin);
    return Py_BuildValue("NNNN", view_of(columns.outer, n + 1, 'i'),
                         view_of(columns.nonzeros, n, 'i'),
                         view_of(columns.rows, columns.stored, 'i'),
                         view_of(columns.values, columns.stored, format_of(&shape)));
}

static PyObject* write_sparse(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    PyObject* tuple;
    Py_buffer outer, rows, values;
    struct FaasmShape shape;
    if (!PyArg_ParseTuple(args, "sO!y*y*y*:write_sparse", &key, &PyTuple_Type, &tuple, &outer, &rows,
                          &values)) {
        return NULL;
    }
    int written = -1;
    if (shape_from(tuple, FAASM_SPARSE, &shape) == 0 &&
        (uint64_t)outer.len == 4 * (shape.columns + 1) && (uint64_t)rows.len == 4 * shape.nonzeros &&
        (uint64_t)values.len == faasmShapeWidth(&shape) * shape.nonzeros) {
        written = faasmWriteSparse(key, &shape, outer.buf, rows.buf, values.buf);
    }
    PyBuffer_Release(&outer);
    PyBuffer_Release(&rows);
    PyBuffer_Release(&values);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (written != 0) {
        return wrong(PyExc_ValueError, "no sparse matrix: rows do not ascend, or it is too large", key);
    }
    Py_RETURN_NONE;
}

/* ---- Integers ---- */

static PyObject* int_add(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    long long n;
    if (!PyArg_ParseTuple(args, "sL:int_add", &key, &n)) {
        return NULL;
    }
    return PyLong_FromLongLong(faasmIntAdd(key, n));
}

static PyObject* int_get(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    if (!PyArg_ParseTuple(args, "s:int_get", &key)) {
        return NULL;
    }
    return PyLong_FromLongLong(faasmIntGet(key));
}

static PyObject* int_set(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    long long n;
    if (!PyArg_ParseTuple(args, "sL:int_set", &key, &n)) {
        return NULL;
    }
    faasmIntSet(key, n);
    Py_RETURN_NONE;
}

static PyObject* int_compare_and_swap(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    long long expected, desired;
    if (!PyArg_ParseTuple(args, "sLL:int_compare_and_swap", &key, &expected, &desired)) {
        return NULL;
    }
    return PyBool_FromLong(faasmIntCompareAndSwap(key, expected, desired));
}

static PyObject* barrier_wait(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    unsigned int n;
    if (!PyArg_ParseTuple(args, "sI:barrier_wait", &key, &n)) {
        return NULL;
    }
    int64_t which = faasmBarrierWait(key, n);
    if (which < 0) {
        return wrong(PyExc_ValueError, "no barrier: it is for no call, or its key is too long", key);
    }
    return PyLong_FromLongLong(which);
}

/* ---- Collections ---- */

/* The bytes as an object, which has them then. */
static PyObject* taken(struct FaasmBytes bytes)
{
    PyObject* object = PyBytes_FromStringAndSize((const char*)bytes.data, (Py_ssize_t)bytes.len);
    free(bytes.data);
    return object;
}

/* Appends framed elements (to a list) or bare ones (to a queue). */
static PyObject* append(PyObject* args, uint32_t (*to)(const char*, const void*, size_t))
{
    const char* key;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "sy*", &key, &data)) {
        return NULL;
    }
    uint32_t size = to(key, data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong(size);
}

static PyObject* list_append(PyObject* self, PyObject* args)
{
    (void)self;
    return append(args, faasmListAppend);
}

static PyObject* queue_push(PyObject* self, PyObject* args)
{
    (void)self;
    return append(args, faasmQueuePush);
}

static PyObject* list_size(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    if (!PyArg_ParseTuple(args, "s:list_size", &key)) {
        return NULL;
    }
    return PyLong_FromUnsignedLong(faasmListSize(key));
}

/* The elements before `end`, as a list of bytes. */
static PyObject* list_read(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    unsigned int end;
    if (!PyArg_ParseTuple(args, "sI:list_read", &key, &end)) {
        return NULL;
    }
    uint32_t n = 0, size;
    struct FaasmBytes read = faasmListRead(key, end, &n);
    PyObject* list = PyList_New((Py_ssize_t)n);
    size_t at = 0;
    for (uint32_t i = 0; list && i < n; i++) {
        memcpy(&size, read.data + at, 4);
        PyObject* element = PyBytes_FromStringAndSize((const char*)read.data + at + 4, size);
        if (!element) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, element);
        at += 4 + size;
    }
    free(read.data);
    return list;
}

static PyObject* queue_pop(PyObject* self, PyObject* args)
{
    (void)self;
    const char* key;
    int timeout;
    if (!PyArg_ParseTuple(args, "si:queue_pop", &key, &timeout)) {
        return NULL;
    }
    struct FaasmBytes element;
    if (faasmQueuePop(key, timeout, &element) == 0) {
        Py_RETURN_NONE;
    }
    return taken(element);
}

/* An entry's bytes, or None; and its version. */
static PyObject* dict_get(PyObject* self, PyObject* args)
{
    (void)self;
    const char *key, *name;
    if (!PyArg_ParseTuple(args, "ss:dict_get", &key, &name)) {
        return NULL;
    }
    struct FaasmBytes value;
    int64_t version;
    if (faasmDictGetVersion(key, name, &value, &version) == 1) {
        return Py_BuildValue("NL", taken(value), (long long)version);
    }
    return Py_BuildValue("OL", Py_None, (long long)version);
}

/* With a version (or -1: whatever is there); whether it was set. */
static PyObject* dict_set(PyObject* self, PyObject* args)
{
    (void)self;
    const char *key, *name;
    Py_buffer data;
    long long version;
    if (!PyArg_ParseTuple(args, "ssy*L:dict_set", &key, &name, &data, &version)) {
        return NULL;
    }
    int set = version < 0 ? faasmDictSet(key, name, data.buf, (size_t)data.len) == 0
                          : faasmDictSetIf(key, name, data.buf, (size_t)data.len, version);
    PyBuffer_Release(&data);
    if (version < 0 && !set) {
        return wrong(PyExc_ValueError, "the name of an entry is empty or too long", key);
    }
    return PyBool_FromLong(set);
}

static PyObject* dict_remove(PyObject* self, PyObject* args)
{
    (void)self;
    const char *key, *name;
    if (!PyArg_ParseTuple(args, "ss:dict_remove", &key, &name)) {
        return NULL;
    }
    return PyBool_FromLong(faasmDictRemove(key, name));
}

/* Names behind `after`, each with a NUL behind it; b"" if there are no more. */
static PyObject* dict_names(PyObject* self, PyObject* args)
{
    (void)self;
    const char *key, *after;
    if (!PyArg_ParseTuple(args, "ss:dict_names", &key, &after)) {
        return NULL;
    }
    return taken(faasmDictNames(key, after));
}

/* ---- The module ---- */

#define METHOD(name) { #name, name, METH_VARARGS, NULL }

static PyMethodDef methods[] = {
    METHOD(read_shape),   METHOD(write_shape),  METHOD(matrix_columns), METHOD(sparse_columns),
    METHOD(write_sparse), METHOD(int_add),      METHOD(int_get),        METHOD(int_set),
    METHOD(int_compare_and_swap),               METHOD(barrier_wait),   METHOD(list_append),
    METHOD(list_size),    METHOD(list_read),    METHOD(queue_push),     METHOD(queue_pop),
    METHOD(dict_get),     METHOD(dict_set),     METHOD(dict_remove),    METHOD(dict_names),
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_faasm_ddo",
    .m_size = -1,
    .m_methods = methods,
};

PyObject* init_faasm_ddo(void)
{
    PyObject* module = PyModule_Create(&definition);
    PyObject* type = module ? PyType_FromSpec(&vector_spec) : NULL;
    if (!type || PyModule_AddObject(module, "Vector", type) != 0) {
        Py_XDECREF(type);
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
