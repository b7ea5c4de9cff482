/* faasm/ffi.h: a call by signature is the host's; the C ABI is here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/ffi.h>
#include <faasm/host_interface.h>

#define TYPE(name, size, number)                                               \
    ffi_type ffi_type_##name = { size, size, FFI_TYPE_##number, NULL }

ffi_type ffi_type_void = { 1, 1, FFI_TYPE_VOID, NULL };
TYPE(float, 4, FLOAT);
TYPE(double, 8, DOUBLE);
TYPE(pointer, 4, POINTER);
TYPE(uint8, 1, UINT8);
TYPE(sint8, 1, SINT8);
TYPE(uint16, 2, UINT16);
TYPE(sint16, 2, SINT16);
TYPE(uint32, 4, UINT32);
TYPE(sint32, 4, SINT32);
TYPE(uint64, 8, UINT64);
TYPE(sint64, 8, SINT64);

/* What the ABI passes for a type: a structure of one scalar is that scalar, any
 * other, also an empty one, is passed by a pointer. */
static const ffi_type* passed(const ffi_type* type)
{
    while (type->type == FFI_TYPE_STRUCT && type->elements[0] != NULL &&
           type->elements[1] == NULL) {
        type = type->elements[0];
    }
    return type;
}

static char letter(const ffi_type* type)
{
    switch (passed(type)->type) {
        case FFI_TYPE_VOID:
            return 'v';
        case FFI_TYPE_FLOAT:
            return 'f';
        case FFI_TYPE_DOUBLE:
            return 'd';
        case FFI_TYPE_UINT64:
        case FFI_TYPE_SINT64:
            return 'I';
        case FFI_TYPE_INT:
        case FFI_TYPE_UINT8:
        case FFI_TYPE_SINT8:
        case FFI_TYPE_UINT16:
        case FFI_TYPE_SINT16:
        case FFI_TYPE_UINT32:
        case FFI_TYPE_SINT32:
        case FFI_TYPE_STRUCT:
        case FFI_TYPE_POINTER:
            return 'i';
        default:
            return 0;
    }
}

/* Size and alignment of a structure whose elements have theirs. */
static ffi_status layout(ffi_type* type)
{
    if (type->type != FFI_TYPE_STRUCT || type->size != 0) {
        return FFI_OK;
    }
    size_t size = 0;
    unsigned short alignment = 1;
    for (ffi_type** element = type->elements; *element != NULL; element++) {
        if (layout(*element) != FFI_OK || (*element)->alignment == 0) {
            return FFI_BAD_TYPEDEF;
        }
        unsigned short align = (*element)->alignment;
        size = (size + align - 1) / align * align + (*element)->size;
        alignment = align > alignment ? align : alignment;
    }
    type->size = (size + alignment - 1) / alignment * alignment;
    type->alignment = alignment;
    return FFI_OK;
}

ffi_status ffi_prep_cif(ffi_cif* cif,
                        ffi_abi abi,
                        unsigned nargs,
                        ffi_type* rtype,
                        ffi_type** arg_types)
{
    if (abi != FFI_WASM32) {
        return FFI_BAD_ABI;
    }
    if (nargs > FFI_MAX_ARGS - 1) {
        return FFI_BAD_TYPEDEF;
    }
    if (layout(rtype) != FFI_OK || letter(rtype) == 0) {
        return FFI_BAD_TYPEDEF;
    }
    for (unsigned i = 0; i < nargs; i++) {
        char found = letter(arg_types[i]);
        if (layout(arg_types[i]) != FFI_OK || found == 0 || found == 'v') {
            return FFI_BAD_ARGTYPE;
        }
    }
    *cif = (ffi_cif){ abi, nargs, arg_types, rtype, 0, 0 };
    return FFI_OK;
}

/* The cell of a value: integers as wide as they are passed. */
static uint64_t load(const ffi_type* type, const void* value)
{
    uint64_t cell = 0;
    switch (type->type) {
        case FFI_TYPE_UINT8:
            return *(const uint8_t*)value;
        case FFI_TYPE_SINT8:
            return (uint32_t)*(const int8_t*)value;
        case FFI_TYPE_UINT16:
            return *(const uint16_t*)value;
        case FFI_TYPE_SINT16:
            return (uint32_t)*(const int16_t*)value;
        case FFI_TYPE_STRUCT:
            return (uint32_t)value;
        default:
            memcpy(&cell, value, type->size);
            return cell;
    }
}

/* What is narrower than an ffi_arg is widened to one. */
static void store(const ffi_type* type, void* value, uint64_t cell)
{
    ffi_arg word = (ffi_arg)cell;
    switch (type->type) {
        case FFI_TYPE_UINT8:
            word = (uint8_t)cell;
            break;
        case FFI_TYPE_SINT8:
            word = (ffi_arg)(int8_t)cell;
            break;
        case FFI_TYPE_UINT16:
            word = (uint16_t)cell;
            break;
        case FFI_TYPE_SINT16:
            word = (ffi_arg)(int16_t)cell;
            break;
        default:
            memcpy(value, &cell, type->size);
            return;
    }
    memcpy(value, &word, sizeof(word));
}

