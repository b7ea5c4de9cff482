/* What Lua's libraries call and wasi-libc lacks. Each fails as its manual page says. */
#include <errno.h>
#include <stdio.h>

int system(const char* command)
{
    if (command == NULL) {
        return 0; /* there is no shell */
    }
    errno = ENOSYS;
    return -1;
}

FILE* tmpfile(void)
{
    errno = ENOSYS;
    return NULL;
}

char* tmpnam(char* name)
{
    (void)name;
    return NULL;
}
