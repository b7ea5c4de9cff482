/* Never ends, and makes no host call. */
#include <faasm/core.h>

int main(void)
{
    volatile unsigned counter = 0;
    for (;;) {
        counter++;
    }
}
