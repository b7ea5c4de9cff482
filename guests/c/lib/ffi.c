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

void ffi_call(ffi_cif* cif, void (*fn)(void), void* rvalue, void** avalue)
{
    char signature[FFI_MAX_ARGS + 2];
    uint64_t args[cif->nargs + 1];
    uint64_t result = 0;
    const ffi_type* returned = passed(cif->rtype);
    int is_hidden = returned->type == FFI_TYPE_STRUCT;
    unsigned count = 0;
    uint64_t unused[is_hidden ? returned->size / 8 + 1 : 1];

    signature[0] = is_hidden ? 'v' : letter(returned);
    if (is_hidden) {
        /* Its address is the first argument. */
        args[count] = (uint32_t)(rvalue != NULL ? rvalue : unused);
        signature[++count] = 'i';
    }
    for (unsigned i = 0; i < cif->nargs; i++) {
        args[count] = load(passed(cif->arg_types[i]), avalue[i]);
        signature[++count] = letter(cif->arg_types[i]);
    }
    signature[count + 1] = '\0';
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
