/*
 * Measures reads and writes of an array of 64-bit numbers: in a Faaslet of a
 * value, through its pointer; natively, where this same file is compiled by the
 * same compiler, of memory of the process's own.
 *
 * Input (or argument): the array's bytes and how many rounds.
 * Output: nanoseconds of the fastest round of each, "READ WRITE CHECKSUM".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __wasm__
#include <faasm/core.h>
#define VECTORS __attribute__((target("simd128"), noinline))
#else
#define VECTORS __attribute__((noinline))
#endif

VECTORS static uint64_t read_all(const uint64_t* numbers, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += numbers[i];
    }
    return sum;
}

VECTORS static void write_all(uint64_t* numbers, uint32_t count, uint64_t more)
{
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] += more;
    }
}

/* Each pass is made. */
#define BARRIER(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* So often that a round takes long enough to be measured. */
static uint32_t repetitions(uint32_t bytes)
{
    uint32_t least = 16u << 20;
    return bytes < least ? least / bytes : 1;
}

static void measure(uint64_t* numbers, uint32_t bytes, int rounds, char* text, size_t room)
{
    uint32_t count = bytes / sizeof(uint64_t), repeat = repetitions(bytes);
    double best_read = 1e18, best_write = 1e18;
    uint64_t sum = 0;
    write_all(numbers, count, 1);
    for (int round = 0; round < rounds; round++) {
        double begun = now();
        for (uint32_t i = 0; i < repeat; i++) {
            sum += read_all(numbers, count);
            BARRIER(numbers);
        }
        double read = now();
        for (uint32_t i = 0; i < repeat; i++) {
            write_all(numbers, count, sum + i);
            BARRIER(numbers);
        }
        double written = now();
        best_read = read - begun < best_read ? read - begun : best_read;
        best_write = written - read < best_write ? written - read : best_write;
    }
    snprintf(text, room, "%.0f %.0f %llu", best_read / repeat, best_write / repeat,
             (unsigned long long)read_all(numbers, count));
}

#ifdef __wasm__
int main(void)
{
    char input[64] = {0}, text[128];
    unsigned bytes = 0;
    int rounds = 0;
    faasmGetInput((uint8_t*)input, sizeof input - 1);
    if (sscanf(input, "%u %d", &bytes, &rounds) != 2 || bytes < 8) {
        return 1;
    }
    measure((uint64_t*)faasmReadStatePtr("array", (long)bytes), bytes, rounds, text, sizeof text);
    faasmSetOutput(text, (long)strlen(text));
    return 0;
}
#else
int main(int argc, char** argv)
{
    char text[128];
    if (argc != 3) {
        return 1;
    }
    uint32_t bytes = (uint32_t)strtoul(argv[1], NULL, 10);
    uint64_t* numbers = aligned_alloc(4096, bytes);
    memset(numbers, 0, bytes);
    measure(numbers, bytes, atoi(argv[2]), text, sizeof text);
    puts(text);
    return 0;
}
#endif
