//! The rows: which function of this crate is behind which import.

use faasm_vm::{Scalar, ValType};

use super::{FAASM, HostFunction, ROOM, Touches, WASI};
use crate::faasm::{self, chain, data, debug, state};
use crate::guest::{Guest, Slice};
use crate::host::HostState;
use crate::wasi::path::{At, How, Times};
use crate::wasi::{self, clock, fd, io, path, poll, process, socket};

/// A Rust result type as a WebAssembly one.
trait ResultType {
    const TYPE: Option<ValType>;
}

impl ResultType for () {
    const TYPE: Option<ValType> = None;
}

impl ResultType for u32 {
    const TYPE: Option<ValType> = Some(ValType::I32);
}

impl ResultType for i32 {
    const TYPE: Option<ValType> = Some(ValType::I32);
}

/// A parameter's name; one that is not looked at has an underscore in the row.
const fn parameter(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'_', ..] => name.split_at(1).1,
        _ => name,
    }
}

/// Rows: `/// doc`, then `"name" = function(arguments): (parameter: type, …) -> result, touches;`, where the arguments
/// are made of the parameters.
macro_rules! functions {
    ($table:ident, $module:expr, $answer:path, {
        $(
            #[doc = $doc:literal]
            $name:literal = $($function:ident)::+($($arg:expr),*):
                ($($param:ident: $ty:ty),*) -> $result:ty, $touches:ident;
        )*
    }) => {
        pub(super) const $table: &[HostFunction] = &[$(
            HostFunction {
                module: $module,
                name: $name,
                params: &[$((parameter(stringify!($param)), <$ty as Scalar>::TYPE)),*],
                result: <$result as ResultType>::TYPE,
                touches: Touches::$touches,
                room: ROOM,
                doc: $doc.trim_ascii(),
                register: |linker| {
                    linker.func_wrap_with_room(
                        $module,
                        $name,
                        |caller: faasm_vm::Caller<'_, HostState>, $($param: $ty),*| -> Result<$result, faasm_vm::Trap> {
                            let mut guest = Guest::new(caller);
                            $answer($name, $($function)::+(&mut guest, $($arg),*))
                        },
                        ROOM,
                    )?;
                    Ok(())
                },
            },
        )*];
    };
}

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
    /// Waits for clocks; descriptors are always ready.
    "poll_oneoff" = poll::poll_oneoff(subscriptions, events, count, nevents):
        (subscriptions: u32, events: u32, count: u32, nevents: u32) -> u32, Waiting;
    /// There are no signals: always ENOTSUP.
    "proc_raise" = process::proc_raise():
        (_signal: u32) -> u32, Nothing;
    /// Random bytes.
    "random_get" = clock::random_get(Slice::new(buf, buf_len)):
        (buf: u32, buf_len: u32) -> u32, Random;
    /// Does nothing: a guest cannot hold up others.
    "sched_yield" = process::sched_yield():
        () -> u32, Nothing;
    /// No descriptor is a socket: always ENOTSOCK.
    "sock_accept" = socket::not_a_socket(fd):
        (fd: u32, _flags: u32, _accepted_fd: u32) -> u32, Descriptors;
    /// No descriptor is a socket: always ENOTSOCK.
    "sock_recv" = socket::not_a_socket(fd):
        (fd: u32, _iovs: u32, _iovs_len: u32, _ri_flags: u32, _nread: u32, _ro_flags: u32) -> u32, Descriptors;
    /// No descriptor is a socket: always ENOTSOCK.
    "sock_send" = socket::not_a_socket(fd):
        (fd: u32, _iovs: u32, _iovs_len: u32, _si_flags: u32, _nwritten: u32) -> u32, Descriptors;
    /// No descriptor is a socket: always ENOTSOCK.
    "sock_shutdown" = socket::not_a_socket(fd):
        (fd: u32, _how: u32) -> u32, Descriptors;
});

functions!(WASI_ENDS, WASI, faasm::answer, {
    /// Ends the call with an exit code.
    "proc_exit" = process::proc_exit(code):
        (code: u32) -> (), Exit;
});

