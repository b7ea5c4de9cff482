/* setjmp and longjmp, which become WebAssembly exceptions. Built with
 * -mllvm -wasm-enable-sjlj and -lsetjmp. See check.h for input and output. */
#include <setjmp.h>

#include <faasm/core.h>

#include "check.h"

static jmp_buf place;
static jmp_buf outer;

static __attribute__((noinline)) void descend(int depth, int value)
{
    volatile char frame[100];
    frame[0] = (char)depth;
    if (depth == 0) {
        longjmp(place, value);
    }
    descend(depth - 1, value);
    frame[1] = 1;
}

static void jumps(void)
{
    volatile int rounds = 0;
    int value = setjmp(place);
    if (value < 5) {
        rounds++;
        descend(10, value + 1);
    }
    CHECK(value == 5 && rounds == 5);
}

static void zero_becomes_one(void)
{
    int value = setjmp(place);
    if (value == 0) {
        longjmp(place, 0);
    }
    CHECK(value == 1);
}

static void nested(void)
{
    volatile int path = 0;
    if (setjmp(outer) == 0) {
        if (setjmp(place) == 0) {
            path += 1;
            descend(3, 1);
        } else {
            path += 10;
            longjmp(outer, 1);
        }
    } else {
        path += 100;
    }
    CHECK(path == 111);
}

static const struct Check checks[] = {
    {"longjmp", jumps}, {"zero", zero_becomes_one}, {"nested", nested},
};

CHECKS_MAIN(checks)
