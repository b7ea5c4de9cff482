/*
 * Named checks, for the programs of this folder. Each program lists its checks
 * and ends with CHECKS_MAIN. Its input is the name of one check, or empty for all.
 * Its output has a line for each that ran, "ok NAME" or "FAILED NAME: CONDITION
 * (FILE:LINE)"; its return code is how many failed. The input "none" fails, so
 * that a test can see that a failure would be seen.
 */
#ifndef DEMO_CHECK_H
#define DEMO_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>

struct Check {
    const char* name;
    void (*run)(void);
};

static const char* check_name;
static int check_failed; /* conditions of the present check */
static char check_output[8192];
static size_t check_used;

static inline void check_say(const char* text)
{
    size_t len = strlen(text);
    if (check_used + len < sizeof check_output) {
        memcpy(check_output + check_used, text, len + 1);
        check_used += len;
    }
}

static inline void check_that(int holds, const char* condition, const char* file,
                              int line)
{
    char text[512];
    if (!holds) {
        check_failed++;
        snprintf(text, sizeof text, "FAILED %s: %s (%s:%d)\n", check_name, condition,
                 file, line);
        check_say(text);
    }
}

#define CHECK(...) check_that(!!(__VA_ARGS__), #__VA_ARGS__, __FILE_NAME__, __LINE__)

static inline int check_main(const struct Check* checks, size_t n)
{
    char* only = faasmGetInputCopy(NULL);
    int ran = 0;
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (*only != '\0' && strcmp(only, checks[i].name) != 0) {
            continue;
        }
        check_name = checks[i].name;
        check_failed = 0;
        checks[i].run();
        ran++;
        failed += check_failed != 0;
        if (check_failed == 0) {
            check_say("ok ");
            check_say(check_name);
            check_say("\n");
        }
    }
    if (ran == 0) {
        check_name = "none";
        check_that(0, "there is a check of this name", __FILE_NAME__, __LINE__);
        failed = 1;
    }
    faasmSetOutput(check_output, (long)check_used);
    return failed;
}

#define CHECKS_MAIN(checks)                                        \
    int main(void)                                                 \
    {                                                              \
        return check_main(checks, sizeof(checks) / sizeof *(checks)); \
    }

#endif
