/*
 * memcpy, memmove and memset for small sizes, which are most of an
 * interpreter's: libc's are one operator each, which the host carries out and
 * which takes longer than a few bytes do. Large ones are left to it.
 *
 * memcmp, memchr and strlen by 16 bytes at a time: libc's take one or four.
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

/* What memcmp answers of two words that differ; the first byte counts most. */
static inline int order(uint64_t a, uint64_t b)
{
    return __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1;
}

/* Which of 16 bytes differ, a bit for each. */
static inline uint32_t differences(const unsigned char* a, const unsigned char* b)
{
    return wasm_i8x16_bitmask(wasm_i8x16_ne(wasm_v128_load(a), wasm_v128_load(b)));
}

int memcmp(const void* left, const void* right, size_t n)
{
    const unsigned char *a = left, *b = right;
    if (n >= 16) {
        const unsigned char* last = a + n - 16;
        for (;;) {
            uint32_t differ = differences(a, b);
            if (differ) {
                int at = __builtin_ctz(differ);
                return a[at] - b[at];
            }
            if (a == last) {
                return 0;
            }
            /* The last ones overlap what is known to be equal. */
            size_t step = last - a < 16 ? (size_t)(last - a) : 16;
            a += step;
            b += step;
        }
    }
    if (n >= 8) {
        uint64_t x = AT8(a), y = AT8(b);
        if (x == y) {
            x = AT8(a + n - 8);
            y = AT8(b + n - 8);
        }
        return x == y ? 0 : order(x, y);
    }
    for (; n; n--, a++, b++) {
        if (*a != *b) {
            return *a - *b;
        }
    }
    return 0;
}

void* memchr(const void* in, int byte, size_t n)
{
    const unsigned char* at = in;
    if (n >= 16) {
        v128_t wanted = wasm_i8x16_splat((int8_t)byte);
        const unsigned char* last = at + n - 16;
        for (;;) {
            uint32_t found = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(at), wanted));
            if (found) {
                return (void*)(at + __builtin_ctz(found));
            }
            if (at == last) {
                return NULL;
            }
            at += last - at < 16 ? (size_t)(last - at) : 16;
        }
    }
    for (; n; n--, at++) {
        if (*at == (unsigned char)byte) {
            return (void*)at;
        }
    }
    return NULL;
}

size_t strlen(const char* text)
{
    /* 16 bytes of which some belong to the text are in memory, where they are
     * aligned; those before the text do not count. */
    uintptr_t aligned = (uintptr_t)text & ~(uintptr_t)15;
    v128_t zero = wasm_i8x16_splat(0);
    uint32_t found = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load((void*)aligned), zero));
    found &= ~0u << ((uintptr_t)text - aligned);
    while (!found) {
        aligned += 16;
        found = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load((void*)aligned), zero));
    }
    return aligned + __builtin_ctz(found) - (uintptr_t)text;
}
