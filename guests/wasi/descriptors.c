/* Descriptors as such: numbers, rights, flags, preopened directories. */
#include "check.h"

static void renumbering(void)
{
    __wasi_fd_t a = make("a");
    make_empty("b");
    __wasi_fd_t b = make("b");
    CHECK(put(a, "text", 4) == 4);
    __wasi_fdstat_t before = fdstat_of(a);
    __wasi_filestat_t of_a = stat_of(a);
    WORKS(__wasi_fd_renumber(a, b));
    __wasi_fdstat_t gone;
    GIVES(__wasi_fd_fdstat_get(a, &gone), __WASI_ERRNO_BADF);
    __wasi_fdstat_t after = fdstat_of(b);
    CHECK(after.fs_filetype == before.fs_filetype && after.fs_flags == before.fs_flags);
    CHECK(after.fs_rights_base == before.fs_rights_base);
    CHECK(after.fs_rights_inheriting == before.fs_rights_inheriting);
    CHECK(stat_of(b).ino == of_a.ino);
    /* The position came with it. */
    __wasi_filesize_t position;
    WORKS(__wasi_fd_tell(b, &position));
    CHECK(position == 4);
    WORKS(__wasi_fd_renumber(b, b));
    GIVES(__wasi_fd_renumber(a, b), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_renumber(b, 1000000), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_renumber(b, 0xffffffff), __WASI_ERRNO_BADF);
    WORKS(__wasi_fd_close(b));
    /* The lowest free number is given next. */
    __wasi_fd_t next = make("a");
    CHECK(next == a || next == b);
    WORKS(__wasi_fd_close(next));
    WORKS(__wasi_path_unlink_file(dir, "a"));
    WORKS(__wasi_path_unlink_file(dir, "b"));
}

static void dangling_descriptor(void)
{
    __wasi_fd_t fd = make("file");
    WORKS(__wasi_path_unlink_file(dir, "file"));
    GIVES(try_open("file", 0), __WASI_ERRNO_NOENT);
    CHECK(put(fd, "still", 5) == 5 && stat_of(fd).size == 5 && stat_of(fd).nlink == 0);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_create_directory(dir, "sub"));
    fd = open_at(dir, "sub", __WASI_OFLAGS_DIRECTORY, 0);
    WORKS(__wasi_path_remove_directory(dir, "sub"));
    WORKS(__wasi_path_create_directory(dir, "sub"));
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_remove_directory(dir, "sub"));
}

static void giving_up_rights(void)
{
    __wasi_fd_t fd = open_at(dir, "file", __WASI_OFLAGS_CREAT,
                             __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE |
                                 __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL);
    char text[4];
    CHECK(put(fd, "text", 4) == 4);
    __wasi_filesize_t position;
    WORKS(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &position));
    CHECK(take(fd, text, 4) == 4);
    __wasi_fdstat_t stat = fdstat_of(fd);
    __wasi_rights_t less =
        stat.fs_rights_base & ~(__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE);
    WORKS(__wasi_fd_fdstat_set_rights(fd, less, 0));
    CHECK(fdstat_of(fd).fs_rights_base == less);
    CHECK((less & __WASI_RIGHTS_FD_SEEK) != 0);
    int error = -take(fd, text, 4);
    GIVES(error, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
    error = -put(fd, text, 4);
    GIVES(error, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
    GIVES(__wasi_fd_fdstat_set_rights(fd, stat.fs_rights_base, 0), __WASI_ERRNO_NOTCAPABLE);
    GIVES(__wasi_fd_fdstat_set_rights(fd, less, __WASI_RIGHTS_FD_READ), __WASI_ERRNO_NOTCAPABLE);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

/* What is opened below a directory has no more than the directory hands on. */
static void inheriting_rights(void)
{
    WORKS(__wasi_path_create_directory(dir, "sub"));
    __wasi_fdstat_t whole = fdstat_of(dir);
    __wasi_fd_t sub;
    WORKS(__wasi_path_open(dir, 0, "sub", __WASI_OFLAGS_DIRECTORY, whole.fs_rights_base,
                           __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK, 0, &sub));
    CHECK(fdstat_of(sub).fs_rights_inheriting ==
          (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK));
    make_empty("sub/file");
    __wasi_fd_t fd;
    WORKS(__wasi_path_open(sub, 0, "file", 0, ALL_FILE, ALL_FILE, 0, &fd));
    CHECK(fdstat_of(fd).fs_rights_base == (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK));
    CHECK(fdstat_of(fd).fs_rights_inheriting == 0);
    int error = -put(fd, "x", 1);
    GIVES(error, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_fd_close(sub));
    WORKS(__wasi_path_unlink_file(dir, "sub/file"));
    WORKS(__wasi_path_remove_directory(dir, "sub"));
}

static void setting_flags(void)
{
    __wasi_fd_t fd;
    WORKS(__wasi_path_open(dir, 0, "file", __WASI_OFLAGS_CREAT, ALL_FILE, 0,
                           __WASI_FDFLAGS_APPEND, &fd));
    CHECK(fdstat_of(fd).fs_flags == __WASI_FDFLAGS_APPEND);
    CHECK(put(fd, "aaaa", 4) == 4);
    __wasi_filesize_t position;
    WORKS(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &position));
    CHECK(put(fd, "bbbb", 4) == 4);
    WORKS(__wasi_fd_fdstat_set_flags(fd, 0));
    CHECK(fdstat_of(fd).fs_flags == 0);
    WORKS(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &position));
    CHECK(put(fd, "cc", 2) == 2);
    char text[9] = {0};
    CHECK(take_at(fd, text, 8, 0) == 8 && strcmp(text, "ccaabbbb") == 0);
    WORKS(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_NONBLOCK));
    CHECK(fdstat_of(fd).fs_flags == (__WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_NONBLOCK));
    CHECK(put(fd, "d", 1) == 1 && stat_of(fd).size == 9);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_open(dir, 0, "file", 0, ALL_FILE, 0,
                           __WASI_FDFLAGS_SYNC | __WASI_FDFLAGS_APPEND, &fd));
    CHECK((fdstat_of(fd).fs_flags & __WASI_FDFLAGS_SYNC) != 0);
    WORKS(__wasi_fd_sync(fd));
    WORKS(__wasi_fd_datasync(fd));
    GIVES(__wasi_fd_fdstat_set_flags(fd, 0x40), __WASI_ERRNO_INVAL);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

