/* The nth Fibonacci number by recursion: what a call costs. */
#include "kernel.h"

static __attribute__((noinline)) int64_t fib(int32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int64_t run(int32_t n)
{
    return fib(n);
}
