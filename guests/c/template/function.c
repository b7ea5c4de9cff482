/* A function: greets, and counts in state how often it did. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <faasm/core.h>

int main(void)
{
    char* name = faasmGetInputCopy(NULL);
    uint64_t* count = (uint64_t*)faasmReadStatePtr("greetings", sizeof *count);
    faasmLockStateWrite("greetings");
    uint64_t number = ++*count;
    faasmUnlockStateWrite("greetings");

    char* answer;
    int len = asprintf(&answer, "Hello, %s! You are number %llu.", name, (unsigned long long)number);
    if (len < 0) {
        return 1;
    }
    faasmSetOutput(answer, len);
    return 0;
}
