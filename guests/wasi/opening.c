/* path_open: what is made, what is refused, and how paths are read. */
#include "check.h"

/* With a length, for paths that C cannot write. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open"))) int
raw_path_open(int fd, int dirflags, const char* path, size_t path_len, int oflags,
              int64_t rights, int64_t inheriting, int fdflags, __wasi_fd_t* opened);

static void creating_what_exists(void)
{
    make_empty("file");
    GIVES(try_open("file", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL), __WASI_ERRNO_EXIST);
    WORKS(try_open("file", __WASI_OFLAGS_CREAT));
    GIVES(try_open("file", __WASI_OFLAGS_DIRECTORY), __WASI_ERRNO_NOTDIR);
    WORKS(__wasi_path_unlink_file(dir, "file"));
    WORKS(try_open("file", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void opening_what_is_missing(void)
{
    GIVES(try_open("file", 0), __WASI_ERRNO_NOENT);
    GIVES(try_open("file", __WASI_OFLAGS_TRUNC), __WASI_ERRNO_NOENT);
    GIVES(try_open("no/file", __WASI_OFLAGS_CREAT), __WASI_ERRNO_NOENT);
    GIVES(try_open("", 0), __WASI_ERRNO_NOENT);
}

static void existing_paths(void)
{
    make_empty("file");
    WORKS(__wasi_path_symlink("file", dir, "to-file"));
    WORKS(__wasi_path_symlink("missing", dir, "to-nothing"));
    WORKS(__wasi_path_create_directory(dir, "sub"));
    CHECK(stat_at("file", 0).filetype == __WASI_FILETYPE_REGULAR_FILE);
    CHECK(stat_at("sub", 0).filetype == __WASI_FILETYPE_DIRECTORY);
    CHECK(stat_at("to-file", 0).filetype == __WASI_FILETYPE_SYMBOLIC_LINK);
    CHECK(stat_at("to-file", 1).filetype == __WASI_FILETYPE_REGULAR_FILE);
    __wasi_filestat_t stat;
    GIVES(__wasi_path_filestat_get(dir, 1, "to-nothing", &stat), __WASI_ERRNO_NOENT);
    WORKS(__wasi_path_filestat_get(dir, 0, "to-nothing", &stat));
    GIVES(__wasi_path_filestat_get(dir, 0, "missing", &stat), __WASI_ERRNO_NOENT);
    GIVES(__wasi_path_filestat_get(dir, 0, "file/x", &stat), __WASI_ERRNO_NOTDIR);
    WORKS(__wasi_path_unlink_file(dir, "to-file"));
    WORKS(__wasi_path_unlink_file(dir, "to-nothing"));
    WORKS(__wasi_path_unlink_file(dir, "file"));
    WORKS(__wasi_path_remove_directory(dir, "sub"));
}

static void opening_without_blocking(void)
{
    __wasi_fd_t fd;
    WORKS(__wasi_path_open(dir, 0, "file", __WASI_OFLAGS_CREAT, ALL_FILE, 0,
                           __WASI_FDFLAGS_NONBLOCK, &fd));
    CHECK((fdstat_of(fd).fs_flags & __WASI_FDFLAGS_NONBLOCK) != 0);
    CHECK(put(fd, "x", 1) == 1);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void reading_and_writing(void)
{
    char text[8];
    make_empty("file");
    __wasi_fd_t fd = open_at(dir, "file", 0, __WASI_RIGHTS_FD_READ);
    __wasi_rights_t rights = fdstat_of(fd).fs_rights_base;
    CHECK((rights & __WASI_RIGHTS_FD_READ) != 0 && (rights & __WASI_RIGHTS_FD_WRITE) == 0);
    int error = -put(fd, "x", 1);
    GIVES(error, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
    WORKS(__wasi_fd_close(fd));
    fd = open_at(dir, "file", 0, __WASI_RIGHTS_FD_WRITE);
    rights = fdstat_of(fd).fs_rights_base;
    CHECK((rights & __WASI_RIGHTS_FD_READ) == 0 && (rights & __WASI_RIGHTS_FD_WRITE) != 0);
    CHECK(put(fd, "text", 4) == 4);
    error = -take(fd, text, 4);
    GIVES(error, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
    WORKS(__wasi_fd_close(fd));
    fd = open_at(dir, "file", 0, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE);
    CHECK(take(fd, text, 8) == 4 && memcmp(text, "text", 4) == 0);
    CHECK(put(fd, "more", 4) == 4);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void reading_without_the_right(void)
{
    char text[8];
    make_empty("file");
    __wasi_fd_t fd = open_at(dir, "file", 0, 0);
    CHECK((fdstat_of(fd).fs_rights_base & __WASI_RIGHTS_FD_READ) == 0);
    int error = -take(fd, text, 8);
    GIVES(error, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
    error = -take_at(fd, text, 8, 0);
    GIVES(error, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void truncating_needs_a_right(void)
{
    __wasi_fd_t fd = make("file");
    CHECK(put(fd, "text", 4) == 4);
    WORKS(__wasi_fd_close(fd));
    __wasi_fdstat_t stat = fdstat_of(dir);
    CHECK(stat.fs_flags == 0);
    CHECK((stat.fs_rights_base & __WASI_RIGHTS_FD_FILESTAT_SET_SIZE) == 0);
    CHECK((stat.fs_rights_base & __WASI_RIGHTS_PATH_FILESTAT_SET_SIZE) != 0);
    WORKS(try_open("file", __WASI_OFLAGS_TRUNC));
    CHECK(stat_at("file", 0).size == 0);
    /* The directory's right decides, not what it hands on. */
    __wasi_fd_t less = open_at(dir, ".", 0, stat.fs_rights_base);
    __wasi_rights_t handed =
        fdstat_of(less).fs_rights_inheriting & ~__WASI_RIGHTS_FD_FILESTAT_SET_SIZE;
    WORKS(__wasi_fd_fdstat_set_rights(less, stat.fs_rights_base, handed));
    WORKS(__wasi_path_open(less, 0, "file", __WASI_OFLAGS_TRUNC, 0, 0, 0, &fd));
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_fd_fdstat_set_rights(
        less, stat.fs_rights_base & ~__WASI_RIGHTS_PATH_FILESTAT_SET_SIZE, handed));
    CHECK((fdstat_of(less).fs_rights_base & __WASI_RIGHTS_PATH_FILESTAT_SET_SIZE) == 0);
    GIVES(__wasi_path_open(less, 0, "file", __WASI_OFLAGS_TRUNC, 0, 0, 0, &fd),
          __WASI_ERRNO_PERM);
    WORKS(__wasi_fd_close(less));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void interesting_paths(void)
{
    WORKS(__wasi_path_create_directory(dir, "dir"));
    WORKS(__wasi_path_create_directory(dir, "dir/nested"));
    make_empty("dir/nested/file");
    GIVES(try_open("/dir/nested/file", 0), __WASI_ERRNO_PERM);
    WORKS(try_open("dir/.//nested/../../dir/nested/../nested///./file", 0));
    __wasi_fd_t fd;
    GIVES(raw_path_open((int)dir, 0, "dir/nested/file\0", 16, 0, 0, 0, 0, &fd),
          __WASI_ERRNO_INVAL, __WASI_ERRNO_ILSEQ);
    GIVES(raw_path_open((int)dir, 0, "dir/\xff\xfe", 6, 0, 0, 0, 0, &fd), __WASI_ERRNO_ILSEQ);
    GIVES(try_open("dir/nested/file/", 0), __WASI_ERRNO_NOTDIR, __WASI_ERRNO_NOENT);
    GIVES(try_open("dir/nested/file///", 0), __WASI_ERRNO_NOTDIR, __WASI_ERRNO_NOENT);
    WORKS(try_open("dir/nested/", 0));
    WORKS(try_open("dir/nested///", 0));
    GIVES(try_open("dir/nested/../../../opening.scratch/dir/nested/file", 0),
          __WASI_ERRNO_PERM);
    GIVES(try_open("..", 0), __WASI_ERRNO_PERM);
    GIVES(try_open("new/", __WASI_OFLAGS_CREAT), __WASI_ERRNO_ISDIR, __WASI_ERRNO_NOENT);
    WORKS(__wasi_path_unlink_file(dir, "dir/nested/file"));
    WORKS(__wasi_path_remove_directory(dir, "dir/nested"));
    WORKS(__wasi_path_remove_directory(dir, "dir"));
}

