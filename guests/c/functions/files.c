/*
 * Does things to files, one line of input after the other.
 *
 * input   lines: read PATH, write PATH TEXT, append PATH TEXT, size PATH,
 *         list PATH, remove PATH, mkdir PATH, rename OLD NEW, state KEY PATH
 * output  a line for each: what was read, listed or measured, `ok`, or `error`
 *         and what the C library calls it
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <faasm/core.h>

static char output[1 << 20];
static size_t used;

static void say(const char* text)
{
    size_t n = strlen(text);
    if (used + n < sizeof output) {
        memcpy(output + used, text, n);
        used += n;
    }
}

static void answer(int good)
{
    say(good ? "ok" : "error ");
    say(good ? "" : strerror(errno));
}

static void read_file(const char* path)
{
    FILE* file = fopen(path, "r");
    if (!file) {
        answer(0);
        return;
    }
    char text[4096];
    for (size_t n; (n = fread(text, 1, sizeof text - 1, file)) > 0;) {
        text[n] = '\0';
        say(text);
    }
    fclose(file);
}

static void write_file(const char* path, const char* mode, const char* text)
{
    FILE* file = fopen(path, mode);
    answer(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int by_name(const void* a, const void* b)
{
    return strcmp(*(char* const*)a, *(char* const*)b);
}

static void list(const char* path)
{
    DIR* dir = opendir(path);
    if (!dir) {
        answer(0);
        return;
    }
    char* names[1024];
    size_t n = 0;
    for (struct dirent* entry; n < 1024 && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            names[n++] = strdup(entry->d_name);
        }
    }
    closedir(dir);
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        say(i ? " " : "");
        say(names[i]);
    }
}

static void size(const char* path)
{
    struct stat stat_of;
    char text[32];
    if (stat(path, &stat_of) != 0) {
        answer(0);
        return;
    }
    snprintf(text, sizeof text, "%lld", (long long)stat_of.st_size);
    say(text);
}

static void state(const char* key, const char* path)
{
    char text[32];
    snprintf(text, sizeof text, "%lu", faasmWriteStateFromFile(key, path));
    say(text);
}

static void run(const char* verb, const char* path, const char* rest)
{
    if (strcmp(verb, "read") == 0) {
        read_file(path);
    } else if (strcmp(verb, "write") == 0) {
        write_file(path, "w", rest);
    } else if (strcmp(verb, "append") == 0) {
        write_file(path, "a", rest);
    } else if (strcmp(verb, "size") == 0) {
        size(path);
    } else if (strcmp(verb, "list") == 0) {
        list(path);
    } else if (strcmp(verb, "remove") == 0) {
        answer(remove(path) == 0);
    } else if (strcmp(verb, "mkdir") == 0) {
        answer(mkdir(path, 0777) == 0);
    } else if (strcmp(verb, "rename") == 0) {
        answer(rename(path, rest) == 0);
    } else if (strcmp(verb, "state") == 0) {
        state(path, rest);
    } else {
        say("what?");
    }
}

int main(void)
{
    char* input = faasmGetInputCopy(NULL);
    for (char *line = strtok(input, "\n"), *next; line; line = next) {
        next = strtok(NULL, "\n");
        char* path = strchr(line, ' ');
        char* rest = path ? strchr(path + 1, ' ') : NULL;
        if (path) {
            *path++ = '\0';
        }
        if (rest) {
            *rest++ = '\0';
        }
        run(line, path ? path : "", rest ? rest : "");
        say("\n");
    }
    faasmSetOutput(output, (long)used);
    return 0;
}
