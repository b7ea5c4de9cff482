/*
 * Estimates pi by throwing points at a square, over chained calls that append
 * their counts to state.
 *
 * Input: "WORKERS [POINTS]", points per worker; by default 4 and 100000.
 * Output: the estimate with six digits. The same input has the same output.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <faasm/core.h>

#define KEY "pi"
#define MAX_WORKERS 1000

struct Task {
    uint32_t index;
    uint32_t points;
};

/* splitmix64, as a fraction of 1. */
static double next_random(uint64_t* seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int pi_step(void)
{
    struct Task task;
    if (faasmGetInputSize() != sizeof task) {
        return 1;
    }
    faasmGetInput((uint8_t*)&task, sizeof task);
    uint64_t seed = (uint64_t)task.index << 32;
    int32_t inside = 0;
    for (uint32_t i = 0; i < task.points; i++) {
        double x = next_random(&seed);
        double y = next_random(&seed);
        inside += x * x + y * y < 1.0;
    }
    faasmAppendState(KEY, (uint8_t*)&inside, sizeof inside);
    return 0;
}

static int run_workers(uint32_t workers, uint32_t points)
{
    unsigned int calls[MAX_WORKERS];
    for (uint32_t i = 0; i < workers; i++) {
        struct Task task = {i, points};
        calls[i] = faasmChain(pi_step, (uint8_t*)&task, sizeof task);
    }
    int failed = 0;
    for (uint32_t i = 0; i < workers; i++) {
        failed += faasmAwaitCall(calls[i]) != 0;
    }
    return failed;
}

int main(void)
{
    unsigned workers = 4;
    unsigned points = 100000;
    sscanf(faasmGetInputCopy(NULL), "%u %u", &workers, &points);
    if (workers < 1 || workers > MAX_WORKERS) {
        return 2;
    }
    faasmClearAppendedState(KEY);
    if (run_workers(workers, points) != 0) {
        return 1;
    }
    int32_t counts[MAX_WORKERS];
    long size = (long)(workers * sizeof counts[0]);
    faasmReadAppendedState(KEY, (uint8_t*)counts, size, (long)workers);
    double inside = 0;
    for (unsigned i = 0; i < workers; i++) {
        inside += counts[i];
    }
    char text[32];
    double estimate = 4.0 * inside / ((double)workers * points);
    faasmSetOutput(text, snprintf(text, sizeof text, "%.6f", estimate));
    return 0;
}
