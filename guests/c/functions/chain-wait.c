/*
 * Waits for another function, keeping values on its stacks and in memory that
 * must be there when it resumes.
 *
 * Input: "NAME REST" chains NAME with input REST. "NAME*N REST" with N > 1 chains
 * NAME with input "NAME*(N-1) REST": so "chain-wait*9999 echo hi" to chain-wait
 * has 10,000 functions wait for one another.
 * Output: that of the chained function, whose return code is passed on too;
 * "corrupted" and 99 where a value is not what it was.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>

#define DEPTH 8
#define CORRUPTED 99

static uint64_t in_memory;
static uint64_t* on_heap;

/* Keeps `value` (a wasm local: native registers and stack) and `kept` (the
 * stack in linear memory) in each of DEPTH frames while the call is awaited. */
static __attribute__((noinline)) int await_deep(unsigned int call, int depth,
                                                uint64_t value, char** output,
                                                int* outputLen)
{
    volatile uint64_t kept[2] = {value, ~value};
    int code;
    if (depth == 0) {
        code = (int)faasmAwaitCallOutput(call, output, outputLen);
    } else {
        code = await_deep(call, depth - 1, value * 0x9e3779b97f4a7c15u + 1,
                          output, outputLen);
    }
    return kept[0] == value && kept[1] == ~value ? code : CORRUPTED;
}

/* Splits "NAME[*N] REST"; writes the input for NAME to `next`. */
static char* next_input(char* input, char* next, size_t size)
{
    char* rest = strchr(input, ' ');
    if (rest != NULL) {
        *rest++ = '\0';
    } else {
        rest = "";
    }
    char* star = strchr(input, '*');
    long n = 1;
    if (star != NULL) {
        *star = '\0';
        n = atol(star + 1);
    }
    if (n > 1) {
        snprintf(next, size, "%s*%ld %s", input, n - 1, rest);
    } else {
        snprintf(next, size, "%s", rest);
    }
    return input;
}

int main(void)
{
    long len;
    char* input = faasmGetInputCopy(&len);
    size_t size = (size_t)len + 1;
    char* next = malloc(size);
    char* name = next_input(input, next, size);
    unsigned int call = faasmChainNamed(name, (uint8_t*)next, (long)strlen(next));

    uint64_t value = ((uint64_t)call << 32 | (uint64_t)len) * 0xd6e8feb86659fd93u;
    in_memory = value;
    on_heap = malloc(sizeof *on_heap);
    *on_heap = ~value;

    char* output = NULL;
    int outputLen = 0;
    int code = await_deep(call, DEPTH, value, &output, &outputLen);
    if (code == CORRUPTED || in_memory != value || *on_heap != ~value) {
        faasmSetOutput("corrupted", 9);
        return CORRUPTED;
    }
    faasmSetOutput(output, outputLen);
    return code;
}
