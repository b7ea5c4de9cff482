/* Imports what no host offers: it must be refused, with the import's name. */
#include <faasm/core.h>

__attribute__((import_module("env"), import_name("no_such_call"))) int no_such_call(int x);

int main(void)
{
    return no_such_call(1);
}
