/* The Keccak-f[1600] permutation (FIPS 202), n times. */
#include "kernel.h"

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};
static const uint8_t rotations[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                      27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
static const uint8_t lanes[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                  15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};

static uint64_t rotate_left(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void permute(uint64_t state[25])
{
    uint64_t column[5];
    for (int round = 0; round < 24; round++) {
        for (int x = 0; x < 5; x++) {
            column[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
        }
        for (int x = 0; x < 5; x++) {
            uint64_t d = column[(x + 4) % 5] ^ rotate_left(column[(x + 1) % 5], 1);
            for (int y = 0; y < 25; y += 5) {
                state[y + x] ^= d;
            }
        }
        uint64_t moved = state[1];
        for (int i = 0; i < 24; i++) {
            uint64_t next = state[lanes[i]];
            state[lanes[i]] = rotate_left(moved, rotations[i]);
            moved = next;
        }
        for (int y = 0; y < 25; y += 5) {
            for (int x = 0; x < 5; x++) {
                column[x] = state[y + x];
            }
            for (int x = 0; x < 5; x++) {
                state[y + x] = column[x] ^ (~column[(x + 1) % 5] & column[(x + 2) % 5]);
            }
        }
        state[0] ^= round_constants[round];
    }
}

int64_t run(int32_t n)
{
    uint64_t state[25];
    for (int i = 0; i < 25; i++) {
        state[i] = (uint64_t)i;
    }
    for (int32_t i = 0; i < n; i++) {
        permute(state);
    }
    uint64_t sum = 0;
    for (int i = 0; i < 25; i++) {
        sum = mix(sum, state[i]);
    }
    return (int64_t)sum;
}
