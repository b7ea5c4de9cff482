/*
 * Asserts what the state calls promise within one host. Input: a state key of
 * the caller's choice (default "state-check"). Output: "ok", or the assertion
 * that failed, with return code 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>

#define REQUIRE(condition)                                            \
    do {                                                              \
        if (!(condition)) {                                           \
            faasmSetOutput(#condition, (long)strlen(#condition));     \
            return 1;                                                 \
        }                                                             \
    } while (0)

static int check_copies(const char* key)
{
    uint8_t buffer[8] = {0};
    faasmWriteState(key, (const uint8_t*)"a\0b\0c\0d", 7);
    REQUIRE(faasmReadStateSize(key) == 7);
    REQUIRE(faasmReadState(key, buffer, 7) == 7);
    REQUIRE(memcmp(buffer, "a\0b\0c\0d", 7) == 0);
    REQUIRE(faasmReadState(key, buffer, 3) == 3);
    faasmWriteStateOffset(key, 7, 2, (const uint8_t*)"XY", 2);
    faasmReadStateOffset(key, 7, 1, buffer, 4);
    REQUIRE(memcmp(buffer, "\0XYc", 4) == 0);
    return 0;
}

static int check_pointers(const char* key)
{
    faasmWriteState(key, (const uint8_t*)"0123456", 7);
    uint8_t* a = faasmReadStatePtr(key, 7);
    uint8_t* b = faasmReadStatePtr(key, 7);
    REQUIRE(a == b);
    REQUIRE(memcmp(a, "0123456", 7) == 0);
    a[3] = 'x';
    REQUIRE(b[3] == 'x');
    uint8_t* middle = faasmReadStateOffsetPtr(key, 7, 3, 2);
    REQUIRE(middle[0] == 'x' && middle[1] == '4');
    uint8_t copy[7];
    REQUIRE(faasmReadState(key, copy, 7) == 7 && copy[3] == 'x');
    faasmWriteStateOffset(key, 7, 0, (const uint8_t*)"z", 1);
    REQUIRE(a[0] == 'z');
    return 0;
}

/* A large value, mapped in part at an odd offset; memory still grows after it. */
static int check_large(const char* key)
{
    enum { SIZE = 300000, AT = 123457, LEN = 70001 };
    uint8_t* data = malloc(SIZE);
    for (int i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    faasmWriteState(key, data, SIZE);
    uint8_t* part = faasmReadStateOffsetPtr(key, SIZE, AT, LEN);
    REQUIRE(memcmp(part, data + AT, LEN) == 0);
    part[0] ^= 0xff;
    uint8_t one;
    faasmReadStateOffset(key, SIZE, AT, &one, 1);
    REQUIRE(one == (data[AT] ^ 0xff));
    uint8_t* more = malloc(1 << 20);
    REQUIRE(more != NULL);
    memset(more, 1, 1 << 20);
    REQUIRE(memcmp(part + 1, data + AT + 1, LEN - 1) == 0);
    free(more);
    free(data);
    return 0;
}

static int check_appended(const char* key)
{
    uint32_t read[3] = {0};
    faasmClearAppendedState(key);
    for (uint32_t i = 1; i <= 3; i++) {
        faasmAppendState(key, (uint8_t*)&i, sizeof i);
    }
    faasmReadAppendedState(key, (uint8_t*)read, sizeof read, 3);
    REQUIRE(read[0] == 1 && read[1] == 2 && read[2] == 3);
    return 0;
}

static int check_tiers(const char* key)
{
    uint8_t buffer[4];
    faasmWriteState(key, (const uint8_t*)"push", 4);
    faasmPushState(key);
    faasmPullState(key, 4);
    REQUIRE(faasmReadState(key, buffer, 4) == 4);
    REQUIRE(memcmp(buffer, "push", 4) == 0);
    return 0;
}

int main(void)
{
    char* key = faasmGetInputCopy(NULL);
    if (*key == '\0') {
        key = "state-check";
    }
    int (*const checks[])(const char*) = {
        check_copies, check_pointers, check_large, check_appended, check_tiers,
    };
    const char* const suffixes[] = {"copies", "pointers", "large", "appended",
                                    "tiers"};
    for (int i = 0; i < 5; i++) {
        char full[256];
        snprintf(full, sizeof full, "%s.%s", key, suffixes[i]);
        if (checks[i](full) != 0) {
            return 1;
        }
    }
    faasmSetOutput("ok", 2);
    return 0;
}