static void not_following(void)
{
    __wasi_fd_t fd;
    WORKS(__wasi_path_create_directory(dir, "target"));
    WORKS(__wasi_path_symlink("target", dir, "link"));
    GIVES(try_open("link", __WASI_OFLAGS_DIRECTORY), __WASI_ERRNO_LOOP, __WASI_ERRNO_NOTDIR);
    GIVES(try_open("link", 0), __WASI_ERRNO_LOOP);
    WORKS(__wasi_path_open(dir, 1, "link", __WASI_OFLAGS_DIRECTORY, 0, 0, 0, &fd));
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_remove_directory(dir, "target"));
    make_empty("target");
    GIVES(try_open("link", 0), __WASI_ERRNO_LOOP);
    WORKS(__wasi_path_open(dir, 1, "link", 0, 0, 0, 0, &fd));
    WORKS(__wasi_fd_close(fd));
    GIVES(__wasi_path_open(dir, 1, "link", __WASI_OFLAGS_DIRECTORY, 0, 0, 0, &fd),
          __WASI_ERRNO_NOTDIR);
    WORKS(__wasi_path_unlink_file(dir, "target"));
    WORKS(__wasi_path_unlink_file(dir, "link"));
}

int main(void)
{
    enter_scratch("opening.scratch");
    behaviour("path_open_create_existing", creating_what_exists);
    behaviour("path_open_missing", opening_what_is_missing);
    behaviour("path_exists", existing_paths);
    behaviour("path_open_nonblock", opening_without_blocking);
    behaviour("path_open_read_write", reading_and_writing);
    behaviour("path_open_read_without_rights", reading_without_the_right);
    behaviour("truncation_rights", truncating_needs_a_right);
    behaviour("interesting_paths", interesting_paths);
    behaviour("nofollow_errors", not_following);
    return leave_scratch("opening.scratch");
}