/* The letters of a function's type; whether its result is stored by a pointer,
 * its first argument. */
static int describe(const ffi_cif* cif, char* signature)
{
    int is_hidden = passed(cif->rtype)->type == FFI_TYPE_STRUCT;
    *signature++ = is_hidden ? 'v' : letter(cif->rtype);
    if (is_hidden) {
        *signature++ = 'i';
    }
    for (unsigned i = 0; i < cif->nargs; i++) {
        *signature++ = letter(cif->arg_types[i]);
    }
    *signature = '\0';
    return is_hidden;
}

void ffi_call(ffi_cif* cif, void (*fn)(void), void* rvalue, void** avalue)
{
    char signature[FFI_MAX_ARGS + 2];
    uint64_t args[cif->nargs + 1];
    uint64_t result = 0;
    const ffi_type* returned = passed(cif->rtype);
    int is_hidden = describe(cif, signature);
    unsigned count = 0;
    uint64_t unused[is_hidden ? returned->size / 8 + 1 : 1];

    if (is_hidden) {
        args[count++] = (uint32_t)(rvalue != NULL ? rvalue : unused);
    }
    for (unsigned i = 0; i < cif->nargs; i++) {
        args[count++] = load(passed(cif->arg_types[i]), avalue[i]);
    }
    if (__faasm_ffi_call((uint32_t)fn, signature, args, &result) != 0) {
        fprintf(stderr,
                "ffi_call: function %u is not of type %s\n",
                (unsigned)(uintptr_t)fn,
                signature);
        abort();
    }
    if (rvalue != NULL && !is_hidden && returned->type != FFI_TYPE_VOID) {
        /* A structure of one scalar is as wide as that. */
        if (cif->rtype->type == FFI_TYPE_STRUCT) {
            memcpy(rvalue, &result, returned->size);
        } else {
            store(returned, rvalue, result);
        }
    }
}

/*
 * Closures. Each type has a few functions that stand ready, as code cannot be
 * made here: a closure takes one of its type's. Its pointer is handed out before
 * its type is known, so it is a slot of the table of its own, which the host
 * fills with the function that was taken.
 */
#define READY 8

typedef struct
{
    ffi_cif* cif;
    void (*fun)(ffi_cif*, void*, void**, void*);
    void* data;
} Target;

typedef struct
{
    const char* signature;
    void (*functions[READY])(void);
    Target* targets;
} Pool;

struct Closure
{
    ffi_closure shown;
    uint32_t slot;
    Target* target;
};

static uint64_t run(const Target* target, uint64_t* cells)
{
    uint64_t result[2] = { 0, 0 };
    const ffi_cif* cif = target->cif;
    void* pointers[cif->nargs + 1];
    void* rvalue = result;
    if (passed(cif->rtype)->type == FFI_TYPE_STRUCT) {
        rvalue = (void*)(uint32_t)*cells++;
    }
    for (unsigned i = 0; i < cif->nargs; i++) {
        int by_pointer = passed(cif->arg_types[i])->type == FFI_TYPE_STRUCT;
        pointers[i] = by_pointer ? (void*)(uint32_t)cells[i] : &cells[i];
    }
    target->fun(target->cif, rvalue, pointers, target->data);
    return result[0];
}

static uint64_t cell_i(int value)
{
    return (uint32_t)value;
}

static uint64_t cell_I(long long value)
{
    return (uint64_t)value;
}

static uint64_t cell_d(double value)
{
    uint64_t cell;
    memcpy(&cell, &value, sizeof(cell));
    return cell;
}

static void value_v(uint64_t cell)
{
    (void)cell;
}

static int value_i(uint64_t cell)
{
    return (int)cell;
}

static long long value_I(uint64_t cell)
{
    return (long long)cell;
}

static double value_d(uint64_t cell)
{
    double value;
    memcpy(&value, &cell, sizeof(value));
    return value;
}

typedef void type_v;
typedef int type_i;
typedef long long type_I;
typedef double type_d;

/* The functions of one type: its letters, the result's, parameters, cells. */
#define FUNCTION(name, r, n, params, ...)                                      \
    static type_##r name##_##n params                                          \
    {                                                                          \
        uint64_t cells[] = { __VA_ARGS__ };                                    \
        return value_##r(run(&targets_##name[n], cells));                      \
    }
