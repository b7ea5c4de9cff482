//! WASI preview 1.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::faasm;
use crate::guest::{Guest, Slice};
use crate::host::HostState;
use crate::table::{HostFunction, ROOM, Touches, WASI};
use crate::wasi::path::{At, How, Times};
use crate::wasi::{self, clock, fd, io, path, poll, process};

functions!(WASI_FUNCTIONS, WASI, wasi::answer, {
    /// The arguments.
    "args_get" = process::args_get(argv, argv_buf):
        (argv: u32, argv_buf: u32) -> u32, Strings;
    /// How many arguments there are, and their size.
    "args_sizes_get" = process::args_sizes_get(argc, argv_buf_size):
        (argc: u32, argv_buf_size: u32) -> u32, Strings;
    /// The environment.
    "environ_get" = process::environ_get(environ, environ_buf):
        (environ: u32, environ_buf: u32) -> u32, Strings;
    /// How many variables there are, and their size.
    "environ_sizes_get" = process::environ_sizes_get(count, buf_size):
        (count: u32, buf_size: u32) -> u32, Strings;
    /// The resolution of a clock: a nanosecond.
    "clock_res_get" = clock::clock_res_get(id, resolution):
        (id: u32, resolution: u32) -> u32, Clock;
    /// The time; the clocks of processor time count from when they are first asked.
    "clock_time_get" = clock::clock_time_get(id, time):
        (id: u32, _precision: u64, time: u32) -> u32, Clock;
    /// Takes advice on what will be read.
    "fd_advise" = fd::fd_advise(fd, offset, len, advice):
        (fd: u32, offset: u64, len: u64, advice: u32) -> u32, File;
    /// Makes sure that a range of a file has space.
    "fd_allocate" = fd::fd_allocate(fd, offset, len):
        (fd: u32, offset: u64, len: u64) -> u32, File;
    /// Closes a descriptor.
    "fd_close" = fd::fd_close(fd):
        (fd: u32) -> u32, Descriptors;
    /// Waits until a file's data are on the device.
    "fd_datasync" = fd::fd_datasync(fd):
        (fd: u32) -> u32, File;
    /// Kind, flags and rights of a descriptor.
    "fd_fdstat_get" = fd::fd_fdstat_get(fd, stat):
        (fd: u32, stat: u32) -> u32, Descriptors;
    /// Sets a descriptor's flags: append and non-blocking.
    "fd_fdstat_set_flags" = fd::fd_fdstat_set_flags(fd, flags):
        (fd: u32, flags: u32) -> u32, File;
    /// Gives up rights of a descriptor.
    "fd_fdstat_set_rights" = fd::fd_fdstat_set_rights(fd, rights, inheriting):
        (fd: u32, rights: u64, inheriting: u64) -> u32, Descriptors;
    /// Attributes of an open file.
    "fd_filestat_get" = fd::fd_filestat_get(fd, stat):
        (fd: u32, stat: u32) -> u32, File;
    /// Sets the size of an open file.
    "fd_filestat_set_size" = fd::fd_filestat_set_size(fd, size):
        (fd: u32, size: u64) -> u32, File;
    /// Sets the times of an open file.
    "fd_filestat_set_times" = fd::fd_filestat_set_times(fd, Times { accessed: atim, modified: mtim, which: fst_flags }):
        (fd: u32, atim: u64, mtim: u64, fst_flags: u32) -> u32, File;
    /// Reads at an offset.
    "fd_pread" = io::fd_pread(fd, Slice::new(iovs, iovs_len), offset, nread):
        (fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> u32, File;
    /// That a directory was open from the start, and the length of its name.
    "fd_prestat_get" = fd::fd_prestat_get(fd, prestat):
        (fd: u32, prestat: u32) -> u32, Descriptors;
    /// The name of a directory that was open from the start.
    "fd_prestat_dir_name" = fd::fd_prestat_dir_name(fd, Slice::new(path, path_len)):
        (fd: u32, path: u32, path_len: u32) -> u32, Descriptors;
    /// Writes at an offset.
    "fd_pwrite" = io::fd_pwrite(fd, Slice::new(iovs, iovs_len), offset, nwritten):
        (fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) -> u32, File;
    /// Reads on from the present position.
    "fd_read" = io::fd_read(fd, Slice::new(iovs, iovs_len), nread):
        (fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> u32, File;
    /// Lists a directory.
    "fd_readdir" = fd::fd_readdir(fd, Slice::new(buf, buf_len), cookie, bufused):
        (fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32) -> u32, File;
    /// Gives a descriptor the number of another, which is closed.
    "fd_renumber" = fd::fd_renumber(fd, to):
        (fd: u32, to: u32) -> u32, Descriptors;
    /// Moves the position.
    "fd_seek" = fd::fd_seek(fd, offset, whence, position):
        (fd: u32, offset: i64, whence: u32, position: u32) -> u32, File;
    /// Waits until a file's data and attributes are on the device.
    "fd_sync" = fd::fd_sync(fd):
        (fd: u32) -> u32, File;
    /// The position.
    "fd_tell" = fd::fd_tell(fd, position):
        (fd: u32, position: u32) -> u32, File;
    /// Writes on from the present position.
    "fd_write" = io::fd_write(fd, Slice::new(iovs, iovs_len), nwritten):
        (fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> u32, File;
    /// Makes a directory.
    "path_create_directory" = path::path_create_directory(fd, Slice::new(path, path_len)):
        (fd: u32, path: u32, path_len: u32) -> u32, Paths;
    /// Attributes of a file.
    "path_filestat_get" = path::path_filestat_get(At { fd, lookup: flags, path: Slice::new(path, path_len) }, stat):
        (fd: u32, flags: u32, path: u32, path_len: u32, stat: u32) -> u32, Paths;
    /// Sets the times of a file.
    "path_filestat_set_times" = path::path_filestat_set_times(At { fd, lookup: flags, path: Slice::new(path, path_len) },
        Times { accessed: atim, modified: mtim, which: fst_flags }):
        (fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32) -> u32, Paths;
    /// Gives a file a second name.
    "path_link" = path::path_link(At { fd: old_fd, lookup: old_flags, path: Slice::new(old_path, old_path_len) }, new_fd,
        Slice::new(new_path, new_path_len)):
        (old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32,
         new_path_len: u32) -> u32, Paths;
    /// Opens a file or directory.
    "path_open" = path::path_open(At { fd, lookup: dirflags, path: Slice::new(path, path_len) },
        How { oflags, rights, inheriting, fdflags }, opened_fd):
        (fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, rights: u64, inheriting: u64, fdflags: u32,
         opened_fd: u32) -> u32, Paths;
    /// The target of a symbolic link.
    "path_readlink" = path::path_readlink(fd, Slice::new(path, path_len), Slice::new(buf, buf_len), bufused):
        (fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32) -> u32, Paths;
    /// Removes an empty directory.
    "path_remove_directory" = path::path_remove_directory(fd, Slice::new(path, path_len)):
        (fd: u32, path: u32, path_len: u32) -> u32, Paths;
    /// Renames a file or directory.
    "path_rename" = path::path_rename(fd, Slice::new(old_path, old_path_len), new_fd, Slice::new(new_path, new_path_len)):
        (fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32) -> u32, Paths;
    /// Makes a symbolic link to a relative path.
    "path_symlink" = path::path_symlink(Slice::new(old_path, old_path_len), fd, Slice::new(new_path, new_path_len)):
        (old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32) -> u32, Paths;
    /// Removes a file.
    "path_unlink_file" = path::path_unlink_file(fd, Slice::new(path, path_len)):
        (fd: u32, path: u32, path_len: u32) -> u32, Paths;
    /// Waits for clocks and descriptors; files are always ready.
    "poll_oneoff" = poll::poll_oneoff(subscriptions, events, count, nevents):
        (subscriptions: u32, events: u32, count: u32, nevents: u32) -> u32, Waiting;
    /// There are no signals: always ENOTSUP.
    "proc_raise" = process::proc_raise():
        (_signal: u32) -> u32, Nothing;
    /// Random bytes.
    "random_get" = clock::random_get(Slice::new(buf, buf_len)):
        (buf: u32, buf_len: u32) -> u32, Random;
    /// Lets other threads of the call go first.
    "sched_yield" = process::sched_yield():
        () -> u32, Nothing;
});

functions!(WASI_ENDS, WASI, faasm::answer, {
    /// Ends the call with an exit code.
    "proc_exit" = process::proc_exit(code):
        (code: u32) -> (), Exit;
});
