/* Attributes: sizes, kinds, times, and the numbers that tell files apart. */
#include <sys/stat.h>

#include "check.h"

static void of_descriptors(void)
{
    __wasi_fd_t fd = make("file");
    __wasi_filestat_t stat = stat_of(fd);
    CHECK(stat.filetype == __WASI_FILETYPE_REGULAR_FILE && stat.size == 0 && stat.nlink == 1);
    CHECK(stat.atim > 0 && stat.mtim > 0 && stat.ctim > 0);
    CHECK(put(fd, "text", 4) == 4 && stat_of(fd).size == 4);
    CHECK(stat_of(dir).filetype == __WASI_FILETYPE_DIRECTORY);
    CHECK(stat_of(fd).dev == stat_of(dir).dev && stat_of(fd).ino != stat_of(dir).ino);
    GIVES(__wasi_fd_filestat_get(1000, &stat), __WASI_ERRNO_BADF);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void set_by_descriptor(void)
{
    __wasi_fd_t fd = make("file");
    WORKS(__wasi_fd_filestat_set_size(fd, 100));
    CHECK(stat_of(fd).size == 100);
    __wasi_filestat_t old = stat_of(fd);
    WORKS(__wasi_fd_filestat_set_times(fd, 5, old.mtim - 200, __WASI_FSTFLAGS_MTIM));
    __wasi_filestat_t new = stat_of(fd);
    CHECK(new.mtim == old.mtim - 200 && new.atim == old.atim && new.size == 100);
    WORKS(__wasi_fd_filestat_set_times(fd, 7000000001, 3, __WASI_FSTFLAGS_ATIM));
    CHECK(stat_of(fd).atim == 7000000001 && stat_of(fd).mtim == new.mtim);
    WORKS(__wasi_fd_filestat_set_times(
        fd, 0, 0, __WASI_FSTFLAGS_ATIM_NOW | __WASI_FSTFLAGS_MTIM_NOW));
    CHECK(stat_of(fd).atim >= old.atim && stat_of(fd).mtim >= old.mtim);
    WORKS(__wasi_fd_filestat_set_times(fd, 1, 2, 0));
    CHECK(stat_of(fd).atim >= old.atim);
    WORKS(__wasi_fd_filestat_set_times(dir, 3000000000, 4000000000,
                                       __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
    CHECK(stat_of(dir).mtim == 4000000000);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void wrong_time_flags(void)
{
    __wasi_fd_t fd = make("file");
    const __wasi_fstflags_t wrong[] = {__WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW,
                                       __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW, 0x10};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        GIVES(__wasi_fd_filestat_set_times(fd, 100, 200, wrong[i]), __WASI_ERRNO_INVAL);
        GIVES(__wasi_path_filestat_set_times(dir, 0, "file", 100, 200, wrong[i]),
              __WASI_ERRNO_INVAL);
    }
    CHECK(stat_of(fd).mtim != 200 && stat_of(fd).atim != 100);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void by_path(void)
{
    __wasi_fd_t fd;
    WORKS(__wasi_path_open(dir, 0, "file", __WASI_OFLAGS_CREAT,
                           __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE |
                               __WASI_RIGHTS_PATH_FILESTAT_GET,
                           __WASI_RIGHTS_PATH_FILESTAT_GET,
                           __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_SYNC, &fd));
    __wasi_fdstat_t stat = fdstat_of(fd);
    CHECK((stat.fs_rights_base & __WASI_RIGHTS_PATH_FILESTAT_GET) == 0);
    CHECK((stat.fs_rights_inheriting & __WASI_RIGHTS_PATH_FILESTAT_GET) == 0);
    CHECK((stat.fs_flags & __WASI_FDFLAGS_APPEND) != 0);
    CHECK((stat.fs_flags & __WASI_FDFLAGS_SYNC) != 0);
    CHECK(stat_at("file", 0).size == 0);
    __wasi_timestamp_t earlier = stat_at("file", 0).mtim - 100;
    WORKS(__wasi_path_filestat_set_times(dir, 0, "file", 0, earlier, __WASI_FSTFLAGS_MTIM));
    CHECK(stat_at("file", 0).mtim == earlier);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_unlink_file(dir, "file"));
    GIVES(__wasi_path_filestat_set_times(dir, 0, "file", 0, 1, __WASI_FSTFLAGS_MTIM),
          __WASI_ERRNO_NOENT);
}

static void of_links(void)
{
    __wasi_fd_t fd = make("file");
    CHECK(put(fd, "four", 4) == 4);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_symlink("file", dir, "link"));
    __wasi_filestat_t link = stat_at("link", 0), file = stat_at("link", 1);
    CHECK(link.filetype == __WASI_FILETYPE_SYMBOLIC_LINK && link.size == strlen("file"));
    CHECK(file.filetype == __WASI_FILETYPE_REGULAR_FILE && file.size == 4);
    CHECK(link.ino != file.ino && file.ino == stat_at("file", 0).ino);
    WORKS(__wasi_path_filestat_set_times(dir, 0, "link", 0, 1000000000, __WASI_FSTFLAGS_MTIM));
    CHECK(stat_at("link", 0).mtim == 1000000000 && stat_at("link", 1).mtim == file.mtim);
    WORKS(__wasi_path_filestat_set_times(dir, 1, "link", 0, 2000000000, __WASI_FSTFLAGS_MTIM));
    CHECK(stat_at("link", 0).mtim == 1000000000 && stat_at("file", 0).mtim == 2000000000);
    WORKS(__wasi_path_unlink_file(dir, "link"));
    WORKS(__wasi_path_unlink_file(dir, "file"));
}

static void numbers(void)
{
    make_empty("a");
    make_empty("b");
    struct stat a, again, b, by_descriptor;
    CHECK(stat("attributes.scratch/a", &a) == 0 && stat("attributes.scratch/b", &b) == 0);
    CHECK(stat("attributes.scratch/./a", &again) == 0);
    CHECK(a.st_dev == again.st_dev && a.st_ino == again.st_ino);
    CHECK(a.st_dev == b.st_dev && a.st_ino != b.st_ino);
    __wasi_fd_t fd = open_at(dir, "a", 0, __WASI_RIGHTS_FD_FILESTAT_GET);
    CHECK(fstat((int)fd, &by_descriptor) == 0 && by_descriptor.st_ino == a.st_ino);
    WORKS(__wasi_fd_close(fd));
    WORKS(__wasi_path_rename(dir, "a", dir, "c"));
    CHECK(stat_at("c", 0).ino == a.st_ino);
    WORKS(__wasi_path_unlink_file(dir, "b"));
    WORKS(__wasi_path_unlink_file(dir, "c"));
}

int main(void)
{
    enter_scratch("attributes.scratch");
    behaviour("fd_filestat_get", of_descriptors);
    behaviour("fd_filestat_set", set_by_descriptor);
    behaviour("fstflags_validate", wrong_time_flags);
    behaviour("path_filestat", by_path);
    behaviour("symlink_filestat", of_links);
    behaviour("stat-dev-ino", numbers);
    return leave_scratch("attributes.scratch");
}
