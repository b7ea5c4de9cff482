/* What POSIX has and wasi-libc does not, as far as it can be answered without
 * asking the host: see pwd.h and sys/wait.h beside faasm/. */
#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

static struct passwd user = {
    .pw_name = "faasm",
    .pw_passwd = "x",
    .pw_uid = 1000,
    .pw_gid = 1000,
    .pw_gecos = "",
    .pw_dir = "/",
    .pw_shell = "/bin/false",
};

struct passwd* getpwuid(uid_t uid)
{
    return uid == user.pw_uid ? &user : NULL;
}

struct passwd* getpwnam(const char* name)
{
    return strcmp(name, user.pw_name) == 0 ? &user : NULL;
}

uid_t getuid(void)
{
    return user.pw_uid;
}

uid_t geteuid(void)
{
    return user.pw_uid;
}

gid_t getgid(void)
{
    return user.pw_gid;
}

gid_t getegid(void)
{
    return user.pw_gid;
}

pid_t waitpid(pid_t pid, int* status, int options)
{
    (void)pid;
    (void)status;
    (void)options;
    errno = ENOSYS;
    return -1;
}

pid_t wait(int* status)
{
    return waitpid(-1, status, 0);
}
