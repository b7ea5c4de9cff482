/*
 * Memory calls; 0 if all is well, else the line of the first check that fails.
 * The folder that is open, if there is one, is /data, with the file `text` in it.
 */
#define _GNU_SOURCE
#define _WASI_EMULATED_MMAN
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <faasm/core.h>

#define PAGE 65536
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            printf("line %d: %s (errno %d)\n", __LINE__, #what, errno);        \
            return __LINE__;                                                   \
        }                                                                      \
    } while (0)

static size_t pages(void)
{
    return __builtin_wasm_memory_size(0);
}

static int is_zero(const uint8_t* bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }
    return 1;
}

static int anonymous(void)
{
    size_t before = pages();
    uint8_t* a = mmap(NULL, 10, RW, ANON, -1, 0);
    uint8_t* b = mmap(NULL, 3 * PAGE + 1, RW, ANON, -1, 0);
    CHECK(a != MAP_FAILED && b != MAP_FAILED);
    CHECK(pages() == before + 5);
    CHECK(is_zero(a, PAGE) && is_zero(b, 4 * PAGE));
    memset(a, 1, PAGE);
    memset(b, 2, 4 * PAGE);
    /* What was unmapped is zero, and is used again before memory grows. */
    CHECK(munmap(b, 3 * PAGE + 1) == 0);
    CHECK(is_zero(b, 4 * PAGE) && a[0] == 1);
    CHECK(mmap(NULL, PAGE, RW, ANON, -1, 0) == b);
    CHECK(mmap(NULL, 3 * PAGE, RW, ANON, -1, 0) == b + PAGE);
    CHECK(pages() == before + 5);
    CHECK(munmap(b, 4 * PAGE) == 0 && munmap(a, PAGE) == 0);
    CHECK(mmap(NULL, 5 * PAGE, RW, ANON, -1, 0) == a);
    /* At the end of memory what is free is a part of what comes. */
    CHECK(munmap(a + PAGE, 4 * PAGE) == 0);
    CHECK(mmap(NULL, 6 * PAGE, RW, ANON, -1, 0) == a + PAGE);
    CHECK(pages() == before + 7);
    CHECK(munmap(a, 7 * PAGE) == 0);
    /* Fixed: over what is there. */
    memset(a, 3, 2 * PAGE);
    CHECK(mmap(a, PAGE, RW, ANON | MAP_FIXED, -1, 0) == a);
    CHECK(is_zero(a, PAGE) && a[PAGE] == 3);
    CHECK(munmap(a, 7 * PAGE) == 0);
    return 0;
}

static int large(void)
{
    /* Reclaimed again and again: it would not fit otherwise. */
    for (int i = 0; i < 50; i++) {
        size_t len = (size_t)100 << 20;
        uint8_t* big = mmap(NULL, len, RW, ANON, -1, 0);
        CHECK(big != MAP_FAILED);
        CHECK(big[0] == 0 && big[len / 2] == 0 && big[len - 1] == 0);
        big[0] = big[len / 2] = big[len - 1] = 1;
        CHECK(munmap(big, len) == 0);
    }
    return 0;
}

static int refused(void)
{
    CHECK(mmap(NULL, 0, RW, ANON, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, 0xffff0000u, RW, ANON, -1, 0) == MAP_FAILED);
    CHECK(errno == ENOMEM);
    CHECK(mmap(NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0) == MAP_FAILED);
    CHECK(errno == ENOTSUP);
    CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, 77, 0) == MAP_FAILED);
    CHECK(errno == EBADF);
    CHECK(mmap((void*)1, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED);
    CHECK(errno == EINVAL);
    uint8_t* a = mmap(NULL, PAGE, RW, ANON, -1, 0);
    CHECK(munmap(a + 1, PAGE) == -1 && errno == EINVAL);
    CHECK(munmap(a, 0) == -1 && errno == EINVAL);
    CHECK(munmap((void*)0xffff0000u, PAGE) == -1 && errno == ENOMEM);
    CHECK(mprotect(a, PAGE, PROT_READ) == 0);
    CHECK(mprotect(a, PAGE, PROT_EXEC) == -1 && errno == ENOTSUP);
    CHECK(munmap(a, PAGE) == 0);
    return 0;
}