/* What can be done with files only. */
static void operations_on_directories(void)
{
    char text[16];
    uint8_t name[1];
    CHECK(stat_of(dir).filetype == __WASI_FILETYPE_DIRECTORY);
    GIVES(__wasi_fd_prestat_dir_name(ROOT, name, 0), __WASI_ERRNO_NAMETOOLONG,
          __WASI_ERRNO_INVAL);
#define NOT_FOR_DIRECTORIES(call)                                              \
    GIVES((call), __WASI_ERRNO_ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE)
    NOT_FOR_DIRECTORIES(-take(dir, text, sizeof text));
    NOT_FOR_DIRECTORIES(-take_at(dir, text, sizeof text, 0));
    NOT_FOR_DIRECTORIES(-put(dir, text, sizeof text));
    NOT_FOR_DIRECTORIES(-put_at(dir, text, sizeof text, 0));
    __wasi_filesize_t position;
    NOT_FOR_DIRECTORIES(__wasi_fd_tell(dir, &position));
    NOT_FOR_DIRECTORIES(__wasi_fd_allocate(dir, 0, 0));
    NOT_FOR_DIRECTORIES(__wasi_fd_filestat_set_size(dir, 0));
    NOT_FOR_DIRECTORIES(__wasi_fd_advise(dir, 0, 0, __WASI_ADVICE_NORMAL));
}

static void seeking_in_directories(void)
{
    __wasi_filesize_t position;
    for (__wasi_whence_t whence = 0; whence < 3; whence++) {
        NOT_FOR_DIRECTORIES(__wasi_fd_seek(dir, 0, whence, &position));
    }
    __wasi_fdstat_t stat = fdstat_of(dir);
    CHECK(stat.fs_filetype == __WASI_FILETYPE_DIRECTORY);
    CHECK((stat.fs_rights_base & __WASI_RIGHTS_FD_SEEK) == 0);
}

