/* Recurses for ever with a host call in each frame, so that the stack may run
 * out on the host's side of the call. */
#include <faasm/core.h>

#pragma clang diagnostic ignored "-Winfinite-recursion"

static __attribute__((noinline)) long down(long n)
{
    long size = faasmGetInputSize();
    return down(n + size) * 3 + size;
}

int main(void)
{
    return (int)down(0);
}
