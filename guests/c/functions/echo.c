/* Input: any bytes. Output: the same bytes. */
#include <stdlib.h>

#include <faasm/core.h>

int main(void)
{
    long len;
    char* input = faasmGetInputCopy(&len);
    faasmSetOutput(input, len);
    free(input);
    return 0;
}
