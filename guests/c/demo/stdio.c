/* Standard streams of a function: what it prints goes to the host's log and not
 * into its output. Input: what to print. Output: what the checks said. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <faasm/core.h>

#include "check.h"

static void to_stdout(void)
{
    CHECK(printf("%s %d\n", "printed", 7) == 10);
    CHECK(puts("put") >= 0 && putchar('c') == 'c' && fflush(stdout) == 0);
    CHECK(write(STDOUT_FILENO, "written\n", 8) == 8);
    CHECK(dprintf(STDOUT_FILENO, "%05d\n", 42) == 6);
}

static void to_stderr(void)
{
    CHECK(fprintf(stderr, "complaint %x\n", 255) == 13);
    CHECK(write(STDERR_FILENO, "", 0) == 0);
    errno = ENOENT;
    perror("perror");
}

static void in_memory(void)
{
    char* text = NULL;
    size_t len = 0;
    FILE* file = open_memstream(&text, &len);
    CHECK(file != NULL && fprintf(file, "%s-%d", "memory", 3) == 8 && fclose(file) == 0);
    CHECK(len == 8 && strcmp(text, "memory-3") == 0);
    file = fmemopen(text, len, "r");
    int number = 0;
    char word[16];
    CHECK(fscanf(file, "%6s-%d", word, &number) == 2 && number == 3);
    CHECK(fgetc(file) == EOF && feof(file));
    fclose(file);
    free(text);
}

/* A function's standard input is empty, and says so at once. */
static void from_stdin(void)
{
    char byte;
    CHECK(read(STDIN_FILENO, &byte, 1) == 0);
    CHECK(fgetc(stdin) == EOF && feof(stdin) && !ferror(stdin));
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    CHECK(poll(&ready, 1, 1000) == 1 && (ready.revents & POLLIN) != 0);
}

/* Files of the host are not there. */
static void open_blocked(void)
{
    const char* const paths[] = {
        "/etc/passwd", "/proc/self/maps", "../../../../etc/passwd", "/dev/null/x",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        errno = 0;
        CHECK(open(paths[i], O_RDONLY) == -1 && errno != 0);
    }
    errno = 0;
    CHECK(write(77, "x", 1) == -1 && errno == EBADF);
    CHECK(close(77) == -1);
}

static const struct Check checks[] = {
    {"stdout", to_stdout},       {"stderr", to_stderr},          {"memstream", in_memory},
    {"stdin-poll", from_stdin},  {"open-blocked", open_blocked},
};

CHECKS_MAIN(checks)
