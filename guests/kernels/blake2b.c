/* BLAKE2b (RFC 7693) of n KiB: 64-bit additions, rotations and exclusive ors. */
#include "kernel.h"

static const uint64_t initial[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const uint8_t order[12][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
};

static uint64_t rotate(uint64_t x, int by)
{
    return x >> by | x << (64 - by);
}

static inline void stir(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

static void compress(uint64_t h[8], const uint64_t m[16], uint64_t counter, int last)
{
    uint64_t v[16];
    for (int i = 0; i < 8; i++) {
        v[i] = h[i];
        v[i + 8] = initial[i];
    }
    v[12] ^= counter;
    if (last) {
        v[14] = ~v[14];
    }
    for (int round = 0; round < 12; round++) {
        const uint8_t* s = order[round];
        stir(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
        stir(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
        stir(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
        stir(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
        stir(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
        stir(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
        stir(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
        stir(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++) {
        h[i] ^= v[i] ^ v[i + 8];
    }
}

int64_t run(int32_t n)
{
    uint64_t h[8];
    uint64_t message[16];
    uint64_t seed = 1;
    for (int i = 0; i < 8; i++) {
        h[i] = initial[i];
    }
    h[0] ^= 0x01010000 ^ 64;
    for (int i = 0; i < 16; i++) {
        message[i] = next_random(&seed);
    }
    for (int32_t i = 1; i <= n * 8; i++) {
        message[i & 15] ^= (uint64_t)i;
        compress(h, message, (uint64_t)i * 128, i == n * 8);
    }
    return (int64_t)h[0];
}
