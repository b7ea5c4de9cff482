/*
 * What Lua's libraries call and wasi-libc lacks: temporary files, which are in /tmp and so need such a folder, and the
 * shell, which fails as its manual page says.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int system(const char* command)
{
    if (command == NULL) {
        return 0; /* there is no shell */
    }
    errno = ENOSYS;
    return -1;
}

/* A name that nothing has, in L_tmpnam (20) bytes. */
char* tmpnam(char* name)
{
    static char own[20];
    name = name == NULL ? own : name;
    for (int tries = 0; tries < 100; tries++) {
        unsigned number;
        if (getentropy(&number, sizeof number) != 0) {
            break;
        }
        snprintf(name, sizeof own, "/tmp/lua_%08x", number);
        if (access(name, F_OK) != 0 && errno == ENOENT) {
            return name;
        }
    }
    return NULL;
}

/* The file has no name any more when it is used, and so goes with its descriptor. */
FILE* tmpfile(void)
{
    const char* name = tmpnam(NULL);
    FILE* file = name == NULL ? NULL : fopen(name, "w+bx");
    if (file != NULL) {
        unlink(name);
    }
    return file;
}
