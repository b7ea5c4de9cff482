/*
 * What a function is told about where it is.
 *
 * output  `ok`, or the checks that failed, a line each
 */
#define _WASI_EMULATED_GETPID /* ours needs no emulation */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <faasm/core.h>
#include <faasm/host_interface.h>
#include <faasm/posix.h>

static char output[4096];

#define CHECK(good)                                                                          \
    do {                                                                                     \
        if (!(good)) {                                                                       \
            strlcat(output, #good "\n", sizeof output);                                      \
        }                                                                                    \
    } while (0)

static int is(const char* name, const char* value)
{
    const char* found = getenv(name);
    return found && strcmp(found, value) == 0;
}

static void environment(void)
{
    CHECK(is("HOME", "/"));
    CHECK(is("USER", "faasm"));
    CHECK(is("TMPDIR", "/tmp"));
    CHECK(!getenv("PATH") && !getenv("FAASM_DATA"));
    CHECK(setenv("MINE", "value", 1) == 0 && is("MINE", "value"));
    CHECK(__faasm_conf_flag("NO_SUCH_FLAG") == 0);
}

static void options(void)
{
    char* arguments[] = {"program", "-a", "-b", "value", "rest", NULL};
    int seen = 0;
    for (int option; (option = getopt(5, arguments, "ab:")) != -1;) {
        seen += option == 'a';
        seen += option == 'b' && strcmp(optarg, "value") == 0 ? 10 : 0;
    }
    CHECK(seen == 11 && optind == 4);
}

static void system_itself(void)
{
    CHECK(sysconf(_SC_PAGESIZE) == 65536);
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    struct utsname name;
    CHECK(uname(&name) == 0 && name.sysname[0] && name.machine[0]);
    char text[64];
    CHECK(getcwd(text, sizeof text) == text && strcmp(text, "/") == 0);
    CHECK(chdir("/tmp") == 0 && getcwd(text, sizeof text) && strcmp(text, "/tmp") == 0);
}

static void identity(void)
{
    CHECK(getuid() == 1000 && getegid() == 1000 && getpid() == 23);
    struct passwd* user = getpwuid(getuid());
    CHECK(user && strcmp(user->pw_name, "faasm") == 0 && strcmp(user->pw_dir, "/") == 0);
    CHECK(getpwnam("faasm") == user && getpwnam("root") == NULL);
    errno = 0;
    CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}

static void duplicates(void)
{
    int fd = open("/tmp/file", O_CREAT | O_RDWR, 0666);
    int copy = dup(fd);
    char text[8] = {0};
    CHECK(fd >= 0 && copy > fd);
    CHECK(write(fd, "first ", 6) == 6 && write(copy, "second", 6) == 6);
    CHECK(lseek(fd, 0, SEEK_CUR) == 12 && lseek(copy, 6, SEEK_SET) == 6);
    CHECK(read(fd, text, 6) == 6 && strcmp(text, "second") == 0);
    CHECK(close(fd) == 0 && lseek(copy, 0, SEEK_CUR) == 12);
    CHECK(dup(fd) == -1 && dup2(fd, copy) == -1 && errno == EBADF);
    CHECK(dup2(copy, 1) == 1 && write(1, "!", 1) == 1 && lseek(copy, 0, SEEK_END) == 13);
    CHECK(dup2(copy, copy) == copy && close(copy) == 0);
}

int main(int argc, char** argv)
{
    CHECK(argc == 1 && strcmp(argv[0], "environment-check") == 0);
    environment();
    options();
    identity();
    duplicates();
    system_itself();
    faasmSetOutput(output[0] ? output : "ok", (long)(output[0] ? strlen(output) : 2));
    return output[0] != '\0';
}
