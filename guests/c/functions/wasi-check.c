/*
 * A tour of WASI preview 1 as an ordinary program sees it: no SDK.
 *
 * Needs a directory it may write to, preopened as /data. It writes what it finds
 * to stdout, a line each, and exits with 0 where all checks hold, else with the
 * number of those that failed. An argument "exit=N" makes it exit with N instead.
 * Lines: arg I TEXT, env NAME=VALUE, stdin TEXT, then ok/FAILED CHECK.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DIR_PATH "/data/wasi-check"
#define FILE_PATH DIR_PATH "/file.txt"

extern char** environ;

static int failures = 0;

static void check(int good, const char* what)
{
    printf("%s %s\n", good ? "ok" : "FAILED", what);
    if (!good) {
        printf("     errno %d (%s)\n", errno, strerror(errno));
        failures++;
    }
}

static void show_surroundings(int argc, char** argv)
{
    for (int i = 0; i < argc; i++) {
        printf("arg %d %s\n", i, argv[i]);
    }
    for (char** entry = environ; entry != NULL && *entry != NULL; entry++) {
        printf("env %s\n", *entry);
    }
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        printf("stdin %s\n", line);
    }
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (double)now.tv_sec + (double)now.tv_nsec / 1e9
                                           : -1;
}

static void check_clocks(void)
{
    struct timespec resolution;
    check(clock_getres(CLOCK_MONOTONIC, &resolution) == 0, "clock_getres");
    check(seconds(CLOCK_REALTIME) > 1.6e9, "realtime clock is after 2020");
    double before = seconds(CLOCK_MONOTONIC);
    struct timespec pause = {0, 20 * 1000 * 1000};
    check(nanosleep(&pause, NULL) == 0, "nanosleep");
    double slept = seconds(CLOCK_MONOTONIC) - before;
    check(slept >= 0.0199 && slept < 5, "nanosleep took its time");
    check(poll(NULL, 0, 5) == 0, "poll with a timeout alone");
    check(sched_yield() == 0, "sched_yield");
}

static void check_random(void)
{
    unsigned char a[32] = {0};
    unsigned char b[32] = {0};
    check(getentropy(a, sizeof a) == 0 && getentropy(b, sizeof b) == 0, "getentropy");
    check(memcmp(a, b, sizeof a) != 0, "two random values differ");
}

static void check_writing(void)
{
    mkdir(DIR_PATH, 0777);
    struct stat st;
    check(stat(DIR_PATH, &st) == 0 && S_ISDIR(st.st_mode), "mkdir, stat");
    int fd = open(FILE_PATH, O_CREAT | O_TRUNC | O_RDWR, 0666);
    check(fd >= 3, "open to create");
    struct iovec parts[2] = {{"hello ", 6}, {"file world\n", 11}};
    ssize_t written = writev(fd, parts, 2); /* an engine may write one part only */
    check(written == 17 || (written == 6 && write(fd, "file world\n", 11) == 11),
          "writev");
    check(pwrite(fd, "FILE", 4, 6) == 4, "pwrite");
    check(lseek(fd, 0, SEEK_CUR) == 17, "lseek tells");
    check(lseek(fd, -6, SEEK_END) == 11, "lseek from the end");
    char text[32] = {0};
    check(read(fd, text, 5) == 5 && strcmp(text, "world") == 0, "read");
    check(pread(fd, text, 5, 0) == 5 && memcmp(text, "hello", 5) == 0, "pread");
    check(fstat(fd, &st) == 0 && st.st_size == 17 && S_ISREG(st.st_mode), "fstat");
    check(ftruncate(fd, 5) == 0 && fstat(fd, &st) == 0 && st.st_size == 5, "ftruncate");
    check(fsync(fd) == 0, "fsync");
    check((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR, "fcntl F_GETFL");
    check(close(fd) == 0, "close");
    check(read(fd, text, 1) == -1 && errno == EBADF, "a closed descriptor is bad");
    fd = open(FILE_PATH, O_WRONLY | O_APPEND);
    check(fd >= 3 && write(fd, "!", 1) == 1 && close(fd) == 0, "append");
    check(stat(FILE_PATH, &st) == 0 && st.st_size == 6, "stat sees the append");
}

static void check_stdio(void)
{
    FILE* file = fopen(DIR_PATH "/lines.txt", "w");
    check(file != NULL, "fopen to write");
    for (int i = 0; file != NULL && i < 1000; i++) {
        fprintf(file, "line %d\n", i);
    }
    check(file != NULL && fclose(file) == 0, "fclose");
    file = fopen(DIR_PATH "/lines.txt", "r");
    int count = 0;
    char line[64];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        count++;
    }
    check(count == 1000 && strcmp(line, "line 999\n") == 0, "a thousand lines");
    check(file != NULL && fclose(file) == 0, "fclose again");
}

static void check_directories(void)
{
    for (int i = 0; i < 50; i++) {
        char path[64];
        snprintf(path, sizeof path, DIR_PATH "/entry-%d-with-a-longer-name", i);
        close(open(path, O_CREAT | O_WRONLY, 0666));
    }
    DIR* dir = opendir(DIR_PATH);
    check(dir != NULL, "opendir");
    int entries = 0;
    int dots = 0;
    for (struct dirent* entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        entries += strncmp(entry->d_name, "entry-", 6) == 0;
        dots += entry->d_name[0] == '.';
    }
    check(entries == 50, "readdir finds fifty entries");
    check(dots == 2, "readdir finds . and ..");
    check(dir != NULL && closedir(dir) == 0, "closedir");
    for (int i = 0; i < 50; i++) {
        char path[64];
        snprintf(path, sizeof path, DIR_PATH "/entry-%d-with-a-longer-name", i);
        unlink(path);
    }
}

static void check_paths(void)
{
    struct stat st;
    check(rename(FILE_PATH, DIR_PATH "/renamed") == 0, "rename");
    check(stat(FILE_PATH, &st) == -1 && errno == ENOENT, "the old name is gone");
    check(open(DIR_PATH "/none/such", O_RDONLY) == -1 && errno == ENOENT, "ENOENT");
    check(open(DIR_PATH "/renamed", O_CREAT | O_EXCL | O_WRONLY, 0666) == -1 &&
              errno == EEXIST, "EEXIST");
    check(open(DIR_PATH "/renamed", O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR,
          "ENOTDIR");
    check(rmdir(DIR_PATH) == -1 && errno == ENOTEMPTY, "ENOTEMPTY");
    check(open("/data/../../etc/passwd", O_RDONLY) == -1, "no way out by ..");
    check(open("/etc/passwd", O_RDONLY) == -1, "no way out by an absolute path");
    check(symlink("/etc/passwd", DIR_PATH "/link") != 0 ||
              open(DIR_PATH "/link", O_RDONLY) == -1, "no way out by a link");
    unlink(DIR_PATH "/link");
    check(unlink(DIR_PATH "/renamed") == 0, "unlink");
    check(unlink(DIR_PATH "/lines.txt") == 0, "unlink again");
    check(rmdir(DIR_PATH) == 0, "rmdir");
}

int main(int argc, char** argv)
{
    show_surroundings(argc, argv);
    check_clocks();
    check_random();
    check_writing();
    check_stdio();
    check_directories();
    check_paths();
    fprintf(stderr, "wasi-check: %d failures\n", failures);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "exit=", 5) == 0) {
            exit(atoi(argv[i] + 5));
        }
    }
    return failures;
}
