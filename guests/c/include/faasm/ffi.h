/*
 * Calls of functions whose type is known only when the program runs: what
 * libffi's ffi.h declares and programs such as CPython's ctypes use, for the
 * C ABI of wasm32. A pointer to a structure takes the place of the structure,
 * as in that ABI; long double and complex numbers are not there.
 */
#ifndef FAASM_FFI_H
#define FAASM_FFI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FFI_TYPE_VOID 0
#define FFI_TYPE_INT 1
#define FFI_TYPE_FLOAT 2
#define FFI_TYPE_DOUBLE 3
#define FFI_TYPE_UINT8 5
#define FFI_TYPE_SINT8 6
#define FFI_TYPE_UINT16 7
#define FFI_TYPE_SINT16 8
#define FFI_TYPE_UINT32 9
#define FFI_TYPE_SINT32 10
#define FFI_TYPE_UINT64 11
#define FFI_TYPE_SINT64 12
#define FFI_TYPE_STRUCT 13
#define FFI_TYPE_POINTER 14

typedef struct _ffi_type
{
    size_t size;
    unsigned short alignment;
    unsigned short type;
    struct _ffi_type** elements;
} ffi_type;

extern ffi_type ffi_type_void, ffi_type_float, ffi_type_double,
  ffi_type_pointer, ffi_type_uint8, ffi_type_sint8, ffi_type_uint16,
  ffi_type_sint16, ffi_type_uint32, ffi_type_sint32, ffi_type_uint64,
  ffi_type_sint64;

#define ffi_type_uchar ffi_type_uint8
#define ffi_type_schar ffi_type_sint8
#define ffi_type_ushort ffi_type_uint16
#define ffi_type_sshort ffi_type_sint16
#define ffi_type_uint ffi_type_uint32
#define ffi_type_sint ffi_type_sint32
#define ffi_type_ulong ffi_type_uint32
#define ffi_type_slong ffi_type_sint32

typedef enum
{
    FFI_OK = 0,
    FFI_BAD_TYPEDEF,
    FFI_BAD_ABI,
    FFI_BAD_ARGTYPE
} ffi_status;

typedef enum
{
    FFI_WASM32 = 1,
    FFI_DEFAULT_ABI = FFI_WASM32
} ffi_abi;

/* The most arguments of a call. */
#define FFI_MAX_ARGS 1000

typedef struct
{
    ffi_abi abi;
    unsigned nargs;
    ffi_type** arg_types;
    ffi_type* rtype;
    unsigned bytes;
    unsigned flags;
} ffi_cif;

/* A result of an integer type that is narrower is widened to this. */
typedef uint32_t ffi_arg;
typedef int32_t ffi_sarg;

#define FFI_FN(f) ((void (*)(void))(f))

/* Describes a function of this type. */
ffi_status ffi_prep_cif(ffi_cif* cif,
                        ffi_abi abi,
                        unsigned nargs,
                        ffi_type* rtype,
                        ffi_type** arg_types);

/* Calls fn: avalue has a pointer to each argument, rvalue (which may be NULL)
 * room for the result. A function of another type than the cif says ends the
 * program. */
void ffi_call(ffi_cif* cif, void (*fn)(void), void* rvalue, void** avalue);

/*
 * A closure is a function pointer of a type that is known only now, which calls
 * fun. There are eight at a time of each type with up to five integers or
 * pointers, and of a few with doubles and 64-bit integers (the pools in ffi.c);
 * of others, or when all are taken, ffi_prep_closure_loc is FFI_BAD_TYPEDEF.
 * The program's table must be able to grow: link it with -Wl,--growable-table,
 * or ffi_closure_alloc gives NULL.
 */
#define FFI_CLOSURES 1

typedef struct
{
    ffi_cif* cif;
    void (*fun)(ffi_cif*, void*, void**, void*);
    void* user_data;
} ffi_closure;

void* ffi_closure_alloc(size_t size, void** code);
void ffi_closure_free(void* closure);
ffi_status ffi_prep_closure_loc(ffi_closure* closure,
                                ffi_cif* cif,
                                void (*fun)(ffi_cif*, void*, void**, void*),
                                void* user_data,
                                void* code);

#ifdef __cplusplus
}
#endif

#endif
