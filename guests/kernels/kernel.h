/*
 * What every kernel includes. A kernel is one file with one function
 *
 *     int64_t run(int32_t n)
 *
 * which does an amount of work that grows with n and returns a checksum of all
 * that it computed. It may be called again and then returns the same. It needs no
 * libc, so that only the compiler is measured; and it sums no floating-point
 * numbers in an order that a compiler may change, so that all builds agree.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>

/* The next number of a sequence (xorshift64*), for test data. */
static inline uint64_t next_random(uint64_t* state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1du;
}

/* Adds a value to a checksum. */
static inline uint64_t mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x9e3779b97f4a7c15u;
    return sum ^ (sum >> 29);
}

/* Adds a double's bits to a checksum. */
static inline uint64_t mix_double(uint64_t sum, double value)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return mix(sum, bits);
}

#endif
