/* Names: linked, renamed, removed. */
#include "check.h"

static bool same(__wasi_fd_t a, __wasi_fd_t b)
{
    __wasi_filestat_t x = stat_of(a), y = stat_of(b);
    __wasi_fdstat_t p = fdstat_of(a), q = fdstat_of(b);
    return x.dev == y.dev && x.ino == y.ino && x.size == y.size && x.nlink == y.nlink &&
           x.mtim == y.mtim && x.filetype == y.filetype && p.fs_flags == q.fs_flags &&
           p.fs_rights_base == q.fs_rights_base &&
           p.fs_rights_inheriting == q.fs_rights_inheriting;
}

static void linking(void)
{
    __wasi_fd_t file = make("file");
    WORKS(__wasi_path_link(dir, 0, "file", dir, "link"));
    __wasi_fd_t link = open_at(dir, "link", 0, ALL_FILE);
    CHECK(same(file, link) && stat_of(file).nlink == 2);
    CHECK(put(link, "text", 4) == 4 && stat_of(file).size == 4);
    WORKS(__wasi_fd_close(link));
    WORKS(__wasi_path_unlink_file(dir, "link"));
    CHECK(stat_of(file).nlink == 1);

    WORKS(__wasi_path_create_directory(dir, "sub"));
    __wasi_fd_t sub = open_at(dir, "sub", __WASI_OFLAGS_DIRECTORY, fdstat_of(dir).fs_rights_base);
    WORKS(__wasi_path_link(dir, 0, "file", sub, "link"));
    link = open_at(dir, "sub/link", 0, ALL_FILE);
    CHECK(same(file, link));
    WORKS(__wasi_fd_close(link));
    WORKS(__wasi_path_unlink_file(sub, "link"));
    WORKS(__wasi_fd_close(sub));
    WORKS(__wasi_fd_close(file));

    make_empty("other");
    GIVES(__wasi_path_link(dir, 0, "file", dir, "other"), __WASI_ERRNO_EXIST);
    GIVES(__wasi_path_link(dir, 0, "file", dir, "file"), __WASI_ERRNO_EXIST);
    GIVES(__wasi_path_link(dir, 0, "file", dir, "sub"), __WASI_ERRNO_EXIST);
    GIVES(__wasi_path_link(dir, 0, "sub", dir, "link"), __WASI_ERRNO_PERM, __WASI_ERRNO_ACCES);
    GIVES(__wasi_path_link(dir, 0, "file", dir, "link/"), __WASI_ERRNO_NOENT);
    GIVES(__wasi_path_link(dir, 0, "missing", dir, "link"), __WASI_ERRNO_NOENT);

    /* A symbolic link itself is linked, wherever it leads. */
    WORKS(__wasi_path_symlink("missing", dir, "symlink"));
    WORKS(__wasi_path_link(dir, 0, "symlink", dir, "link"));
    CHECK(stat_at("link", 0).filetype == __WASI_FILETYPE_SYMBOLIC_LINK);
    GIVES(__wasi_path_link(dir, 0, "file", dir, "symlink"), __WASI_ERRNO_EXIST);
    GIVES(__wasi_path_link(dir, 1, "symlink", dir, "link2"), __WASI_ERRNO_INVAL,
          __WASI_ERRNO_NOENT);
    WORKS(__wasi_path_unlink_file(dir, "symlink"));
    WORKS(__wasi_path_unlink_file(dir, "link"));
    WORKS(__wasi_path_symlink("symlink", dir, "symlink"));
    WORKS(__wasi_path_link(dir, 0, "symlink", dir, "link"));
    WORKS(__wasi_path_unlink_file(dir, "symlink"));
    WORKS(__wasi_path_unlink_file(dir, "link"));
    WORKS(__wasi_path_unlink_file(dir, "other"));
    WORKS(__wasi_path_unlink_file(dir, "file"));
    WORKS(__wasi_path_remove_directory(dir, "sub"));
}

static void make_directory(const char* name)
{
    WORKS(__wasi_path_create_directory(dir, name));
}

static __wasi_errno_t rename_to(const char* old, const char* new)
{
    return __wasi_path_rename(dir, old, dir, new);
}

