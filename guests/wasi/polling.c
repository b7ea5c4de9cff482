/*
 * poll_oneoff: clocks, standard streams, files.
 *
 * Standard input holds the line `ready`, or, with the argument `silent`, is a
 * stream on which nothing comes and that does not end.
 */
#include <poll.h>

#include "check.h"

static __wasi_subscription_t clock_after(__wasi_userdata_t mark, __wasi_timestamp_t timeout)
{
    __wasi_subscription_t wait = {.userdata = mark};
    wait.u.tag = __WASI_EVENTTYPE_CLOCK;
    wait.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    wait.u.u.clock.timeout = timeout;
    return wait;
}

static __wasi_subscription_t readiness(__wasi_userdata_t mark, __wasi_eventtype_t kind,
                                       __wasi_fd_t fd)
{
    __wasi_subscription_t wait = {.userdata = mark};
    wait.u.tag = kind;
    wait.u.u.fd_read.file_descriptor = fd;
    return wait;
}

static __wasi_timestamp_t now(void)
{
    __wasi_timestamp_t time = 0;
    WORKS(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &time));
    return time;
}

#define MILLISECOND 1000000ull

static void clocks(void)
{
    __wasi_event_t events[2];
    size_t n = 0;
    __wasi_timestamp_t before = now();
    __wasi_subscription_t soon = clock_after(7, 10 * MILLISECOND);
    WORKS(__wasi_poll_oneoff(&soon, events, 1, &n));
    CHECK(n == 1 && events[0].userdata == 7 && events[0].error == 0);
    CHECK(events[0].type == __WASI_EVENTTYPE_CLOCK);
    CHECK(now() - before >= 10 * MILLISECOND);
    /* Of two, the one that is first. */
    __wasi_subscription_t two[] = {clock_after(1, 3600000 * MILLISECOND), clock_after(2, 1)};
    WORKS(__wasi_poll_oneoff(two, events, 2, &n));
    CHECK(n == 1 && events[0].userdata == 2);
    /* A time that has been. */
    __wasi_subscription_t past = clock_after(3, before);
    past.u.u.clock.flags = __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME;
    WORKS(__wasi_poll_oneoff(&past, events, 1, &n));
    CHECK(n == 1 && events[0].userdata == 3);
    GIVES(__wasi_poll_oneoff(two, events, 0, &n), __WASI_ERRNO_INVAL);
}

static void files(void)
{
    __wasi_fd_t fd = make("file");
    CHECK(put(fd, "text", 4) == 4);
    __wasi_filesize_t position;
    WORKS(__wasi_fd_seek(fd, 1, __WASI_WHENCE_SET, &position));
    __wasi_subscription_t waits[] = {readiness(1, __WASI_EVENTTYPE_FD_READ, fd),
                                     readiness(2, __WASI_EVENTTYPE_FD_WRITE, fd),
                                     clock_after(3, 3600000 * MILLISECOND)};
    __wasi_event_t events[3];
    size_t n = 0;
    WORKS(__wasi_poll_oneoff(waits, events, 3, &n));
    CHECK(n == 2);
    CHECK(events[0].userdata == 1 && events[0].error == 0 && events[0].fd_readwrite.nbytes == 3);
    CHECK(events[0].type == __WASI_EVENTTYPE_FD_READ);
    CHECK(events[1].userdata == 2 && events[1].error == 0);
    CHECK(events[1].type == __WASI_EVENTTYPE_FD_WRITE);
    WORKS(__wasi_fd_close(fd));
    /* Each subscription has its own error. */
    WORKS(__wasi_poll_oneoff(waits, events, 3, &n));
    CHECK(n == 2 && events[0].error == __WASI_ERRNO_BADF && events[1].error == __WASI_ERRNO_BADF);
    /* Without the right, there is nothing to wait for. */
    fd = open_at(dir, "file", 0, __WASI_RIGHTS_FD_READ);
    waits[0] = readiness(1, __WASI_EVENTTYPE_FD_READ, fd);
    WORKS(__wasi_poll_oneoff(waits, events, 1, &n));
    CHECK(n == 1 && events[0].error == __WASI_ERRNO_NOTCAPABLE);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void output_streams(void)
{
    __wasi_subscription_t waits[] = {readiness(1, __WASI_EVENTTYPE_FD_WRITE, 1),
                                     readiness(2, __WASI_EVENTTYPE_FD_WRITE, 2),
                                     clock_after(3, 3600000 * MILLISECOND)};
    __wasi_event_t events[3];
    size_t n = 0;
    WORKS(__wasi_poll_oneoff(waits, events, 3, &n));
    CHECK(n == 2 && events[0].error == 0 && events[1].error == 0);
    struct pollfd out = {1, POLLOUT, 0};
    CHECK(poll(&out, 1, -1) == 1 && out.revents == POLLOUT);
}

static void input_that_is_there(void)
{
    __wasi_subscription_t waits[] = {readiness(1, __WASI_EVENTTYPE_FD_READ, 0),
                                     clock_after(2, 3600000 * MILLISECOND)};
    __wasi_event_t events[2];
    size_t n = 0;
    WORKS(__wasi_poll_oneoff(waits, events, 2, &n));
    CHECK(n == 1 && events[0].userdata == 1 && events[0].error == 0);
    CHECK(events[0].fd_readwrite.nbytes == strlen("ready\n"));
    char text[16] = {0};
    CHECK(take(0, text, sizeof text) == 6 && strcmp(text, "ready\n") == 0);
    /* The end can be read at once, too. */
    WORKS(__wasi_poll_oneoff(waits, events, 2, &n));
    CHECK(n == 1 && events[0].userdata == 1 && take(0, text, sizeof text) == 0);
}

static void input_that_does_not_come(void)
{
    __wasi_timestamp_t before = now();
    __wasi_subscription_t waits[] = {readiness(1, __WASI_EVENTTYPE_FD_READ, 0),
                                     clock_after(2, 20 * MILLISECOND)};
    __wasi_event_t events[2];
    size_t n = 0;
    WORKS(__wasi_poll_oneoff(waits, events, 2, &n));
    CHECK(n == 1 && events[0].userdata == 2 && events[0].error == 0);
    CHECK(now() - before >= 20 * MILLISECOND);
}

int main(int argc, char** argv)
{
    enter_scratch("polling.scratch");
    behaviour("poll_oneoff, clocks", clocks);
    behaviour("poll_oneoff, files", files);
    behaviour("poll_oneoff_stdio, output", output_streams);
    if (argc > 1 && strcmp(argv[1], "silent") == 0) {
        behaviour("poll_oneoff_stdio, silence", input_that_does_not_come);
    } else {
        behaviour("poll_oneoff_stdio, input", input_that_is_there);
    }
    return leave_scratch("polling.scratch");
}
