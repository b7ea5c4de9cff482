/*
 * Chained calls: by pointer, by name, nested, with output, failing. See check.h
 * for input and output. The module is uploaded under several names: as "chain-b"
 * it passes its input on to "chain-c", as "chain-c" it answers; as anything else
 * it runs the checks.
 */
#include <stdint.h>

#include <faasm/core.h>

#include "check.h"

static int global = 1; /* each chained call has its own */

static int fail(const char* reason)
{
    faasmSetOutput(reason, (long)strlen(reason));
    return 1;
}

static unsigned int chain_text(FaasmFuncPtr function, const char* input)
{
    return faasmChain(function, (const uint8_t*)input, (long)strlen(input));
}

static int answer_is(unsigned int call, unsigned int code, const char* expected)
{
    char* output = NULL;
    int len = -1;
    unsigned int got = faasmAwaitCallOutput(call, &output, &len);
    int same = got == code && len == (int)strlen(expected) &&
               memcmp(output, expected, (size_t)len) == 0;
    free(output);
    return same;
}

/* ---- Functions that are chained by pointer ---- */

static int returns_one(void)
{
    return 1;
}

static int returns_input(void)
{
    char* text = faasmGetInputCopy(NULL);
    return atoi(text);
}

static int gives_reason(void)
{
    return fail("the reason");
}

static int traps(void)
{
    volatile int numbers[] = {7, 0};
    return numbers[0] / numbers[1];
}

static int exits(void)
{
    exit(42);
}

static int doubles(void)
{
    global++;
    char text[16];
    snprintf(text, sizeof text, "%d", global == 2 ? 2 * returns_input() : -1);
    faasmSetOutput(text, (long)strlen(text));
    return 0;
}

static int echoes(void)
{
    long len;
    char* input = faasmGetInputCopy(&len);
    faasmSetOutput(input, len);
    return 0;
}

/* Calls itself until its input is 0; the output is the path. */
static int nests(void)
{
    int depth = returns_input();
    if (depth == 0) {
        faasmSetOutput("0", 1);
        return 0;
    }
    char text[64];
    snprintf(text, sizeof text, "%d", depth - 1);
    char* below;
    int len;
    if (faasmAwaitCallOutput(chain_text(nests, text), &below, &len) != 0) {
        return fail("nested call failed");
    }
    int used = snprintf(text, sizeof text, "%d %.*s", depth, len, below);
    faasmSetOutput(text, used);
    return 0;
}

/* Two calls below it for each level: 2^depth leaves, whose number it returns. */
static int forks(void)
{
    int depth = returns_input();
    if (depth == 0) {
        return 1;
    }
    char text[16];
    snprintf(text, sizeof text, "%d", depth - 1);
    unsigned int left = chain_text(forks, text);
    unsigned int right = chain_text(forks, text);
    return (int)(faasmAwaitCall(left) + faasmAwaitCall(right));
}

/* ---- Checks ---- */

static void by_pointer(void)
{
    CHECK(faasmAwaitCall(chain_text(returns_input, "0")) == 0);
    CHECK(faasmAwaitCall(chain_text(returns_input, "57")) == 57);
    global = 100;
    CHECK(answer_is(chain_text(doubles, "21"), 0, "42"));
    CHECK(global == 100);
    CHECK(faasmChainBatch(returns_input, "0", 10) == 0);
    CHECK(faasmChainBatch(returns_input, "3", 2) == 3);
}

static void with_output(void)
{
    CHECK(answer_is(chain_text(echoes, ""), 0, ""));
    CHECK(answer_is(chain_text(echoes, "a:b: c"), 0, "a:b: c"));
    uint8_t bytes[3000];
    for (int i = 0; i < 3000; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    char* output;
    int len;
    CHECK(faasmAwaitCallOutput(faasmChain(echoes, bytes, 3000), &output, &len) == 0);
    CHECK(len == 3000 && memcmp(output, bytes, 3000) == 0);
    free(output);
    unsigned int calls[20];
    char text[16];
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d", i);
        calls[i] = chain_text(doubles, text);
    }
    for (int i = 19; i >= 0; i--) {
        snprintf(text, sizeof text, "%d", 2 * i);
        CHECK(answer_is(calls[i], 0, text));
    }
}

static void nested(void)
{
    CHECK(answer_is(chain_text(nests, "6"), 0, "6 5 4 3 2 1 0"));
    CHECK(faasmAwaitCall(chain_text(forks, "5")) == 32);
}

static void failing(void)
{
    CHECK(faasmAwaitCall(chain_text(returns_one, "")) == 1);
    CHECK(faasmAwaitCall(chain_text(traps, "")) == 1);
    CHECK(faasmAwaitCall(chain_text(exits, "")) == 42);
    CHECK(answer_is(chain_text(gives_reason, ""), 1, "the reason"));
}

static void by_name(void)
{
    unsigned int b = faasmChainNamed("chain-b", (const uint8_t*)"x", 1);
    unsigned int c = faasmChainNamed("chain-c", (const uint8_t*)"y", 1);
    CHECK(answer_is(c, 0, "yc"));
    CHECK(answer_is(b, 0, "xbc"));
}

static const struct Check checks[] = {
    {"chain-simple", by_pointer}, {"chain-output", with_output}, {"nested", nested},
    {"failing", failing},         {"chain-named", by_name},
};

/* ---- Its other names ---- */

static int pass_on(void)
{
    long len;
    char* input = faasmGetInputCopy(&len);
    input[len] = 'b';
    char* output;
    int outputLen;
    unsigned int call = faasmChainNamed("chain-c", (uint8_t*)input, len + 1);
    unsigned int code = faasmAwaitCallOutput(call, &output, &outputLen);
    faasmSetOutput(output, outputLen);
    return (int)code;
}

static int answer(void)
{
    long len;
    char* input = faasmGetInputCopy(&len);
    input[len] = 'c';
    faasmSetOutput(input, len + 1);
    return 0;
}

int main(int argc, char** argv)
{
    const char* name = argc > 0 ? argv[0] : "";
    if (strcmp(name, "chain-b") == 0) {
        return pass_on();
    }
    if (strcmp(name, "chain-c") == 0) {
        return answer();
    }
    return check_main(checks, sizeof checks / sizeof *checks);
}
