/* Input: which trap to meet. Unknown or no input: unreachable. */
#include <stdint.h>
#include <string.h>

#include <faasm/core.h>

static volatile int zero = 0;
static volatile int lowest = INT32_MIN;
static volatile int minus_one = -1;
static volatile double huge = 1e300;

static int wrong_type(int a, int b)
{
    return a + b;
}

static __attribute__((noinline)) int out_of_bounds(void)
{
    return *(volatile int*)(__builtin_wasm_memory_size(0) * 65536u + 64);
}

static __attribute__((noinline)) int far_out_of_bounds(void)
{
    return *(volatile int*)0xfffffffcu;
}

static __attribute__((noinline)) int bad_call(void)
{
    int (*volatile function)(void) = (int (*)(void))(void (*)(void))wrong_type;
    return function();
}

static __attribute__((noinline)) int null_call(void)
{
    int (*volatile function)(void) = (int (*)(void))zero;
    return function();
}

static __attribute__((noinline)) int table_bounds(void)
{
    int (*volatile function)(void) = (int (*)(void))(minus_one);
    return function();
}

static __attribute__((noinline)) int checked_conversion(void)
{
    int result;
    double value = huge;
    __asm__("local.get %1\n\ti32.trunc_f64_s\n\tlocal.set %0"
            : "=r"(result)
            : "r"(value));
    return result;
}

int main(void)
{
    char* which = faasmGetInputCopy(NULL);
    if (strcmp(which, "divide") == 0) {
        return lowest / zero;
    }
    if (strcmp(which, "overflow") == 0) {
        return lowest / minus_one;
    }
    if (strcmp(which, "conversion") == 0) {
        return checked_conversion();
    }
    if (strcmp(which, "memory") == 0) {
        return out_of_bounds();
    }
    if (strcmp(which, "far-memory") == 0) {
        return far_out_of_bounds();
    }
    if (strcmp(which, "signature") == 0) {
        return bad_call();
    }
    if (strcmp(which, "null") == 0) {
        return null_call();
    }
    if (strcmp(which, "table") == 0) {
        return table_bounds();
    }
    __builtin_trap();
}
