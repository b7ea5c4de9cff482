/* Symbolic links. */
#include "check.h"

static void leading_nowhere(void)
{
    __wasi_fd_t fd;
    WORKS(__wasi_path_symlink("target", dir, "link"));
    GIVES(try_open("link", __WASI_OFLAGS_DIRECTORY), __WASI_ERRNO_LOOP, __WASI_ERRNO_NOTDIR);
    GIVES(try_open("link", 0), __WASI_ERRNO_LOOP);
    GIVES(__wasi_path_open(dir, 1, "link", 0, 0, 0, 0, &fd), __WASI_ERRNO_NOENT);
    GIVES(try_open("link", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL), __WASI_ERRNO_EXIST);
    WORKS(__wasi_path_unlink_file(dir, "link"));
}

static void made(void)
{
    __wasi_fd_t fd;
    make_empty("target");
    WORKS(__wasi_path_symlink("target", dir, "link"));
    WORKS(__wasi_path_open(dir, 1, "link", 0, ALL_FILE, 0, 0, &fd));
    CHECK(stat_of(fd).ino == stat_at("target", 0).ino);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "link"));
    WORKS(__wasi_path_unlink_file(dir, "target"));
    WORKS(__wasi_path_create_directory(dir, "target"));
    make_empty("target/file");
    WORKS(__wasi_path_symlink("target", dir, "link"));
    WORKS(__wasi_path_open(dir, 1, "link", __WASI_OFLAGS_DIRECTORY, 0, 0, 0, &fd));
    WORKS(__wasi_fd_close(fd));
    /* In the middle of a path it is followed always. */
    WORKS(try_open("link/file", 0));
    WORKS(__wasi_path_unlink_file(dir, "link"));
    /* Out of the directory leads none. */
    GIVES(__wasi_path_symlink("/etc/passwd", dir, "link"), __WASI_ERRNO_PERM,
          __WASI_ERRNO_NOTCAPABLE);
    WORKS(__wasi_path_symlink("../../outside", dir, "link"));
    GIVES(__wasi_path_open(dir, 1, "link", 0, 0, 0, 0, &fd), __WASI_ERRNO_PERM);
    GIVES(try_open("link/x", __WASI_OFLAGS_CREAT), __WASI_ERRNO_PERM);
    WORKS(__wasi_path_unlink_file(dir, "link"));
    WORKS(__wasi_path_unlink_file(dir, "target/file"));
    WORKS(__wasi_path_remove_directory(dir, "target"));
}

static void in_a_circle(void)
{
    __wasi_fd_t fd;
    WORKS(__wasi_path_symlink("self", dir, "self"));
    GIVES(try_open("self", 0), __WASI_ERRNO_LOOP);
    GIVES(__wasi_path_open(dir, 1, "self", 0, 0, 0, 0, &fd), __WASI_ERRNO_LOOP);
    WORKS(__wasi_path_symlink("b", dir, "a"));
    WORKS(__wasi_path_symlink("a", dir, "b"));
    GIVES(__wasi_path_open(dir, 1, "a/x", 0, 0, 0, 0, &fd), __WASI_ERRNO_LOOP);
    WORKS(__wasi_path_unlink_file(dir, "self"));
    WORKS(__wasi_path_unlink_file(dir, "a"));
    WORKS(__wasi_path_unlink_file(dir, "b"));
}

static void read_again(void)
{
    make_empty("target");
    WORKS(__wasi_path_symlink("target", dir, "link"));
    uint8_t text[10] = {0};
    size_t n = 0;
    WORKS(__wasi_path_readlink(dir, "link", text, sizeof text, &n));
    CHECK(n == 6 && memcmp(text, "target\0\0\0\0", 10) == 0);
    memset(text, 0, sizeof text);
    WORKS(__wasi_path_readlink(dir, "link", text, 4, &n));
    CHECK(n == 4 && memcmp(text, "targ\0\0", 6) == 0);
    GIVES(__wasi_path_readlink(dir, "target", text, 4, &n), __WASI_ERRNO_INVAL);
    GIVES(__wasi_path_readlink(dir, "missing", text, 4, &n), __WASI_ERRNO_NOENT);
    WORKS(__wasi_path_unlink_file(dir, "link"));
    WORKS(__wasi_path_unlink_file(dir, "target"));
}

static void with_slashes(void)
{
    GIVES(__wasi_path_symlink("source", dir, "target/"), __WASI_ERRNO_NOENT);
    WORKS(__wasi_path_symlink("source", dir, "target"));
    WORKS(__wasi_path_unlink_file(dir, "target"));
    WORKS(__wasi_path_create_directory(dir, "target"));
    GIVES(__wasi_path_symlink("source", dir, "target/"), __WASI_ERRNO_EXIST);
    GIVES(__wasi_path_symlink("source", dir, "target"), __WASI_ERRNO_EXIST);
    WORKS(__wasi_path_remove_directory(dir, "target"));
    make_empty("target");
    GIVES(__wasi_path_symlink("source", dir, "target/"), __WASI_ERRNO_NOTDIR);
    GIVES(__wasi_path_symlink("source", dir, "target"), __WASI_ERRNO_EXIST);
    WORKS(__wasi_path_unlink_file(dir, "target"));
}

int main(void)
{
    enter_scratch("links.scratch");
    behaviour("dangling_symlink", leading_nowhere);
    behaviour("symlink_create", made);
    behaviour("symlink_loop", in_a_circle);
    behaviour("readlink", read_again);
    behaviour("path_symlink_trailing_slashes", with_slashes);
    return leave_scratch("links.scratch");
}
