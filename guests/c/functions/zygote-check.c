/*
 * Zygote and constructors have run exactly once before the call. The call then
 * spoils what they made, so that a second call on a Faaslet that was not reset
 * fails. Input: none. Output: the two values. Return code 0 where they are right.
 */
#include <stdio.h>

#include <faasm/core.h>

static int globalA = 0;
static int globalB = 2;
static int constructed = 0;

__attribute__((constructor)) static void construct(void)
{
    constructed += 1;
}

FAASM_ZYGOTE()
{
    globalA += 5;
    globalB += 100;
    return constructed == 1 ? 0 : 1;
}

int main(void)
{
    char text[64];
    int len = snprintf(text, sizeof text, "a %d b %d constructed %d", globalA,
                       globalB, constructed);
    faasmSetOutput(text, len);
    int good = globalA == 5 && globalB == 102 && constructed == 1;
    globalA = -1;
    globalB = -1;
    constructed = -1;
    return good ? 0 : 1;
}
