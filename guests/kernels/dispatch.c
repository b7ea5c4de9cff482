/* n calls through a table of eight functions that no compiler can foresee: what
 * an indirect call costs. */
#include "kernel.h"

static uint32_t add(uint32_t a, uint32_t b) { return a + b; }
static uint32_t sub(uint32_t a, uint32_t b) { return a - b; }
static uint32_t xor(uint32_t a, uint32_t b) { return a ^ b; }
static uint32_t mul(uint32_t a, uint32_t b) { return a * (b | 1); }
static uint32_t low(uint32_t a, uint32_t b) { return a < b ? a : b + 1; }
static uint32_t rot(uint32_t a, uint32_t b) { return a << (b & 15) | a >> (31 - (b & 15)); }
static uint32_t neg(uint32_t a, uint32_t b) { return ~a + (b >> 3); }
static uint32_t avg(uint32_t a, uint32_t b) { return (a & b) + ((a ^ b) >> 1); }

typedef uint32_t (*Function)(uint32_t, uint32_t);
static Function functions[8];

int64_t run(int32_t n)
{
    Function all[8] = {add, sub, xor, mul, low, rot, neg, avg};
    for (int i = 0; i < 8; i++) {
        __asm__ volatile("" : : : "memory");
        functions[i] = all[i];
    }
    uint32_t a = 1;
    uint32_t b = 0x9e3779b9;
    for (int32_t i = 0; i < n; i++) {
        uint32_t next = functions[(uint32_t)i % 8](a, b);
        a = b + (uint32_t)i;
        b = next;
    }
    return (int64_t)((uint64_t)a << 32 | b);
}