static void opening_the_preopened(void)
{
    __wasi_prestat_t prestat;
    WORKS(__wasi_fd_prestat_get(ROOT, &prestat));
    CHECK(prestat.tag == __WASI_PREOPENTYPE_DIR);
    uint8_t name[64];
    CHECK(prestat.u.dir.pr_name_len < sizeof name);
    /* A buffer may be larger than it must. */
    WORKS(__wasi_fd_prestat_dir_name(ROOT, name, sizeof name));
    CHECK(prestat.u.dir.pr_name_len == 1 && name[0] == '/');
    __wasi_fdstat_t stat = fdstat_of(ROOT);
    __wasi_rights_t base =
        __WASI_RIGHTS_PATH_CREATE_DIRECTORY | __WASI_RIGHTS_PATH_CREATE_FILE |
        __WASI_RIGHTS_PATH_LINK_SOURCE | __WASI_RIGHTS_PATH_LINK_TARGET |
        __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_FD_READDIR | __WASI_RIGHTS_PATH_READLINK |
        __WASI_RIGHTS_PATH_RENAME_SOURCE | __WASI_RIGHTS_PATH_RENAME_TARGET |
        __WASI_RIGHTS_PATH_SYMLINK | __WASI_RIGHTS_PATH_REMOVE_DIRECTORY |
        __WASI_RIGHTS_PATH_UNLINK_FILE | __WASI_RIGHTS_PATH_FILESTAT_GET |
        __WASI_RIGHTS_PATH_FILESTAT_SET_TIMES | __WASI_RIGHTS_FD_FILESTAT_GET |
        __WASI_RIGHTS_FD_FILESTAT_SET_TIMES;
    CHECK((stat.fs_rights_base & base) == base);
    CHECK((stat.fs_rights_inheriting & (base | ALL_FILE)) == (base | ALL_FILE));
    const struct {
        int how;
        __wasi_rights_t rights;
    } ways[] = {{0, stat.fs_rights_base},
                {0, 0},
                {__WASI_OFLAGS_DIRECTORY, 0},
                {__WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READ}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        WORKS(__wasi_fd_close(open_at(ROOT, ".", ways[i].how, ways[i].rights)));
    }
    __wasi_fd_t fd;
    GIVES(__wasi_path_open(ROOT, 0, ".", __WASI_OFLAGS_DIRECTORY,
                           __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE, 0, 0, &fd),
          __WASI_ERRNO_ISDIR);
}

static void opening_below_a_file(void)
{
    __wasi_fd_t file = make("file"), fd;
    GIVES(__wasi_path_open(file, 0, "x", __WASI_OFLAGS_CREAT, 0, 0, 0, &fd),
          __WASI_ERRNO_NOTDIR);
    GIVES(__wasi_path_create_directory(file, "x"), __WASI_ERRNO_NOTDIR);
    WORKS(__wasi_fd_close(file));
    GIVES(__wasi_path_open(file, 0, "x", 0, 0, 0, 0, &fd), __WASI_ERRNO_BADF);
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

/* The last two do away with the preopened directory. */
static void overwriting_the_preopened(void)
{
    __wasi_fd_t fd = open_at(ROOT, ".", __WASI_OFLAGS_DIRECTORY, fdstat_of(ROOT).fs_rights_base);
    __wasi_filestat_t before = stat_of(dir);
    __wasi_fd_t other =
        open_at(dir, ".", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_FILESTAT_GET);
    WORKS(__wasi_fd_renumber(other, ROOT));
    CHECK(stat_of(ROOT).dev == before.dev && stat_of(ROOT).ino == before.ino);
    __wasi_fdstat_t gone;
    GIVES(__wasi_fd_fdstat_get(other, &gone), __WASI_ERRNO_BADF);
    WORKS(__wasi_fd_renumber(fd, ROOT));
}

static void closing_the_preopened(void)
{
    WORKS(__wasi_path_remove_directory(ROOT, "descriptors.scratch"));
    WORKS(__wasi_fd_close(ROOT));
    CHECK(fdstat_of(dir).fs_filetype == __WASI_FILETYPE_DIRECTORY);
    __wasi_fdstat_t gone;
    GIVES(__wasi_fd_fdstat_get(ROOT, &gone), __WASI_ERRNO_BADF);
}

int main(void)
{
    enter_scratch("descriptors.scratch");
    behaviour("renumber", renumbering);
    behaviour("dangling_fd", dangling_descriptor);
    behaviour("fd_fdstat_set_rights", giving_up_rights);
    behaviour("inheriting rights", inheriting_rights);
    behaviour("fd_flags_set", setting_flags);
    behaviour("dir_fd_op_failures", operations_on_directories);
    behaviour("directory_seek", seeking_in_directories);
    behaviour("path_open_preopen", opening_the_preopened);
    behaviour("path_open_dirfd_not_dir", opening_below_a_file);
    behaviour("overwrite_preopen", overwriting_the_preopened);
    behaviour("close_preopen", closing_the_preopened);
    return behaviours_failed;
}
