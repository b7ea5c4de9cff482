/* Compresses 64 KiB of text-like data by matches of earlier bytes, and expands
 * it again, n times. */
#include "kernel.h"

#define SIZE 65536
#define HASH_BITS 12
#define MIN_MATCH 4
#define MAX_MATCH 130

static uint8_t data[SIZE];
static uint8_t packed[SIZE * 2];
static uint8_t unpacked[SIZE];
static int32_t last[1 << HASH_BITS];

static void fill(void)
{
    static const char* const pieces[8] = {"the ",  "faaslet ", "state ",   "memory ",
                                          "page ", "call ",    "snapshot ", "function "};
    uint64_t seed = 19;
    int32_t at = 0;
    while (at < SIZE) {
        uint64_t random = next_random(&seed);
        for (const char* piece = pieces[random >> 61]; *piece != '\0' && at < SIZE; piece++) {
            data[at++] = (uint8_t)*piece;
        }
        if ((random & 7) == 0 && at < SIZE) {
            data[at++] = (uint8_t)(random >> 20);
        }
    }
}

static uint32_t word_at(int32_t at)
{
    uint32_t word;
    __builtin_memcpy(&word, &data[at], sizeof word);
    return word;
}

/* A literal is a length below 128 and that many bytes; a match is 128 plus its
 * length less four, and its distance in two bytes. */
static int32_t flush_literals(int32_t out, int32_t from, int32_t to)
{
    while (from < to) {
        int32_t len = to - from > 127 ? 127 : to - from;
        packed[out++] = (uint8_t)len;
        for (int32_t i = 0; i < len; i++) {
            packed[out++] = data[from++];
        }
    }
    return out;
}

static int32_t compress(void)
{
    int32_t out = 0;
    int32_t literals = 0;
    int32_t at = 0;
    for (int i = 0; i < 1 << HASH_BITS; i++) {
        last[i] = -1;
    }
    while (at + MIN_MATCH <= SIZE) {
        uint32_t hash = word_at(at) * 2654435761u >> (32 - HASH_BITS);
        int32_t match = last[hash];
        last[hash] = at;
        if (match < 0 || at - match > 65535 || word_at(match) != word_at(at)) {
            at++;
            continue;
        }
        int32_t len = MIN_MATCH;
        while (len < MAX_MATCH && at + len < SIZE && data[match + len] == data[at + len]) {
            len++;
        }
        out = flush_literals(out, literals, at);
        packed[out++] = (uint8_t)(128 + len - MIN_MATCH);
        packed[out++] = (uint8_t)(at - match);
        packed[out++] = (uint8_t)((at - match) >> 8);
        at += len;
        literals = at;
    }
    return flush_literals(out, literals, SIZE);
}

static int32_t expand(int32_t len)
{
    int32_t out = 0;
    for (int32_t at = 0; at < len;) {
        int32_t head = packed[at++];
        if (head < 128) {
            for (int32_t i = 0; i < head; i++) {
                unpacked[out++] = packed[at++];
            }
            continue;
        }
        int32_t distance = packed[at] | packed[at + 1] << 8;
        at += 2;
        for (int32_t i = 0; i < head - 128 + MIN_MATCH; i++, out++) {
            unpacked[out] = unpacked[out - distance];
        }
    }
    return out;
}

int64_t run(int32_t n)
{
    fill();
    uint64_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t len = compress();
        sum = mix(sum, (uint64_t)len);
        sum = mix(sum, (uint64_t)expand(len));
        data[(i * 997) % SIZE] ^= 1;
    }
    for (int i = 0; i < SIZE; i++) {
        sum = mix(sum, unpacked[i]);
    }
    return (int64_t)sum;
}
