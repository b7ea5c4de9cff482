/* Built with debugging information: backtraces, debuggers and profilers name
 * these lines. Without an argument it traps in a function that was inlined into
 * another; with one it loops. */
static volatile int items[4] = { 1, 2, 3, 4 };
static volatile int rounds;

static inline __attribute__((always_inline)) int checked(int index)
{
    if (index > 3) {
        __builtin_trap();
    }
    return items[index];
}

static __attribute__((noinline)) int sum(int count)
{
    int total = 0;
    for (int index = 0; index < count; index++) {
        total += checked(index);
    }
    return total;
}

static __attribute__((noinline)) void spin(void)
{
    for (;;) {
        rounds += 1;
    }
}

int main(int argc, char** argv)
{
    (void)argv;
    if (argc > 1) {
        spin();
    }
    return sum(5);
}