functions!(FAASM_FUNCTIONS, FAASM, faasm::answer, {
    /// The call's input: its size where `buffer_len` is 0, else as much of it as fits, and how much.
    "__faasm_read_input" = data::read_input(Slice::new(buffer, buffer_len)):
        (buffer: u32, buffer_len: u32) -> u32, Data;
    /// Sets the call's output.
    "__faasm_write_output" = data::write_output(Slice::new(output, output_len)):
        (output: u32, output_len: u32) -> (), Data;
    /// Begins a call of another function of the same tenant; its id.
    "__faasm_chain_name" = chain::chain_name(name, Slice::new(input, input_len)):
        (name: u32, input: u32, input_len: u32) -> u32, Calls;
    /// Begins a call of a function of this module, of type `() -> i32`, in a Faaslet of its own; its id.
    "__faasm_chain_ptr" = chain::chain_ptr(function, Slice::new(input, input_len)):
        (function: u32, input: u32, input_len: u32) -> u32, Calls;
    /// Waits for a chained call; its return code, or 1 where it failed.
    "__faasm_await_call" = chain::await_call(call_id):
        (call_id: u32) -> i32, Calls;
    /// The same, with its output in memory from the guest's `malloc`.
    "__faasm_await_call_output" = chain::await_call_output(call_id, output, output_len):
        (call_id: u32, output: u32, output_len: u32) -> i32, Calls;
    /// A copy of a value: its size where `buffer_len` is 0, else as much of it as fits, and how much.
    "__faasm_read_state" = state::read_state(key, Slice::new(buffer, buffer_len)):
        (key: u32, buffer: u32, buffer_len: u32) -> u32, State;
    /// Maps a value into memory, shared with every Faaslet of the tenant on this host.
    "__faasm_read_state_ptr" = state::read_state_ptr(key, total_len):
        (key: u32, total_len: u32) -> u32, State;
    /// A copy of a part of a value.
    "__faasm_read_state_offset" = state::read_state_offset(key, total_len, offset, Slice::new(buffer, buffer_len)):
        (key: u32, total_len: u32, offset: u32, buffer: u32, buffer_len: u32) -> (), State;
    /// Maps a part of a value into memory.
    "__faasm_read_state_offset_ptr" = state::read_state_offset_ptr(key, total_len, offset, len):
        (key: u32, total_len: u32, offset: u32, len: u32) -> u32, State;
    /// Sets a value on this host.
    "__faasm_write_state" = state::write_state(key, Slice::new(data, data_len)):
        (key: u32, data: u32, data_len: u32) -> (), State;
    /// Writes a part of a value on this host.
    "__faasm_write_state_offset" = state::write_state_offset(key, total_len, offset, Slice::new(data, data_len)):
        (key: u32, total_len: u32, offset: u32, data: u32, data_len: u32) -> (), State;
    /// Sets a value on this host to a file's contents; its size.
    "__faasm_write_state_from_file" = state::write_state_from_file(key, path):
        (key: u32, path: u32) -> u32, State;
    /// Adds an element to a key's list, which is apart from its value.
    "__faasm_append_state" = state::append_state(key, Slice::new(data, data_len)):
        (key: u32, data: u32, data_len: u32) -> (), State;
    /// The first elements of a key's list, one after the other, as many whole ones as fit.
    "__faasm_read_appended_state" = state::read_appended_state(key, Slice::new(data, data_len), n_elems):
        (key: u32, data: u32, data_len: u32, n_elems: u32) -> (), State;
    /// Empties a key's list.
    "__faasm_clear_appended_state" = state::clear_appended_state(key):
        (key: u32) -> (), State;
    /// Says that a value was written through a pointer.
    "__faasm_flag_state_dirty" = state::flag_state_dirty(key, total_len):
        (key: u32, total_len: u32) -> (), State;
    /// Says that a part of a value was.
    "__faasm_flag_state_offset_dirty" = state::flag_state_offset_dirty(key, total_len, offset, data_len):
        (key: u32, total_len: u32, offset: u32, data_len: u32) -> (), State;
    /// Sends a value to the global tier, if anything of it was written.
    "__faasm_push_state" = state::push_state(key):
        (key: u32) -> (), State;
    /// Sends what was written of a value.
    "__faasm_push_state_partial" = state::push_state_partial(key):
        (key: u32) -> (), State;
    /// Sends the bytes of a value at which another value, the mask, is not zero.
    "__faasm_push_state_partial_mask" = state::push_state_partial_mask(key, mask_key):
        (key: u32, mask_key: u32) -> (), State;
    /// Fetches a value from the global tier.
    "__faasm_pull_state" = state::pull_state(key, state_len):
        (key: u32, state_len: u32) -> (), State;
    /// Waits for a value's local lock, together with other readers.
    "__faasm_lock_state_read" = state::lock_state_read(key):
        (key: u32) -> (), State;
    /// Gives it up.
    "__faasm_unlock_state_read" = state::unlock_state_read(key):
        (key: u32) -> (), State;
    /// Waits for a value's local lock, alone.
    "__faasm_lock_state_write" = state::lock_state_write(key):
        (key: u32) -> (), State;
    /// Gives it up.
    "__faasm_unlock_state_write" = state::unlock_state_write(key):
        (key: u32) -> (), State;
    /// Not there yet: ends the call.
    "__faasm_lock_state_global" = state::no_global_lock(key):
        (key: u32) -> (), State;
    /// Not there yet: ends the call.
    "__faasm_unlock_state_global" = state::no_global_lock(key):
        (key: u32) -> (), State;
    /// Notes in the host's log that the guest asks for its stack.
    "__faasm_backtrace" = debug::backtrace(depth):
        (depth: u32) -> (), Host;
    /// Whether the host's configuration sets a flag.
    "__faasm_conf_flag" = debug::conf_flag(key):
        (key: u32) -> u32, Host;
});
