/* Never ends: a loop of one branch, which touches no memory. */
#include <faasm/core.h>

int main(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}
