/* The heap, and copying. See check.h for input and output. */
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <faasm/core.h>

#include "check.h"

#define MIB (1 << 20)

static volatile size_t unknown_zero = 0;

/* A compiler may leave out an allocation that it sees nothing made of; through
 * these it sees nothing. */
static void* (*volatile get)(size_t) = malloc;
static void* (*volatile get_zeroed)(size_t, size_t) = calloc;
static void* (*volatile get_more)(void*, size_t) = realloc;

static bool is_all(const uint8_t* bytes, uint8_t value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

/* Blocks of many sizes hold what was written until they are freed. */
static void allocation(void)
{
    enum { N = 200 };
    uint8_t* blocks[N];
    for (int i = 0; i < N; i++) {
        size_t size = (size_t)i * 37 + 1;
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0);
        memset(blocks[i], i, size);
    }
    for (int i = 0; i < N; i += 2) {
        free(blocks[i]);
    }
    for (int i = 1; i < N; i += 2) {
        size_t size = (size_t)i * 37 + 1;
        blocks[i] = realloc(blocks[i], size * 3);
        CHECK(blocks[i] != NULL && is_all(blocks[i], (uint8_t)i, size));
        free(blocks[i]);
    }
    CHECK(malloc_usable_size(NULL) == 0);
    void* aligned = aligned_alloc(4096, 8192);
    CHECK(aligned != NULL && (uintptr_t)aligned % 4096 == 0);
    free(aligned);
}

/* Fresh memory reads zero, also where a freed block was. */
static void zeroed(void)
{
    for (int round = 0; round < 3; round++) {
        uint8_t* block = calloc(1000, 300);
        CHECK(block != NULL && is_all(block, 0, 300000));
        memset(block, 0xff, 300000);
        free(block);
    }
    errno = 0;
    CHECK(get_zeroed(SIZE_MAX / 2, 3) == NULL && errno == ENOMEM);
}

static void copies(void)
{
    uint8_t* from = malloc(3 * MIB);
    uint8_t* to = malloc(3 * MIB);
    for (size_t i = 0; i < 3 * MIB; i++) {
        from[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    }
    CHECK(memcpy(to, from, 3 * MIB) == to && memcmp(to, from, 3 * MIB) == 0);
    CHECK(memcpy(to, from, unknown_zero) == to);
    to[12345]++;
    CHECK(memcmp(to, from, 3 * MIB) != 0);
    free(from);
    free(to);
}

/* Overlapping moves by every small distance, in both directions. */
static void moves(void)
{
    uint8_t buffer[128];
    for (int distance = 1; distance < 20; distance++) {
        for (int i = 0; i < 128; i++) {
            buffer[i] = (uint8_t)i;
        }
        memmove(buffer + distance, buffer, 100);
        CHECK(buffer[distance] == 0 && buffer[distance + 99] == 99 && buffer[0] == 0);
        memmove(buffer, buffer + distance, 100);
        bool same = true;
        for (int i = 0; i < 100; i++) {
            same = same && buffer[i] == i;
        }
        CHECK(same);
    }
}

/* sbrk only tells and grows, in pages of 64 KiB. */
static void program_break(void)
{
    uint8_t* end = sbrk(0);
    CHECK((uintptr_t)end % 65536 == 0);
    CHECK(sbrk(2 * 65536) == end && (uint8_t*)sbrk(0) == end + 2 * 65536);
    CHECK(is_all(end, 0, 2 * 65536));
    end[2 * 65536 - 1] = 1;
}

/* What cannot be had is refused, and the function goes on. */
static void too_much(void)
{
    errno = 0;
    CHECK(get(0xf0000000u) == NULL && errno == ENOMEM);
    CHECK(get(SIZE_MAX) == NULL);
    uint8_t* block = malloc(8 * MIB);
    CHECK(block != NULL);
    memset(block, 1, 8 * MIB);
    uint8_t* kept = get_more(block, 0xf0000000u);
    CHECK(kept == NULL && is_all(block, 1, 8 * MIB));
    free(block);
}

/* Freed memory is used again: the memory does not grow for ever. */
static void reuse(void)
{
    free(get(4 * MIB));
    void* end = sbrk(0);
    for (int i = 0; i < 100; i++) {
        uint8_t* block = get(4 * MIB);
        CHECK(block != NULL);
        block[4 * MIB - 1] = (uint8_t)i;
        free(block);
    }
    CHECK(sbrk(0) == end);
}

static const struct Check checks[] = {
    {"malloc", allocation}, {"calloc", zeroed}, {"memcpy", copies},
    {"memmove", moves}, {"brk", program_break}, {"bad-malloc", too_much},
    {"heap", reuse},
};

CHECKS_MAIN(checks)