static int moved(void)
{
    uint8_t* a = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    memset(a, 5, 2 * PAGE);
    CHECK(mremap(a, 2 * PAGE, PAGE, 0) == a);
    CHECK(is_zero(a + PAGE, PAGE) && a[PAGE - 1] == 5);
    CHECK(mremap(a, PAGE, 2 * PAGE, 0) == a);
    uint8_t* wall = mmap(NULL, PAGE, RW, ANON, -1, 0);
    if (wall == a + 2 * PAGE) {
        CHECK(mremap(a, 2 * PAGE, 3 * PAGE, 0) == MAP_FAILED);
        CHECK(errno == ENOMEM);
    }
    uint8_t* b = mremap(a, 2 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    CHECK(b != MAP_FAILED && b[0] == 5 && b[PAGE - 1] == 5 && b[PAGE] == 0);
    CHECK(b == a || is_zero(a, 2 * PAGE));
    CHECK(munmap(b, 600 * PAGE) == 0 && munmap(wall, PAGE) == 0);
    uint8_t* c = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
    memset(c, 6, 4 * PAGE);
    CHECK(madvise(c + PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
    CHECK(c[0] == 6 && is_zero(c + PAGE, 2 * PAGE) && c[3 * PAGE] == 6);
    CHECK(madvise(c, PAGE, MADV_WILLNEED) == 0 && c[0] == 6);
    CHECK(madvise(c, PAGE, 999) == -1 && errno == EINVAL);
    CHECK(munmap(c, 4 * PAGE) == 0);
    return 0;
}

__attribute__((import_module("env"), import_name("__sbrk"))) uint8_t* hostSbrk(
  int increment);
__attribute__((import_module("env"), import_name("brk"))) int hostBrk(
  uint8_t* end);

static int heap(void)
{
    uint8_t* start = hostSbrk(0);
    CHECK(start == (uint8_t*)(pages() * PAGE));
    CHECK(hostSbrk(100) == start && hostSbrk(100) == start + 100);
    CHECK(hostSbrk(0) == start + 200);
    memset(start, 7, PAGE);
    CHECK(hostSbrk(2 * PAGE) == start + 200);
    CHECK(hostSbrk(-2 * PAGE) == start + 200 + 2 * PAGE);
    CHECK(start[199] == 7);
    CHECK(hostBrk(start) == 0 && is_zero(start, PAGE));
    CHECK(hostBrk(start - 1) == -1);
    /* Somebody else takes what was given back: the heap goes on elsewhere. */
    uint8_t* other = mmap(NULL, PAGE, RW, ANON, -1, 0);
    uint8_t* again = hostSbrk(PAGE);
    CHECK(again != (void*)-1 && again != other && is_zero(again, PAGE));
    return 0;
}

static int files(void)
{
    int fd = open("/data/text", O_RDONLY);
    if (fd < 0) {
        return 0;
    }
    char* text = mmap(NULL, 200000, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(text != MAP_FAILED && memcmp(text, "0123456789", 10) == 0);
    char* rest = mmap(NULL, 100, RW, MAP_PRIVATE, fd, 4096);
    CHECK(rest != MAP_FAILED && memcmp(rest, "behind", 6) == 0);
    CHECK(is_zero((uint8_t*)rest + 6, 94));
    rest[0] = 'B';
    CHECK(text[4096] == 'b');
    CHECK(mmap(NULL, 100, RW, MAP_SHARED, fd, 0) == MAP_FAILED);
    CHECK(errno == ENOTSUP);
    CHECK(mmap(NULL, 100, RW, MAP_PRIVATE, fd, 7) == MAP_FAILED);
    CHECK(errno == EINVAL);
    CHECK(munmap(text, 200000) == 0 && munmap(rest, 100) == 0);
    CHECK(close(fd) == 0);
    CHECK(mmap(NULL, 100, RW, MAP_PRIVATE, fd, 0) == MAP_FAILED);
    CHECK(errno == EBADF);
    return 0;
}

int main(void)
{
    int (*all[])(void) = { anonymous, large, refused, moved, heap, files };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int line = all[i]();
        if (line != 0) {
            return line;
        }
    }
    return 0;
}
