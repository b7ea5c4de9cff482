/* A library that is linked as usual, and so needs libc.so: that is the program's own. */
#include <stdio.h>
#include <string.h>

int whole_len(const char* name)
{
    char text[64];
    return snprintf(text, sizeof text, "%s!", name) + (int)strlen(text);
}
