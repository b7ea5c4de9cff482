/* Sleeps. Input: milliseconds. Output: those that passed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <faasm/core.h>

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int main(void)
{
    long ms = atol(faasmGetInputCopy(NULL));
    long long start = now_ms();
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
    char text[32];
    faasmSetOutput(text, snprintf(text, sizeof text, "%lld", now_ms() - start));
    return 0;
}
