/* Does nothing: what a call costs by itself. */
#include <faasm/core.h>

int main(void)
{
    return 0;
}
