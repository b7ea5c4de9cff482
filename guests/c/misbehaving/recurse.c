/* Recurses for ever on the native stack; the stack in memory stays as it is. */
#include <faasm/core.h>

#pragma clang diagnostic ignored "-Winfinite-recursion"

static __attribute__((noinline)) int down(int n)
{
    __asm__ volatile("");
    return down(n + 1) * 3 + n;
}

int main(void)
{
    return down(0);
}
