/* Clocks: their resolution, their order, and those that there are not. */
#include <time.h>

#include "check.h"

static void resolution_of(__wasi_clockid_t id)
{
    __wasi_timestamp_t resolution = 0;
    WORKS(__wasi_clock_res_get(id, &resolution));
    /* Something, and no more than a second. */
    CHECK(resolution > 0 && resolution <= 1000000000);
}

static void resolution_monotonic(void)
{
    resolution_of(__WASI_CLOCKID_MONOTONIC);
    struct timespec time;
    CHECK(clock_getres(CLOCK_MONOTONIC, &time) == 0 && time.tv_sec + time.tv_nsec > 0);
}

static void resolution_realtime(void)
{
    resolution_of(__WASI_CLOCKID_REALTIME);
    struct timespec time;
    CHECK(clock_getres(CLOCK_REALTIME, &time) == 0 && time.tv_sec + time.tv_nsec > 0);
}

static void time_monotonic(void)
{
    struct timespec before, after;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
        CHECK(after.tv_sec > before.tv_sec ||
              (after.tv_sec == before.tv_sec && after.tv_nsec >= before.tv_nsec));
        CHECK(after.tv_nsec >= 0 && after.tv_nsec < 1000000000);
        before = after;
    }
}

static void time_realtime(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    CHECK(now.tv_sec > 1700000000);
}

static void times_of_all_clocks(void)
{
    __wasi_timestamp_t before, after;
    for (__wasi_clockid_t id = 0; id < 4; id++) {
        for (__wasi_timestamp_t precision = 0; precision < 3; precision++) {
            WORKS(__wasi_clock_time_get(id, precision, &before));
            WORKS(__wasi_clock_time_get(id, precision, &after));
            CHECK(after >= before);
        }
    }
    GIVES(__wasi_clock_time_get((__wasi_clockid_t)77, 0, &after), __WASI_ERRNO_INVAL);
    GIVES(__wasi_clock_res_get((__wasi_clockid_t)77, &after), __WASI_ERRNO_INVAL);
}

int main(void)
{
    behaviour("clock_getres-monotonic", resolution_monotonic);
    behaviour("clock_getres-realtime", resolution_realtime);
    behaviour("clock_gettime-monotonic", time_monotonic);
    behaviour("clock_gettime-realtime", time_realtime);
    behaviour("clock_time_get", times_of_all_clocks);
    return behaviours_failed;
}
