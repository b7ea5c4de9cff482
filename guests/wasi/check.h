/*
 * What the programs here have in common: raw WASI calls in a scratch directory,
 * and checks that say where they fail.
 *
 * A program prints a line for each behaviour, `ok NAME` or `FAILED NAME`, below
 * one for each check of it that failed. Its exit code is how many behaviours
 * failed. It works below the first preopened directory, in a directory of its
 * own that it removes.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

/* The first preopened directory. */
#define ROOT 3

#define ALL_FILE                                                               \
    (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK |  \
     __WASI_RIGHTS_FD_TELL | __WASI_RIGHTS_FD_ADVISE |                         \
     __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_FILESTAT_GET |               \
     __WASI_RIGHTS_FD_FILESTAT_SET_SIZE |                                      \
     __WASI_RIGHTS_FD_FILESTAT_SET_TIMES | __WASI_RIGHTS_FD_SYNC |             \
     __WASI_RIGHTS_FD_DATASYNC | __WASI_RIGHTS_FD_FDSTAT_SET_FLAGS |           \
     __WASI_RIGHTS_POLL_FD_READWRITE)

static int behaviours_failed;
static int checks_failed;

/* The scratch directory. */
static __wasi_fd_t dir;

#define CHECK(good)                                                            \
    do {                                                                       \
        if (!(good)) {                                                         \
            printf("     %s:%d: %s\n", __FILE_NAME__, __LINE__, #good);        \
            checks_failed++;                                                   \
        }                                                                      \
    } while (0)

/* Whether a call gives one of these errors; 0 is success. */
#define GIVES(call, ...)                                                       \
    gives(__LINE__, #call, (call), (const int[]){__VA_ARGS__},                 \
          sizeof((int[]){__VA_ARGS__}) / sizeof(int))

#define WORKS(call) GIVES(call, 0)

static inline bool gives(int line, const char* call, int got, const int* wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (got == wanted[i]) {
            return true;
        }
    }
    printf("     line %d: %s gives %d, not %d\n", line, call, got, wanted[0]);
    checks_failed++;
    return false;
}

/* Runs the checks of one behaviour. */
static inline void behaviour(const char* name, void (*checks)(void))
{
    checks_failed = 0;
    checks();
    printf("%s %s\n", checks_failed == 0 ? "ok" : "FAILED", name);
    behaviours_failed += checks_failed != 0;
}

static inline __wasi_fd_t open_at(__wasi_fd_t at, const char* path, int how,
                                  __wasi_rights_t rights)
{
    __wasi_fd_t fd = 0xffffffff;
    if (!WORKS(__wasi_path_open(at, 0, path, (__wasi_oflags_t)how, rights, ALL_FILE, 0, &fd))) {
        printf("     opening %s\n", path);
    }
    return fd;
}

/* A file in the scratch directory, made if it is not there. */
static inline __wasi_fd_t make(const char* path)
{
    return open_at(dir, path, __WASI_OFLAGS_CREAT, ALL_FILE);
}

static inline void make_empty(const char* path)
{
    WORKS(__wasi_fd_close(make(path)));
}

static inline __wasi_errno_t try_open(const char* path, int how)
{
    __wasi_fd_t fd;
    __wasi_errno_t error =
        __wasi_path_open(dir, 0, path, (__wasi_oflags_t)how, 0, 0, 0, &fd);
    if (error == 0) {
        WORKS(__wasi_fd_close(fd));
    }
    return error;
}

/* Writes or reads one buffer; how many bytes, or the error as a negative. */
static inline int put(__wasi_fd_t fd, const void* bytes, size_t n)
{
    __wasi_ciovec_t buffer = {bytes, n};
    __wasi_size_t done = 0;
    __wasi_errno_t error = __wasi_fd_write(fd, &buffer, 1, &done);
    return error ? -error : (int)done;
}

static inline int take(__wasi_fd_t fd, void* bytes, size_t n)
{
    __wasi_iovec_t buffer = {bytes, n};
    __wasi_size_t done = 0;
    __wasi_errno_t error = __wasi_fd_read(fd, &buffer, 1, &done);
    return error ? -error : (int)done;
}

static inline int put_at(__wasi_fd_t fd, const void* bytes, size_t n, __wasi_filesize_t at)
{
    __wasi_ciovec_t buffer = {bytes, n};
    __wasi_size_t done = 0;
    __wasi_errno_t error = __wasi_fd_pwrite(fd, &buffer, 1, at, &done);
    return error ? -error : (int)done;
}

static inline int take_at(__wasi_fd_t fd, void* bytes, size_t n, __wasi_filesize_t at)
{
    __wasi_iovec_t buffer = {bytes, n};
    __wasi_size_t done = 0;
    __wasi_errno_t error = __wasi_fd_pread(fd, &buffer, 1, at, &done);
    return error ? -error : (int)done;
}

static inline __wasi_filestat_t stat_of(__wasi_fd_t fd)
{
    __wasi_filestat_t stat = {0};
    WORKS(__wasi_fd_filestat_get(fd, &stat));
    return stat;
}

static inline __wasi_filestat_t stat_at(const char* path, __wasi_lookupflags_t follow)
{
    __wasi_filestat_t stat = {0};
    WORKS(__wasi_path_filestat_get(dir, follow, path, &stat));
    return stat;
}

static inline __wasi_fdstat_t fdstat_of(__wasi_fd_t fd)
{
    __wasi_fdstat_t stat = {0};
    WORKS(__wasi_fd_fdstat_get(fd, &stat));
    return stat;
}

static inline void enter_scratch(const char* name)
{
    __wasi_fdstat_t root = fdstat_of(ROOT);
    WORKS(__wasi_path_create_directory(ROOT, name));
    WORKS(__wasi_path_open(ROOT, 0, name, __WASI_OFLAGS_DIRECTORY, root.fs_rights_base,
                           root.fs_rights_inheriting, 0, &dir));
}

/* Every behaviour leaves the scratch directory empty. */
static inline int leave_scratch(const char* name)
{
    checks_failed = 0;
    WORKS(__wasi_fd_close(dir));
    WORKS(__wasi_path_remove_directory(ROOT, name));
    return behaviours_failed + (checks_failed != 0);
}

#endif
