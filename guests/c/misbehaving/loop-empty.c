/* Never ends: a loop of one branch, which touches no memory. */
int main(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}
