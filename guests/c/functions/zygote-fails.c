/* A function whose zygote refuses: it must not become callable. */
#include <faasm/core.h>

FAASM_ZYGOTE()
{
    return 3;
}

int main(void)
{
    faasmSetOutput("called", 6);
    return 0;
}
