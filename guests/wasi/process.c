/*
 * Arguments, environment, exit, random bytes, streams.
 *
 * To be run with the arguments `one two words`, where the last is one argument
 * of two words, and the variable `GREETING=hello there`. With the argument
 * `exit=N` alone it exits with N at once. Standard streams are no terminals.
 */
#include "check.h"

static void arguments(void)
{
    size_t count, bytes;
    WORKS(__wasi_args_sizes_get(&count, &bytes));
    CHECK(count == 3);
    uint8_t* args[8];
    uint8_t text[4096];
    CHECK(count <= 8 && bytes <= sizeof text);
    WORKS(__wasi_args_get(args, text));
    CHECK(args[0] == text);
    CHECK(strcmp((char*)args[1], "one") == 0);
    CHECK(strcmp((char*)args[2], "two words") == 0);
    CHECK(args[2] + strlen("two words") + 1 == text + bytes);
}

static void environment(void)
{
    size_t count, bytes;
    WORKS(__wasi_environ_sizes_get(&count, &bytes));
    uint8_t* variables[64];
    uint8_t text[4096];
    CHECK(count >= 1 && count <= 64 && bytes <= sizeof text);
    WORKS(__wasi_environ_get(variables, text));
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found |= strcmp((char*)variables[i], "GREETING=hello there") == 0;
    }
    CHECK(found);
    CHECK(getenv("GREETING") && strcmp(getenv("GREETING"), "hello there") == 0);
    CHECK(getenv("NO_SUCH_VARIABLE") == NULL);
}

static void random_bytes(void)
{
    uint8_t a[16] = {0}, b[16] = {0};
    WORKS(__wasi_random_get(a, sizeof a));
    WORKS(__wasi_random_get(b, sizeof b));
    CHECK(memcmp(a, b, sizeof a) != 0);
    WORKS(__wasi_random_get(a, 0));
}

/* More than a host moves at once, and not all zero in any part. */
static void big_random_buffer(void)
{
    static uint8_t big[300 * 1024];
    WORKS(__wasi_random_get(big, sizeof big));
    for (size_t part = 0; part < sizeof big; part += 1024) {
        uint8_t any = 0;
        for (size_t i = 0; i < 1024; i++) {
            any |= big[part + i];
        }
        CHECK(any != 0);
    }
}

static void yielding(void)
{
    for (int i = 0; i < 10; i++) {
        WORKS(__wasi_sched_yield());
    }
}

static void writing_to_streams(void)
{
    __wasi_ciovec_t parts[] = {{(const uint8_t*)"two ", 4}, {(const uint8_t*)"parts\n", 6}};
    size_t n = 0;
    fflush(stdout);
    WORKS(__wasi_fd_write(1, parts, 2, &n));
    CHECK(n == 10);
    WORKS(__wasi_fd_write(2, parts, 2, &n));
    CHECK(n == 10);
    CHECK(put(1, "", 0) == 0);
}

static void streams_are_open(void)
{
    for (__wasi_fd_t fd = 0; fd < 3; fd++) {
        fdstat_of(fd);
        stat_of(fd);
    }
    /* They can be moved and closed like others. */
    __wasi_fd_t fd;
    WORKS(__wasi_path_open(ROOT, 0, ".", __WASI_OFLAGS_DIRECTORY, 0, 0, 0, &fd));
    WORKS(__wasi_fd_renumber(0, fd));
    __wasi_fdstat_t stat;
    GIVES(__wasi_fd_fdstat_get(0, &stat), __WASI_ERRNO_BADF);
    WORKS(__wasi_fd_close(fd));
    GIVES(__wasi_fd_close(fd), __WASI_ERRNO_BADF);
}

/* What C libraries take for a terminal: a character device without seek and tell. */
static void no_terminals(void)
{
    __wasi_rights_t seek = __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL;
    for (__wasi_fd_t fd = 0; fd < 3; fd++) {
        __wasi_fdstat_t stat = fdstat_of(fd);
        CHECK(stat.fs_filetype != __WASI_FILETYPE_CHARACTER_DEVICE ||
              (stat.fs_rights_base & seek) != 0);
    }
    __wasi_fd_t file = open_at(ROOT, "isatty.scratch", __WASI_OFLAGS_CREAT, ALL_FILE);
    CHECK(fdstat_of(file).fs_filetype == __WASI_FILETYPE_REGULAR_FILE);
    WORKS(__wasi_fd_close(file));
    WORKS(__wasi_path_unlink_file(ROOT, "isatty.scratch"));
}

int main(int argc, char** argv)
{
    if (argc == 2 && strncmp(argv[1], "exit=", 5) == 0) {
        __wasi_proc_exit((__wasi_exitcode_t)atoi(argv[1] + 5));
    }
    behaviour("args", arguments);
    behaviour("environ", environment);
    behaviour("random", random_bytes);
    behaviour("big_random_buf", big_random_buffer);
    behaviour("sched_yield", yielding);
    behaviour("fd_write", writing_to_streams);
    behaviour("isatty", no_terminals);
    behaviour("stdio", streams_are_open);
    return behaviours_failed;
}
