/*
 * Looks for traces of an earlier call in all that a call can write, then leaves
 * such traces: globals, the heap, grown memory, the stack, a mapped state value
 * (whose pages are shared on purpose), an open file.
 *
 * Input: anything. Output: "clean", or the names of what was seen, with return
 * code 1. Two calls in a row must both be clean.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <faasm/core.h>

#define PAGE 65536
#define KEY "leak-check"
#define STATE_LEN 100000

static int global = 17;
static uint8_t zeroed[3 * 4096];
static uint32_t pages_at_start;
static char report[256];

FAASM_ZYGOTE()
{
    pages_at_start = __builtin_wasm_memory_size(0);
    return 0;
}

/* Not in the module's data, so that finding it means that a call wrote it. */
static uint64_t marker(void)
{
    static volatile uint64_t half = 0x1badf00d;
    return half * 0x9e3779b97f4a7c15u;
}

static void note(const char* what)
{
    if (report[0] != '\0') {
        strcat(report, " ");
    }
    strcat(report, what);
}

static int memory_holds_marker(void)
{
    uint64_t wanted = marker();
    uint32_t words = __builtin_wasm_memory_size(0) * (PAGE / 8);
    volatile uint64_t* memory = 0;
    __asm__("" : "+r"(memory)); /* address 0 is an address like others here */
    for (uint32_t i = 0; i < words; i++) {
        if (memory[i] == wanted) {
            return 1;
        }
    }
    return 0;
}

static void look(void)
{
    if (global != 17) {
        note("global");
    }
    for (size_t i = 0; i < sizeof zeroed; i++) {
        if (zeroed[i] != 0) {
            note("data");
            break;
        }
    }
    if (__builtin_wasm_memory_size(0) != pages_at_start) {
        note("memory-size");
    }
    if (memory_holds_marker()) {
        note("memory");
    }
    if (fcntl(10, F_GETFL) >= 0) {
        note("file");
    }
}

static __attribute__((noinline)) uint64_t mark_stack(void)
{
    volatile uint64_t deep[2048];
    for (int i = 0; i < 2048; i++) {
        deep[i] = marker();
    }
    return deep[2047];
}

static void mark(void)
{
    global = 18;
    memset(zeroed, 0xa5, sizeof zeroed);
    mark_stack();
    for (int i = 0; i < 40; i++) {
        volatile uint64_t* block = malloc(PAGE);
        for (int j = 0; block != NULL && j < PAGE / 8; j++) {
            block[j] = marker();
        }
    }
    uint8_t* value = calloc(1, STATE_LEN);
    faasmWriteState(KEY, value, STATE_LEN);
    uint8_t* shared = faasmReadStatePtr(KEY, STATE_LEN);
    memset(shared, 0x5a, STATE_LEN);
    while (open("/", O_RDONLY | O_DIRECTORY) >= 0 && fcntl(10, F_GETFL) < 0) {
    }
}

int main(void)
{
    look();
    mark();
    const char* text = report[0] == '\0' ? "clean" : report;
    faasmSetOutput(text, (long)strlen(text));
    return report[0] == '\0' ? 0 : 1;
}
