/* A library that needs nothing but the program. */
extern int program_counter;

int b_data[4] = { 1, 2, 3, 4 };

__attribute__((constructor)) static void construct(void)
{
    program_counter = program_counter * 10 + 2;
}

/* Of one thread's program it is a datum like others. */
static _Thread_local int b_calls = 10;

int b_count(void)
{
    return ++b_calls;
}

int b_add(int x)
{
    return x + b_data[0];
}
