/* Clocks, calendars and sleep. See check.h for input and output. No check says
 * how long something took at most: machines may be busy. */
#include <errno.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <faasm/core.h>

#include "check.h"

#define YEAR_2024 1704067200

static double now(clockid_t clock)
{
    struct timespec at = {0};
    CHECK(clock_gettime(clock, &at) == 0 && at.tv_nsec >= 0 && at.tv_nsec < 1000000000);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void clocks(void)
{
    CHECK(now(CLOCK_REALTIME) > YEAR_2024);
    double last = now(CLOCK_MONOTONIC);
    for (int i = 0; i < 1000; i++) {
        double next = now(CLOCK_MONOTONIC);
        CHECK(next >= last);
        last = next;
    }
    struct timespec resolution;
    CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_nsec > 0);
}

static void time_of_day(void)
{
    struct timeval a;
    struct timeval b;
    CHECK(gettimeofday(&a, NULL) == 0 && gettimeofday(&b, NULL) == 0);
    CHECK(a.tv_usec >= 0 && a.tv_usec < 1000000 && a.tv_sec > YEAR_2024);
    CHECK(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_usec >= a.tv_usec));
}

static void seconds(void)
{
    time_t stored = 0;
    time_t returned = time(&stored);
    CHECK(returned == stored && returned > YEAR_2024);
    CHECK((double)returned <= now(CLOCK_REALTIME));
}

static void calendar(void)
{
    time_t leap = 1709210096; /* 2024-02-29 12:34:56 */
    struct tm parts;
    CHECK(gmtime_r(&leap, &parts) == &parts);
    CHECK(parts.tm_year == 124 && parts.tm_mon == 1 && parts.tm_mday == 29);
    CHECK(parts.tm_hour == 12 && parts.tm_wday == 4 && parts.tm_yday == 59);
    CHECK(mktime(&parts) == leap);
    char text[64];
    CHECK(strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %a", &parts) == 23);
    CHECK(strcmp(text, "2024-02-29 12:34:56 Thu") == 0);
}

static void sleeps(void)
{
    double before = now(CLOCK_MONOTONIC);
    CHECK(usleep(20000) == 0);
    CHECK(now(CLOCK_MONOTONIC) - before >= 0.02);
    struct timespec bad = {.tv_nsec = 1000000000};
    errno = 0;
    CHECK(nanosleep(&bad, NULL) == -1 && errno == EINVAL);
    CHECK(sleep(0) == 0);
}

static const struct Check checks[] = {
    {"gettime", clocks}, {"time-of-day", time_of_day}, {"time", seconds},
    {"calendar", calendar}, {"sleep-short", sleeps},
};

CHECKS_MAIN(checks)
