/* Input: a number, which becomes the call's return code. The output is set
 * before, and a line written to each of stdout and stderr. */
#include <stdio.h>
#include <stdlib.h>

#include <faasm/core.h>

int main(void)
{
    int code = atoi(faasmGetInputCopy(NULL));
    faasmSetOutput("leaving", 7);
    printf("to stdout, then exit %d\n", code);
    fprintf(stderr, "to stderr, then exit %d\n", code);
    exit(code);
}