#define POOL(name, r, params, ...)                                             \
    static Target targets_##name[READY];                                       \
    FUNCTION(name, r, 0, params, __VA_ARGS__)                                  \
    FUNCTION(name, r, 1, params, __VA_ARGS__)                                  \
    FUNCTION(name, r, 2, params, __VA_ARGS__)                                  \
    FUNCTION(name, r, 3, params, __VA_ARGS__)                                  \
    FUNCTION(name, r, 4, params, __VA_ARGS__)                                  \
    FUNCTION(name, r, 5, params, __VA_ARGS__)                                  \
    FUNCTION(name, r, 6, params, __VA_ARGS__)                                  \
    FUNCTION(name, r, 7, params, __VA_ARGS__)
#define POOLS(r)                                                               \
    POOL(r, r, (void), 0)                                                      \
    POOL(r##i, r, (int a), cell_i(a))                                          \
    POOL(r##ii, r, (int a, int b), cell_i(a), cell_i(b))                       \
    POOL(r##iii, r, (int a, int b, int c), cell_i(a), cell_i(b), cell_i(c))    \
    POOL(r##iiii,                                                              \
         r,                                                                    \
         (int a, int b, int c, int d),                                         \
         cell_i(a),                                                            \
         cell_i(b),                                                            \
         cell_i(c),                                                            \
         cell_i(d))                                                            \
    POOL(r##iiiii,                                                             \
         r,                                                                    \
         (int a, int b, int c, int d, int e),                                  \
         cell_i(a),                                                            \
         cell_i(b),                                                            \
         cell_i(c),                                                            \
         cell_i(d),                                                            \
         cell_i(e))

POOLS(v)
POOLS(i)
POOL(vd, v, (double a), cell_d(a))
POOL(dd, d, (double a), cell_d(a))
POOL(ddd, d, (double a, double b), cell_d(a), cell_d(b))
POOL(di, d, (int a), cell_i(a))
POOL(ddi, d, (double a, int b), cell_d(a), cell_i(b))
POOL(idd, i, (double a, double b), cell_d(a), cell_d(b))
POOL(II, I, (long long a), cell_I(a))
POOL(III, I, (long long a, long long b), cell_I(a), cell_I(b))
POOL(iII, i, (long long a, long long b), cell_I(a), cell_I(b))

#define F(name, n) (void (*)(void)) name##_##n
#define ENTRY(name)                                                            \
    {                                                                          \
        #name,                                                                 \
        { F(name, 0),                                                          \
          F(name, 1),                                                          \
          F(name, 2),                                                          \
          F(name, 3),                                                          \
          F(name, 4),                                                          \
          F(name, 5),                                                          \
          F(name, 6),                                                          \
          F(name, 7) },                                                        \
        targets_##name                                                         \
    }

static const Pool pools[] = {
    ENTRY(v),    ENTRY(vi),    ENTRY(vii),    ENTRY(viii), ENTRY(viiii),
    ENTRY(i),    ENTRY(ii),    ENTRY(iii),    ENTRY(iiii), ENTRY(iiiii),
    ENTRY(vd),   ENTRY(dd),    ENTRY(ddd),    ENTRY(di),   ENTRY(ddi),
    ENTRY(idd),  ENTRY(II),    ENTRY(III),    ENTRY(iII),  ENTRY(viiiii),
    ENTRY(iiiiii)
};

/* Slots of closures that are gone, to be used again. */
static struct Closure* unused;

void* ffi_closure_alloc(size_t size, void** code)
{
    (void)size;
    struct Closure* closure = unused;
    if (closure != NULL) {
        unused = closure->shown.user_data;
    } else {
        closure = malloc(sizeof(*closure));
        if (closure == NULL) {
            return NULL;
        }
        closure->slot = __faasm_ffi_slot(0, 0);
        if (closure->slot == 0) {
            free(closure);
            return NULL;
        }
    }
    closure->target = NULL;
    *code = (void*)closure->slot;
    return closure;
}

void ffi_closure_free(void* freed)
{
    struct Closure* closure = freed;
    __faasm_ffi_slot(closure->slot, 0);
    if (closure->target != NULL) {
        closure->target->cif = NULL;
    }
    closure->shown.user_data = unused;
    unused = closure;
}

ffi_status ffi_prep_closure_loc(ffi_closure* shown,
                                ffi_cif* cif,
                                void (*fun)(ffi_cif*, void*, void**, void*),
                                void* user_data,
                                void* code)
{
    struct Closure* closure = (struct Closure*)shown;
    char signature[FFI_MAX_ARGS + 2];
    if ((uint32_t)code != closure->slot) {
        return FFI_BAD_ABI;
    }
    describe(cif, signature);
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        for (int n = 0; strcmp(pools[i].signature, signature) == 0 && n < READY;
             n++) {
            Target* target = &pools[i].targets[n];
            if (target->cif == NULL) {
                *target = (Target){ cif, fun, user_data };
                *shown = (ffi_closure){ cif, fun, user_data };
                closure->target = target;
                __faasm_ffi_slot(closure->slot,
                                 (uint32_t)pools[i].functions[n]);
                return FFI_OK;
            }
        }
    }
    return FFI_BAD_TYPEDEF;
}
