/* Vectors: by clang's own, by WebAssembly's intrinsics, and by a loop that the
 * compiler vectorises. Built with -msimd128. See check.h for input and output. */
#include <math.h>
#include <stdint.h>
#include <wasm_simd128.h>

#include <faasm/core.h>

#include "check.h"

typedef float Floats __attribute__((vector_size(16)));

static volatile int one = 1;

static void vectors(void)
{
    Floats a = {1, 2, 3, 4};
    Floats b = {(float)one, 0.5f, -1, 8};
    Floats c = a * b + 1;
    CHECK(c[0] == 2 && c[1] == 2 && c[2] == -2 && c[3] == 33);
    Floats swapped = __builtin_shufflevector(c, a, 3, 4, 0, 7);
    CHECK(swapped[0] == 33 && swapped[1] == 1 && swapped[2] == 2 && swapped[3] == 4);
}

static void intrinsics(void)
{
    v128_t bytes = wasm_i8x16_splat((int8_t)(100 * one));
    CHECK(wasm_i8x16_extract_lane(wasm_i8x16_add_sat(bytes, bytes), 3) == 127);
    CHECK(wasm_u8x16_extract_lane(wasm_u8x16_add_sat(bytes, bytes), 3) == 200);
    v128_t words = wasm_i32x4_make(1, -2, 3, -4);
    CHECK(wasm_i32x4_extract_lane(wasm_i32x4_dot_i16x8(words, words), 1) == 5);
    CHECK(wasm_i32x4_bitmask(words) == 0xa && wasm_v128_any_true(words));
    v128_t index = wasm_i8x16_make(15, 0, 1, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    v128_t ramp = wasm_i8x16_make(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    CHECK(wasm_i32x4_extract_lane(wasm_i8x16_swizzle(ramp, index), 0) == 0x0001000f);
    v128_t roots = wasm_f64x2_sqrt(wasm_f64x2_make(2.0 * one, 9));
    CHECK(wasm_f64x2_extract_lane(roots, 0) == sqrt(2.0) && wasm_f64x2_extract_lane(roots, 1) == 3);
}

static void loops(void)
{
    enum { N = 1001 };
    static float x[N];
    static float y[N];
    for (int i = 0; i < N; i++) {
        x[i] = (float)i;
        y[i] = (float)(N - i);
    }
    for (int i = 0; i < N; i++) {
        y[i] = 2 * (float)one * x[i] + y[i];
    }
    int wrong = 0;
    for (int i = 0; i < N; i++) {
        wrong += y[i] != (float)(N + i);
    }
    CHECK(wrong == 0);
}

static const struct Check checks[] = {
    {"vectors", vectors}, {"intrinsics", intrinsics}, {"loops", loops},
};

CHECKS_MAIN(checks)
