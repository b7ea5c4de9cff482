/* Encodes 48 KiB as base64 (RFC 4648) and decodes them again, n times. */
#include "kernel.h"

#define SIZE (48 * 1024)

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t plain[SIZE];
static uint8_t encoded[SIZE / 3 * 4];
static uint8_t values[256];

static void encode(void)
{
    uint8_t* out = encoded;
    for (int i = 0; i < SIZE; i += 3, out += 4) {
        uint32_t bits = (uint32_t)plain[i] << 16 | (uint32_t)plain[i + 1] << 8 | plain[i + 2];
        out[0] = (uint8_t)digits[bits >> 18];
        out[1] = (uint8_t)digits[bits >> 12 & 63];
        out[2] = (uint8_t)digits[bits >> 6 & 63];
        out[3] = (uint8_t)digits[bits & 63];
    }
}

/* Returns how many characters were no digits. */
static uint32_t decode(void)
{
    uint32_t wrong = 0;
    uint8_t* out = plain;
    for (int i = 0; i < SIZE / 3 * 4; i += 4, out += 3) {
        uint32_t a = values[encoded[i]];
        uint32_t b = values[encoded[i + 1]];
        uint32_t c = values[encoded[i + 2]];
        uint32_t d = values[encoded[i + 3]];
        wrong += (a | b | c | d) > 63;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        out[0] = (uint8_t)(bits >> 16);
        out[1] = (uint8_t)(bits >> 8);
        out[2] = (uint8_t)bits;
    }
    return wrong;
}

int64_t run(int32_t n)
{
    for (int i = 0; i < 256; i++) {
        values[i] = 255;
    }
    for (uint8_t i = 0; i < 64; i++) {
        values[(uint8_t)digits[i]] = i;
    }
    uint64_t seed = 9;
    for (int i = 0; i < SIZE; i++) {
        plain[i] = (uint8_t)(next_random(&seed) >> 56);
    }
    uint64_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        encode();
        sum = mix(sum, encoded[i % SIZE]);
        sum = mix(sum, decode());
        plain[i % SIZE] ^= (uint8_t)i;
    }
    for (int i = 0; i < SIZE; i++) {
        sum = mix(sum, plain[i]);
    }
    return (int64_t)sum;
}
