/* A library that needs libb.so, the program, and the program's libc. */
#include <stdlib.h>
#include <string.h>

extern int program_counter;
int program_twice(int x);
int b_add(int x);
extern int b_data[4];
__attribute__((weak)) int nowhere(int x);
__attribute__((weak)) extern int nowhere_data;

typedef int (*Function)(int);

int a_data = 40;
int* a_pointer = &a_data;
Function a_table[3] = { program_twice, b_add, 0 };

static int hidden(int x)
{
    return x + a_data;
}

__attribute__((constructor)) static void construct(void)
{
    program_counter = program_counter * 10 + 1;
    a_table[2] = hidden;
}

int a_run(int x)
{
    int sum = *a_pointer + b_data[3];
    for (int i = 0; i < 3; i++) {
        sum += a_table[i](x);
    }
    return sum + program_twice(x) + b_add(x);
}

/* Whether the program's pointers and the library's are the same. */
int a_same(Function twice, int* counter)
{
    return twice == program_twice && counter == &program_counter &&
           nowhere == 0 && &nowhere_data == 0;
}

char* a_text(const char* name)
{
    char* text = malloc(64);
    strcpy(text, "hello, ");
    return strncat(text, name, 32);
}

__attribute__((noinline)) int a_fault(int x)
{
    return *(volatile int*)(x * -16);
}
