/*
 * A kernel as a native program, the rival of its compiled WebAssembly. Built
 * with the kernel: `gcc -O3 -march=native -ffp-contract=off KERNEL.c native-main.c`.
 *
 * For each line "N" of its input it calls run(N) and answers with a line
 * "CHECKSUM NANOSECONDS", so that a benchmark can alternate it with its rivals.
 */
#define _POSIX_C_SOURCE 199309L
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

int64_t run(int32_t n);

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(void)
{
    int32_t n;
    while (scanf("%" SCNd32, &n) == 1) {
        int64_t start = nanoseconds();
        int64_t checksum = run(n);
        printf("%" PRId64 " %" PRId64 "\n", checksum, nanoseconds() - start);
        fflush(stdout);
    }
    return 0;
}
