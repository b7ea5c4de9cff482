/* See faasm/posix.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

#include <faasm/host_interface.h>
#include <faasm/posix.h>

#define NUMBER 1000
#define PROCESS 23

int dup2(int from, int to)
{
    if (from == to) {
        __wasi_fdstat_t stat;
        errno = __wasi_fd_fdstat_get((__wasi_fd_t)from, &stat);
        return errno ? -1 : to;
    }
    int copy;
    errno = __wasi_fd_dup(from, &copy);
    if (errno) {
        return -1;
    }
    errno = __wasi_fd_renumber((__wasi_fd_t)copy, (__wasi_fd_t)to);
    if (errno) {
        int error = errno;
        (void)!__wasi_fd_close((__wasi_fd_t)copy);
        errno = error;
        return -1;
    }
    return to;
}

uid_t getuid(void)
{
    return NUMBER;
}

uid_t geteuid(void)
{
    return NUMBER;
}

gid_t getgid(void)
{
    return NUMBER;
}

gid_t getegid(void)
{
    return NUMBER;
}

pid_t getpid(void)
{
    return PROCESS;
}

pid_t getppid(void)
{
    return 1;
}

struct passwd* getpwuid(uid_t uid)
{
    static struct passwd faasm = {"faasm", "x", NUMBER, NUMBER, "", "/", "/bin/false"};
    if (uid != NUMBER) {
        return NULL;
    }
    const char* home = getenv("HOME");
    faasm.pw_dir = home ? (char*)home : "/";
    return &faasm;
}

struct passwd* getpwnam(const char* name)
{
    return strcmp(name, "faasm") == 0 ? getpwuid(NUMBER) : NULL;
}

pid_t waitpid(pid_t pid, int* status, int options)
{
    (void)pid;
    (void)status;
    (void)options;
    errno = ECHILD;
    return -1;
}

pid_t wait(int* status)
{
    return waitpid(-1, status, 0);
}
