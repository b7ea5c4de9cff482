/*
 * Reads a shared file when it is initialised, and writes one of its own.
 *
 * output  what /greeting held at the upload; a line that says whether the file
 *         that the initialisation wrote is there
 *
 * If there is a file /leave-open, its initialisation leaves /greeting open,
 * which no call could go on reading: the upload is refused.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <faasm/core.h>

static char greeting[256];

FAASM_ZYGOTE()
{
    FILE* file = fopen("/greeting", "r");
    if (!file) {
        return 1;
    }
    size_t n = fread(greeting, 1, sizeof greeting - 1, file);
    greeting[n] = '\0';
    if (access("/leave-open", F_OK) != 0) {
        fclose(file);
    }
    FILE* own = fopen("/tmp/own", "w");
    return own && fputs("mine", own) >= 0 && fclose(own) == 0 ? 0 : 2;
}

int main(void)
{
    char output[512];
    int there = access("/tmp/own", F_OK) == 0;
    int n = snprintf(output, sizeof output, "%s\n%s\n", greeting, there ? "there" : "gone");
    faasmSetOutput(output, n);
    return 0;
}
