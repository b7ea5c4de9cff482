/* Reading, writing, positions, lengths. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

static __wasi_filesize_t seek(__wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence)
{
    __wasi_filesize_t position = 0;
    WORKS(__wasi_fd_seek(fd, offset, whence, &position));
    return position;
}

static __wasi_filesize_t tell(__wasi_fd_t fd)
{
    __wasi_filesize_t position = 0;
    WORKS(__wasi_fd_tell(fd, &position));
    return position;
}

static void at_offsets(void)
{
    __wasi_fd_t fd = make("file");
    char text[16] = {0};
    CHECK(put_at(fd, "\0\1\2\3", 4, 0) == 4);
    CHECK(take_at(fd, text, 4, 0) == 4 && memcmp(text, "\0\1\2\3", 4) == 0);
    /* Several buffers, of which the last is not filled. */
    __wasi_iovec_t into[] = {{(uint8_t*)text, 2}, {(uint8_t*)text + 8, 2}, {(uint8_t*)text + 4, 4}};
    size_t n = 0;
    WORKS(__wasi_fd_pread(fd, into, 3, 1, &n));
    CHECK(n == 3 && text[0] == 1 && text[1] == 2 && text[8] == 3 && text[9] == 0);
    __wasi_ciovec_t from[] = {{(uint8_t*)"ab", 2}, {(uint8_t*)"cd", 2}};
    WORKS(__wasi_fd_pwrite(fd, from, 2, 2, &n));
    CHECK(n == 4 && take_at(fd, text, 16, 0) == 6 && memcmp(text, "\0\1abcd", 6) == 0);
    CHECK(take_at(fd, text, 4, 6) == 0 && take_at(fd, text, 4, 100) == 0);
    CHECK(tell(fd) == 0);
    /* A hole reads as zeros. */
    CHECK(put_at(fd, "x", 1, 9) == 1 && take_at(fd, text, 16, 0) == 10);
    CHECK(memcmp(text + 6, "\0\0\0x", 4) == 0);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void seeking(void)
{
    __wasi_fd_t fd = make("file");
    CHECK(tell(fd) == 0);
    static const uint8_t bytes[100];
    CHECK(put(fd, bytes, 100) == 100 && tell(fd) == 100);
    CHECK(seek(fd, -50, __WASI_WHENCE_CUR) == 50 && tell(fd) == 50);
    CHECK(seek(fd, 0, __WASI_WHENCE_SET) == 0 && tell(fd) == 0);
    CHECK(seek(fd, 10, __WASI_WHENCE_END) == 110 && tell(fd) == 110);
    __wasi_filesize_t position;
    GIVES(__wasi_fd_seek(fd, -2000, __WASI_WHENCE_CUR, &position), __WASI_ERRNO_INVAL);
    GIVES(__wasi_fd_seek(fd, -1, __WASI_WHENCE_SET, &position), __WASI_ERRNO_INVAL);
    GIVES(__wasi_fd_seek(fd, 0, 7, &position), __WASI_ERRNO_INVAL);
    CHECK(tell(fd) == 110);
    char text[8];
    CHECK(take(fd, text, 8) == 0 && stat_of(fd).size == 100);
    CHECK(put(fd, "x", 1) == 1 && stat_of(fd).size == 111);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void allocating(void)
{
    __wasi_fd_t fd = make("file");
    CHECK(stat_of(fd).size == 0);
    WORKS(__wasi_fd_allocate(fd, 0, 100));
    CHECK(stat_of(fd).size == 100);
    WORKS(__wasi_fd_allocate(fd, 10, 10));
    CHECK(stat_of(fd).size == 100);
    WORKS(__wasi_fd_allocate(fd, 90, 20));
    CHECK(stat_of(fd).size == 110);
    GIVES(__wasi_fd_allocate(fd, 0, 0), __WASI_ERRNO_INVAL);
    char text[200];
    CHECK(take(fd, text, sizeof text) == 110 && text[0] == 0 && text[109] == 0);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void truncating(void)
{
    __wasi_fd_t fd = make("file");
    CHECK(put(fd, "content", 7) == 7);
    WORKS(__wasi_fd_filestat_set_size(fd, 3));
    char text[16];
    CHECK(take_at(fd, text, 16, 0) == 3);
    WORKS(__wasi_fd_filestat_set_size(fd, 6));
    CHECK(take_at(fd, text, 16, 0) == 6 && memcmp(text, "con\0\0\0", 6) == 0);
    WORKS(__wasi_fd_close(fd));
    fd = open_at(dir, "file", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC, ALL_FILE);
    CHECK(stat_of(fd).size == 0 && take(fd, text, 16) == 0);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

/* What is written through one descriptor is there for another at once. */
static void without_a_buffer(void)
{
    make_empty("file");
    __wasi_fd_t reader = open_at(dir, "file", 0, __WASI_RIGHTS_FD_READ);
    __wasi_fd_t writer = open_at(dir, "file", 0, __WASI_RIGHTS_FD_WRITE);
    char text[8] = {0};
    CHECK(take(reader, text, 1) == 0);
    CHECK(put(writer, "\1", 1) == 1);
    CHECK(take(reader, text, 1) == 1 && text[0] == 1);
    CHECK(put(writer, "\2\3", 2) == 2);
    CHECK(take(reader, text, 8) == 2 && text[1] == 3);
    WORKS(__wasi_fd_close(reader));
    WORKS(__wasi_fd_close(writer));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void advising(void)
{
    __wasi_fd_t fd = make("file");
    WORKS(__wasi_fd_filestat_set_size(fd, 100));
    for (__wasi_advice_t advice = 0; advice <= __WASI_ADVICE_NOREUSE; advice++) {
        WORKS(__wasi_fd_advise(fd, 10, 50, advice));
        WORKS(__wasi_fd_advise(fd, 0, 0, advice));
    }
    CHECK(stat_of(fd).size == 100);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

/* The same through the C library, in the working directory. */

#define PATH "contents.scratch/c-file"

static void c_seek(void)
{
    int fd = open(PATH, O_CREAT | O_RDWR, 0666);
    CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10);
    CHECK(lseek(fd, 0, SEEK_CUR) == 10 && lseek(fd, 2, SEEK_SET) == 2);
    CHECK(lseek(fd, -3, SEEK_END) == 7 && lseek(fd, 1, SEEK_CUR) == 8);
    CHECK(lseek(fd, -100, SEEK_CUR) == -1 && errno == EINVAL);
    CHECK(close(fd) == 0);
}

static void c_pread(void)
{
    int fd = open(PATH, O_RDONLY);
    char text[8] = {0};
    CHECK(pread(fd, text, 3, 2) == 3 && strcmp(text, "234") == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 0 && close(fd) == 0);
}

static void c_pwrite(void)
{
    int fd = open(PATH, O_RDWR);
    char text[8] = {0};
    CHECK(pwrite(fd, "xy", 2, 3) == 2 && lseek(fd, 0, SEEK_CUR) == 0);
    CHECK(pread(fd, text, 4, 2) == 4 && strcmp(text, "2xy5") == 0);
    CHECK(close(fd) == 0);
}

/* pwrite leaves the position, whether or not it honours the offset. */
static void c_pwrite_append(void)
{
    int fd = open(PATH, O_TRUNC | O_WRONLY | O_APPEND);
    CHECK(fd >= 0 && write(fd, "ab", 2) == 2);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "cd", 2) == 2);
    CHECK(lseek(fd, 0, SEEK_CUR) == 4);
    CHECK(pwrite(fd, "efg", 3, 0) == 3 && lseek(fd, 0, SEEK_CUR) == 4);
    off_t end = lseek(fd, 0, SEEK_END);
    CHECK(end == 4 || end == 7);
    CHECK(close(fd) == 0 && unlink(PATH) == 0);
}

int main(void)
{
    enter_scratch("contents.scratch");
    behaviour("file_pread_pwrite", at_offsets);
    behaviour("file_seek_tell", seeking);
    behaviour("file_allocate", allocating);
    behaviour("file_truncation", truncating);
    behaviour("file_unbuffered_write", without_a_buffer);
    behaviour("fd_advise", advising);
    behaviour("lseek", c_seek);
    behaviour("pread-with-access", c_pread);
    behaviour("pwrite-with-access", c_pwrite);
    behaviour("pwrite-with-append", c_pwrite_append);
    return leave_scratch("contents.scratch");
}
