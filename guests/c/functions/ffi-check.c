/* Calls by signature; 0 if all is well, else the line of the first that fails. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>
#include <faasm/ffi.h>

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            printf("line %d: %s\n", __LINE__, #what);                          \
            return __LINE__;                                                   \
        }                                                                      \
    } while (0)

typedef struct
{
    int32_t x;
    double y;
} Pair;

typedef struct
{
    float only;
} Single;

static double mixed(int8_t a, uint16_t b, int64_t c, float d, double e)
{
    return a + b + (double)c + d + e;
}

static int8_t narrow(int8_t a)
{
    return (int8_t)(a - 1);
}

static Pair swap(Pair pair, int32_t by)
{
    return (Pair){ (int32_t)pair.y + by, pair.x };
}

static Single twice(Single single)
{
    return (Single){ single.only * 2 };
}

static int touched;

static void touch(void)
{
    touched++;
}

static int sum(int a, int b, int c, int d, int e, int f, int g, int h, int i)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i;
}

static void compare(ffi_cif* cif, void* result, void** args, void* data)
{
    (void)cif;
    int sign = *(int*)data;
    int a = **(int**)args[0], b = **(int**)args[1];
    *(ffi_sarg*)result = sign * ((a > b) - (a < b));
}

static void half(ffi_cif* cif, void* result, void** args, void* data)
{
    (void)cif;
    *(double*)result = *(double*)args[0] / *(double*)data;
}

static void flip(ffi_cif* cif, void* result, void** args, void* data)
{
    (void)cif;
    (void)data;
    Pair* pair = args[0];
    *(Pair*)result = (Pair){ -pair->x, -pair->y };
}

static int closures(void)
{
    ffi_cif order, halves, flips;
    ffi_type* pointers[] = { &ffi_type_pointer, &ffi_type_pointer };
    ffi_prep_cif(&order, FFI_DEFAULT_ABI, 2, &ffi_type_sint, pointers);
    int signs[] = { 1, -1 };
    for (int round = 0; round < 20; round++) {
        ffi_closure* all[2];
        int (*compares[2])(const void*, const void*);
        for (int i = 0; i < 2; i++) {
            all[i] = ffi_closure_alloc(sizeof(ffi_closure), (void**)&compares[i]);
            CHECK(all[i] != NULL);
            CHECK(ffi_prep_closure_loc(all[i],
                                       &order,
                                       compare,
                                       &signs[i],
                                       (void*)compares[i]) == FFI_OK);
        }
        int numbers[] = { 5, 3, 9, 1, 7 };
        qsort(numbers, 5, sizeof(int), compares[0]);
        CHECK(numbers[0] == 1 && numbers[4] == 9);
        qsort(numbers, 5, sizeof(int), compares[1]);
        CHECK(numbers[0] == 9 && numbers[4] == 1);
        ffi_closure_free(all[0]);
        ffi_closure_free(all[1]);
    }
    double by = 2;
    double (*halve)(double);
    ffi_type* doubles[] = { &ffi_type_double };
    ffi_prep_cif(&halves, FFI_DEFAULT_ABI, 1, &ffi_type_double, doubles);
    ffi_closure* closure = ffi_closure_alloc(sizeof(ffi_closure), (void**)&halve);
    CHECK(ffi_prep_closure_loc(closure, &halves, half, &by, (void*)halve) == 0);
    CHECK(halve(5) == 2.5);
    by = 4;
    CHECK(halve(5) == 1.25);
    ffi_closure_free(closure);

    ffi_type* elements[] = { &ffi_type_sint32, &ffi_type_double, NULL };
    ffi_type pairType = { 0, 0, FFI_TYPE_STRUCT, elements };
    ffi_type* pairTypes[] = { &pairType };
    ffi_prep_cif(&flips, FFI_DEFAULT_ABI, 1, &pairType, pairTypes);
    Pair (*flipped)(Pair);
    closure = ffi_closure_alloc(sizeof(ffi_closure), (void**)&flipped);
    CHECK(ffi_prep_closure_loc(closure, &flips, flip, NULL, (void*)flipped) == 0);
    Pair pair = flipped((Pair){ 3, 4.5 });
    CHECK(pair.x == -3 && pair.y == -4.5);

    /* As many as stand ready, and one again when one is free. */
    ffi_closure* all[9];
    void* codes[9];
    for (int i = 0; i < 9; i++) {
        all[i] = ffi_closure_alloc(sizeof(ffi_closure), &codes[i]);
        ffi_status status =
          ffi_prep_closure_loc(all[i], &halves, half, &by, codes[i]);
        CHECK(status == (i < 8 ? FFI_OK : FFI_BAD_TYPEDEF));
    }
    ffi_closure_free(all[3]);
    CHECK(ffi_prep_closure_loc(all[8], &halves, half, &by, codes[8]) == FFI_OK);
    CHECK(((double (*)(double))codes[8])(1) == 0.25);
    return 0;
}

