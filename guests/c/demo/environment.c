/* What a function learns of its surroundings: arguments, environment, options,
 * identity, limits. See check.h for input and output. */
#include <errno.h>
#include <faasm/core.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

extern char** environ;

/* argv[0] is the function's name; there are no further arguments. */
static char arg0[64];
static int args = -1;

static void arguments(void)
{
    CHECK(args == 1);
    CHECK(strcmp(arg0, "environment") == 0);
}

static void getenv_and_setenv(void)
{
    CHECK(getenv("NOT_SET_ANYWHERE") == NULL);
    CHECK(setenv("MY_VAR", "one", 0) == 0);
    CHECK(strcmp(getenv("MY_VAR"), "one") == 0);
    CHECK(setenv("MY_VAR", "two", 0) == 0 && strcmp(getenv("MY_VAR"), "one") == 0);
    CHECK(setenv("MY_VAR", "two", 1) == 0 && strcmp(getenv("MY_VAR"), "two") == 0);
    int found = 0;
    for (char** entry = environ; *entry != NULL; entry++) {
        found += strcmp(*entry, "MY_VAR=two") == 0;
    }
    CHECK(found == 1);
    CHECK(unsetenv("MY_VAR") == 0 && getenv("MY_VAR") == NULL);
    errno = 0;
    CHECK(setenv("A=B", "x", 1) == -1 && errno == EINVAL);
}

static void conf_flags(void)
{
    CHECK(getConfFlag("ALWAYS_OFF") == 0);
    CHECK(getConfFlag("") == 0);
}

/* getopt's state is reset before each scan. */
static void options(void)
{
    char* argv[] = {(char*)"prog", (char*)"-a", (char*)"-b",  (char*)"12",
                    (char*)"-cx",  (char*)"--", (char*)"rest", NULL};
    optind = 1;
    bool a = false;
    int b = 0;
    char c = 0;
    for (int option; (option = getopt(7, argv, "ab:c:")) != -1;) {
        switch (option) {
            case 'a': a = true; break;
            case 'b': b = atoi(optarg); break;
            case 'c': c = *optarg; break;
            default: CHECK(false && "no other option");
        }
    }
    CHECK(a && b == 12 && c == 'x');
    CHECK(optind == 6 && strcmp(argv[optind], "rest") == 0);

    char* unknown[] = {(char*)"prog", (char*)"-z", NULL};
    optind = 1;
    opterr = 0;
    CHECK(getopt(2, unknown, "ab:") == '?' && optopt == 'z');
}

static void system_limits(void)
{
    CHECK(sysconf(_SC_PAGESIZE) == 65536);
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    errno = 0;
    CHECK(sysconf(-1) == -1 && errno == EINVAL);
}

static void system_name(void)
{
    struct utsname name;
    CHECK(uname(&name) == 0);
    CHECK(strcmp(name.machine, "wasm32") == 0);
    CHECK(name.sysname[0] != '\0' && name.release[0] != '\0');
}

static void user(void)
{
    struct passwd* entry = getpwuid(getuid());
    CHECK(entry != NULL && entry->pw_uid == getuid() && entry->pw_gid == getgid());
    CHECK(entry != NULL && strcmp(entry->pw_name, "faasm") == 0);
    CHECK(entry != NULL && strcmp(entry->pw_dir, "/") == 0);
    CHECK(getpwnam("faasm") == entry);
    CHECK(getuid() != 0 && geteuid() == getuid() && getegid() == getgid());
    errno = 0;
    CHECK(getpwuid(0) == NULL && errno == 0);
    CHECK(getpwnam("root") == NULL);
}

static void working_directory(void)
{
    char path[16];
    CHECK(getcwd(path, sizeof path) == path && strcmp(path, "/") == 0);
    errno = 0;
    CHECK(getcwd(path, 1) == NULL && errno == ERANGE);
    char* fresh = getcwd(NULL, 0);
    CHECK(fresh != NULL && strcmp(fresh, "/") == 0);
    free(fresh);
}

/* There are no processes to wait for. */
static void children(void)
{
    int status = 77;
    errno = 0;
    CHECK(waitpid(23, &status, 0) == -1 && errno == ECHILD && status == 77);
    errno = 0;
    CHECK(wait(&status) == -1 && errno == ECHILD);
}

static void terminals(void)
{
    for (int fd = 0; fd < 3; fd++) {
        CHECK(isatty(fd) == 0);
    }
    errno = 0;
    CHECK(isatty(99) == 0 && errno == EBADF);
}

static const struct Check checks[] = {
    {"arguments", arguments},
    {"getenv", getenv_and_setenv},
    {"conf-flags", conf_flags},
    {"optarg", options},
    {"sysconf", system_limits},
    {"uname", system_name},
    {"getpwuid", user},
    {"getcwd", working_directory},
    {"waitpid", children},
    {"isatty", terminals},
};

int main(int argc, char** argv)
{
    args = argc;
    snprintf(arg0, sizeof arg0, "%s", argc > 0 ? argv[0] : "");
    return check_main(checks, sizeof checks / sizeof *checks);
}
