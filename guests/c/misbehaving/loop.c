/* Never ends, and makes no host call. */
int main(void)
{
    volatile unsigned counter = 0;
    for (;;) {
        counter++;
    }
}
