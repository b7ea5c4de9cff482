/* Recurses for ever with frames in linear memory: their stack runs out first,
 * below address 0, which is an access out of bounds. */
#include <faasm/core.h>

#pragma clang diagnostic ignored "-Winfinite-recursion"

static __attribute__((noinline)) int down(int n)
{
    volatile char frame[4096];
    frame[0] = (char)n;
    frame[4095] = (char)n;
    return down(n + 1) + frame[0] + frame[4095];
}

int main(void)
{
    return down(0);
}
