/* The C library's files, and sockets that are none. */
#include <errno.h>

#include "check.h"

static void opening_with_access(void)
{
    FILE* file = fopen("streams.scratch/file", "w+");
    CHECK(file && fprintf(file, "line %d\n", 1) == 7 && fflush(file) == 0);
    CHECK(file && fseek(file, 0, SEEK_SET) == 0);
    char text[16] = {0};
    CHECK(file && fgets(text, sizeof text, file) && strcmp(text, "line 1\n") == 0);
    CHECK(file && fclose(file) == 0);
    file = fopen("/streams.scratch/file", "a");
    CHECK(file && fputs("line 2\n", file) >= 0 && fclose(file) == 0);
    file = fopen("streams.scratch/./file", "r");
    int lines = 0;
    while (file && fgets(text, sizeof text, file)) {
        lines++;
    }
    CHECK(lines == 2 && feof(file) && fclose(file) == 0);
    CHECK(remove("streams.scratch/file") == 0);
}

static void opening_without_access(void)
{
    errno = 0;
    CHECK(fopen("streams.scratch/missing", "r") == NULL && errno == ENOENT);
    CHECK(fopen("../outside", "w") == NULL);
    CHECK(fopen("/../outside", "r") == NULL);
    CHECK(fopen("streams.scratch/../../outside", "w") == NULL);
}

static void shutting_down_nothing(void)
{
    GIVES(__wasi_sock_shutdown(1000, __WASI_SDFLAGS_RD), __WASI_ERRNO_BADF);
    GIVES(__wasi_sock_shutdown(0xffffffff, __WASI_SDFLAGS_WR), __WASI_ERRNO_BADF);
}

static void shutting_down_a_file(void)
{
    GIVES(__wasi_sock_shutdown(ROOT, __WASI_SDFLAGS_RD), __WASI_ERRNO_NOTSOCK);
    __wasi_fd_t fd = make("file");
    GIVES(__wasi_sock_shutdown(fd, __WASI_SDFLAGS_RD | __WASI_SDFLAGS_WR), __WASI_ERRNO_NOTSOCK);
    __wasi_size_t n;
    __wasi_ciovec_t bytes = {(const uint8_t*)"x", 1};
    GIVES(__wasi_sock_send(fd, &bytes, 1, 0, &n), __WASI_ERRNO_NOTSOCK);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

int main(void)
{
    enter_scratch("streams.scratch");
    behaviour("fopen-with-access", opening_with_access);
    behaviour("fopen-with-no-access", opening_without_access);
    behaviour("sock_shutdown-invalid_fd", shutting_down_nothing);
    behaviour("sock_shutdown-not_sock", shutting_down_a_file);
    return leave_scratch("streams.scratch");
}