static void renaming(void)
{
    make_directory("source");
    WORKS(rename_to("source", "target"));
    GIVES(try_open("source", __WASI_OFLAGS_DIRECTORY), __WASI_ERRNO_NOENT);
    WORKS(try_open("target", __WASI_OFLAGS_DIRECTORY));
    make_directory("source");
    WORKS(rename_to("source", "target"));
    GIVES(try_open("source", __WASI_OFLAGS_DIRECTORY), __WASI_ERRNO_NOENT);
    make_directory("source");
    make_empty("target/file");
    GIVES(rename_to("source", "target"), __WASI_ERRNO_NOTEMPTY);
    GIVES(rename_to("source", "target/file"), __WASI_ERRNO_NOTDIR);
    GIVES(rename_to("target", "target/sub"), __WASI_ERRNO_INVAL);
    GIVES(rename_to("target/file", "source"), __WASI_ERRNO_ISDIR);
    WORKS(rename_to("target/file", "file"));
    WORKS(__wasi_path_remove_directory(dir, "source"));
    WORKS(__wasi_path_remove_directory(dir, "target"));
    WORKS(rename_to("file", "target"));
    GIVES(try_open("file", 0), __WASI_ERRNO_NOENT);
    __wasi_fd_t fd = make("source");
    CHECK(put(fd, "new", 3) == 3);
    WORKS(__wasi_fd_close(fd));
    WORKS(rename_to("source", "target"));
    GIVES(try_open("source", 0), __WASI_ERRNO_NOENT);
    CHECK(stat_at("target", 0).size == 3);
    WORKS(rename_to("target", "target"));
    GIVES(rename_to("missing", "target"), __WASI_ERRNO_NOENT);
    WORKS(__wasi_path_unlink_file(dir, "target"));
}

static void renaming_with_slashes(void)
{
    make_directory("source");
    WORKS(rename_to("source/", "target"));
    WORKS(rename_to("target", "source/"));
    WORKS(rename_to("source/", "target/"));
    WORKS(rename_to("target", "source"));
    WORKS(__wasi_path_remove_directory(dir, "source"));
    make_empty("source");
    GIVES(rename_to("source/", "target"), __WASI_ERRNO_NOTDIR);
    GIVES(rename_to("source", "target/"), __WASI_ERRNO_NOTDIR, __WASI_ERRNO_NOENT);
    WORKS(__wasi_path_unlink_file(dir, "source"));
}

static void removing_directories_with_slashes(void)
{
    make_directory("dir");
    WORKS(__wasi_path_remove_directory(dir, "dir"));
    make_directory("dir/");
    WORKS(__wasi_path_remove_directory(dir, "dir/"));
    make_empty("file");
    GIVES(__wasi_path_remove_directory(dir, "file"), __WASI_ERRNO_NOTDIR);
    GIVES(__wasi_path_remove_directory(dir, "file/"), __WASI_ERRNO_NOTDIR);
    WORKS(__wasi_path_unlink_file(dir, "file"));
    GIVES(__wasi_path_remove_directory(dir, "dir"), __WASI_ERRNO_NOENT);
}

static void removing_what_is_not_empty(void)
{
    make_directory("dir");
    make_directory("dir/nested");
    GIVES(__wasi_path_remove_directory(dir, "dir"), __WASI_ERRNO_NOTEMPTY);
    WORKS(__wasi_path_remove_directory(dir, "dir/nested"));
    make_empty("dir/file");
    GIVES(__wasi_path_remove_directory(dir, "dir"), __WASI_ERRNO_NOTEMPTY);
    WORKS(__wasi_path_unlink_file(dir, "dir/file"));
    WORKS(__wasi_path_remove_directory(dir, "dir"));
}

static void unlinking_with_slashes(void)
{
    make_directory("dir");
    GIVES(__wasi_path_unlink_file(dir, "dir"), __WASI_ERRNO_ISDIR);
    GIVES(__wasi_path_unlink_file(dir, "dir/"), __WASI_ERRNO_ISDIR);
    WORKS(__wasi_path_remove_directory(dir, "dir"));
    make_empty("file");
    GIVES(__wasi_path_unlink_file(dir, "file/"), __WASI_ERRNO_NOTDIR);
    WORKS(__wasi_path_unlink_file(dir, "file"));
    GIVES(__wasi_path_unlink_file(dir, "file"), __WASI_ERRNO_NOENT);
}

int main(void)
{
    enter_scratch("names.scratch");
    behaviour("path_link", linking);
    behaviour("path_rename", renaming);
    behaviour("path_rename_dir_trailing_slashes", renaming_with_slashes);
    behaviour("remove_directory_trailing_slashes", removing_directories_with_slashes);
    behaviour("remove_nonempty_directory", removing_what_is_not_empty);
    behaviour("unlink_file_trailing_slashes", unlinking_with_slashes);
    return leave_scratch("names.scratch");
}
