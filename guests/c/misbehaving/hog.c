/* Grows its memory by a MiB at a time, touching each, until that is refused.
 * Output: how many 64 KiB pages it then has. */
#include <stdio.h>

#include <faasm/core.h>

int main(void)
{
    size_t old;
    while ((old = __builtin_wasm_memory_grow(0, 16)) != (size_t)-1) {
        *(volatile char*)(old * 65536) = 1;
    }
    char text[64];
    int len = snprintf(text, sizeof text, "refused at %lu pages",
                       (unsigned long)__builtin_wasm_memory_size(0));
    faasmSetOutput(text, len);
    return 0;
}
