/*
 * memcpy, memmove and memset for small sizes, which are most of an
 * interpreter's: libc's are one operator each, which the host carries out and
 * which takes longer than a few bytes do. Large ones are left to it.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wasm_simd128.h>

/* From here on the operator is faster. */
#define LARGE 256

/* A word at any address. */
typedef struct { uint64_t v; } __attribute__((packed, may_alias)) word8;
typedef struct { uint32_t v; } __attribute__((packed, may_alias)) word4;
#define AT8(at) (((word8*)(at))->v)
#define AT4(at) (((word4*)(at))->v)

void* memset(void* to, int byte, size_t n)
{
    unsigned char* at = to;
    if (n >= LARGE) {
        return __builtin_memset(to, byte, n);
    }
    if (n >= 16) {
        v128_t v = wasm_i8x16_splat((int8_t)byte);
        unsigned char* last = at + n - 16;
        for (; at < last; at += 16) {
            wasm_v128_store(at, v);
        }
        wasm_v128_store(last, v);
        return to;
    }
    uint64_t v = (uint8_t)byte * 0x0101010101010101u;
    if (n >= 8) {
        AT8(at) = v;
        AT8(at + n - 8) = v;
    } else if (n >= 4) {
        AT4(at) = (uint32_t)v;
        AT4(at + n - 4) = (uint32_t)v;
    } else if (n) {
        at[0] = at[n / 2] = at[n - 1] = (uint8_t)byte;
    }
    return to;
}

/* Up to 32 bytes, all of which are read before any is written. */
static inline void copy_few(unsigned char* to, const unsigned char* from, size_t n)
{
    if (n >= 16) {
        v128_t a = wasm_v128_load(from), b = wasm_v128_load(from + n - 16);
        wasm_v128_store(to, a);
        wasm_v128_store(to + n - 16, b);
    } else if (n >= 8) {
        uint64_t a = AT8(from), b = AT8(from + n - 8);
        AT8(to) = a;
        AT8(to + n - 8) = b;
    } else if (n >= 4) {
        uint32_t a = AT4(from), b = AT4(from + n - 4);
        AT4(to) = a;
        AT4(to + n - 4) = b;
    } else if (n) {
        unsigned char a = from[0], b = from[n / 2], c = from[n - 1];
        to[0] = a;
        to[n / 2] = b;
        to[n - 1] = c;
    }
}

void* memcpy(void* restrict to, const void* restrict from, size_t n)
{
    if (n <= 32) {
        copy_few(to, from, n);
    } else if (n < LARGE) {
        unsigned char* at = to;
        const unsigned char* source = from;
        v128_t end = wasm_v128_load(source + n - 16);
        unsigned char* last = at + n - 16;
        for (; at < last; at += 16, source += 16) {
            wasm_v128_store(at, wasm_v128_load(source));
        }
        wasm_v128_store(last, end);
    } else {
        __builtin_memcpy(to, from, n);
    }
    return to;
}

void* memmove(void* to, const void* from, size_t n)
{
    if (n <= 32) {
        copy_few(to, from, n);
    } else {
        __builtin_memmove(to, from, n);
    }
    return to;
}
