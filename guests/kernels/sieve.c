/* How many primes there are below n, n up to 2^22, and their sum. */
#include "kernel.h"

#define MAX (1 << 22)

static uint8_t composite[MAX];

int64_t run(int32_t n)
{
    n = n > MAX ? MAX : n;
    for (int32_t i = 0; i < n; i++) {
        composite[i] = 0;
    }
    for (int32_t i = 2; i * i < n; i++) {
        if (composite[i]) {
            continue;
        }
        for (int32_t j = i * i; j < n; j += i) {
            composite[j] = 1;
        }
    }
    int64_t count = 0;
    int64_t sum = 0;
    for (int32_t i = 2; i < n; i++) {
        count += !composite[i];
        sum += composite[i] ? 0 : i;
    }
    return sum * 1000000 + count;
}