__attribute__((import_module("env"), import_name("__faasm_ffi_call"))) int
hostCall(void* function, const char* signature, void* args, void* result);

int main(void)
{
    ffi_cif cif;
    ffi_type* types[] = { &ffi_type_sint8,
                          &ffi_type_uint16,
                          &ffi_type_sint64,
                          &ffi_type_float,
                          &ffi_type_double };
    CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 5, &ffi_type_double, types) ==
          FFI_OK);
    int8_t a = -3;
    uint16_t b = 60000;
    int64_t c = 1LL << 40;
    float d = 0.5F;
    double e = 0.25, result = 0;
    void* values[] = { &a, &b, &c, &d, &e };
    ffi_call(&cif, FFI_FN(mixed), &result, values);
    CHECK(result == mixed(a, b, c, d, e));

    CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 1, &ffi_type_sint8, types) == 0);
    ffi_sarg word = 77;
    ffi_call(&cif, FFI_FN(narrow), &word, values);
    CHECK(word == -4);

    ffi_type* elements[] = { &ffi_type_sint32, &ffi_type_double, NULL };
    ffi_type pairType = { 0, 0, FFI_TYPE_STRUCT, elements };
    ffi_type* pairTypes[] = { &pairType, &ffi_type_sint32 };
    CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &pairType, pairTypes) == 0);
    CHECK(pairType.size == sizeof(Pair) && pairType.alignment == 8);
    Pair pair = { 7, 8.5 }, swapped = { 0, 0 };
    int32_t by = 100;
    void* pairValues[] = { &pair, &by };
    ffi_call(&cif, FFI_FN(swap), &swapped, pairValues);
    CHECK(swapped.x == 108 && swapped.y == 7);
    ffi_call(&cif, FFI_FN(swap), NULL, pairValues);

    ffi_type* one[] = { &ffi_type_float, NULL };
    ffi_type singleType = { 0, 0, FFI_TYPE_STRUCT, one };
    ffi_type* singleTypes[] = { &singleType };
    CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 1, &singleType, singleTypes) == 0);
    Single single = { 2.5F };
    void* singleValues[] = { &single };
    ffi_call(&cif, FFI_FN(twice), &single, singleValues);
    CHECK(single.only == 5);

    CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 0, &ffi_type_void, NULL) == 0);
    ffi_call(&cif, FFI_FN(touch), NULL, NULL);
    CHECK(touched == 1);

    ffi_type* nine[9];
    int numbers[9];
    void* nineValues[9];
    for (int i = 0; i < 9; i++) {
        nine[i] = &ffi_type_sint;
        numbers[i] = i + 1;
        nineValues[i] = &numbers[i];
    }
    CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 9, &ffi_type_sint, nine) == 0);
    ffi_call(&cif, FFI_FN(sum), &word, nineValues);
    CHECK(word == sum(1, 2, 3, 4, 5, 6, 7, 8, 9));

    CHECK(ffi_prep_cif(&cif, 9, 0, &ffi_type_void, NULL) == FFI_BAD_ABI);
    ffi_type* voids[] = { &ffi_type_void };
    CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 1, &ffi_type_void, voids) ==
          FFI_BAD_ARGTYPE);

    int line = closures();
    if (line != 0) {
        return line;
    }

    /* Wrong ones are refused, not run. */
    uint64_t cells[4] = { 0 };
    CHECK(hostCall((void*)touch, "i", cells, cells) != 0);
    CHECK(hostCall((void*)touch, "vi", cells, cells) != 0);
    CHECK(hostCall((void*)touch, "", cells, cells) != 0);
    CHECK(hostCall((void*)touch, "vx", cells, cells) != 0);
    CHECK(hostCall((void*)12345678, "v", cells, cells) != 0);
    CHECK(hostCall(NULL, "v", cells, cells) != 0);
    CHECK(touched == 1 && hostCall((void*)touch, "v", cells, cells) == 0);
    CHECK(touched == 2);
    return 0;
}
