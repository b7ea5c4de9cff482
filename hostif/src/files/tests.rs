//! Descriptors over real files in a directory of the test's own.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::stream::{Capture, Input, Output};
use crate::wasi::errno::Errno;
use crate::wasi::rights::{FdFlags, OFlags, Rights};

const ALL_RIGHTS: Rights = Rights::FILE.or(Rights::DIRECTORY);

/// The preopened directory's number.
const ROOT: u32 = 3;

const EVERYTHING: Opening = Opening {
    links: Links::Follow,
    how: OFlags::NONE,
    rights: ALL_RIGHTS,
    inheriting: ALL_RIGHTS,
    flags: FdFlags::NONE,
};

const MAKE: Opening = Opening { how: OFlags::CREAT, ..EVERYTHING };

fn table(dir: &Path, access: Access) -> Descriptors {
    let preopen = Preopen::open(dir, "/data", access).unwrap();
    let given = Given { files: None, preopens: &[preopen] };
    Descriptors::new(Input::Empty, [Output::Discard, Output::Discard], &given, 8)
}

fn writable() -> (TempDir, Descriptors) {
    let dir = tempfile::tempdir().unwrap();
    let files = table(dir.path(), Access::ReadWrite);
    (dir, files)
}

fn open(files: &mut Descriptors, path: &str, opening: Opening) -> Result<u32, Errno> {
    let descriptor = opening.open(files.find(ROOT)?, path)?;
    files.insert(descriptor)
}

#[test]
fn numbers_are_the_lowest_that_are_free_and_end() {
    let (_dir, mut files) = writable();
    assert_eq!(open(&mut files, "a", MAKE), Ok(4));
    assert_eq!(open(&mut files, "a", MAKE), Ok(5));
    files.close(4).unwrap();
    assert_eq!(files.close(4), Err(Errno::BadF));
    assert_eq!(open(&mut files, "a", MAKE), Ok(4));
    assert_eq!(open(&mut files, "a", MAKE), Ok(6));
    assert_eq!(open(&mut files, "a", MAKE), Ok(7));
    assert_eq!(open(&mut files, "a", MAKE), Err(Errno::MFile));
    assert_eq!(files.find(u32::MAX).map(drop), Err(Errno::BadF));
}

#[test]
fn renumbering_moves_and_closes() {
    let (_dir, mut files) = writable();
    let fd = open(&mut files, "a", MAKE).unwrap();
    files.renumber(fd, fd).unwrap();
    files.renumber(fd, 1).unwrap();
    assert!(files.find(fd).is_err());
    assert_eq!(files.find(1).unwrap().write(b"x"), Ok(1));
    assert_eq!(files.renumber(fd, 1), Err(Errno::BadF));
    assert_eq!(files.renumber(1, 100), Err(Errno::BadF));
}

#[test]
fn files_are_read_written_and_positioned() {
    let (_dir, mut files) = writable();
    let fd = open(&mut files, "a", MAKE).unwrap();
    let file = files.find(fd).unwrap();
    assert_eq!(file.write(b"hello world"), Ok(11));
    assert_eq!(file.seek(-5, Whence::End), Ok(6));
    assert_eq!(file.seek(-100, Whence::Current), Err(Errno::Inval));
    assert_eq!(file.seek(-1, Whence::Set), Err(Errno::Inval));
    let mut buffer = [0; 16];
    assert_eq!(file.read(&mut buffer), Ok(5));
    assert_eq!(&buffer[..5], b"world");
    assert_eq!(file.read_at(0, &mut buffer[..4]), Ok(4));
    assert_eq!(file.write_at(1, b"E"), Ok(1));
    assert_eq!(file.seek(0, Whence::Current), Ok(11));
    file.set_size(5).unwrap();
    assert_eq!(file.filestat().unwrap().size, 5);
    file.allocate(0, 100).unwrap();
    assert_eq!(file.filestat().unwrap().size, 100);
    assert_eq!(file.advise(0, 0, 3), Ok(()));
    assert_eq!(file.advise(0, 0, 6), Err(Errno::Inval));
}

#[test]
fn append_and_flags() {
    let (dir, mut files) = writable();
    std::fs::write(dir.path().join("a"), "one").unwrap();
    let fd = open(&mut files, "a", Opening { flags: FdFlags::APPEND, ..EVERYTHING }).unwrap();
    let file = files.find(fd).unwrap();
    assert_eq!(file.fdstat().flags, FdFlags::APPEND);
    file.write(b"two").unwrap();
    file.set_flags(FdFlags::NONE).unwrap();
    file.seek(0, Whence::Set).unwrap();
    file.write(b"O").unwrap();
    assert_eq!(file.set_flags(FdFlags::SYNC), Err(Errno::NotSup));
    assert_eq!(std::fs::read_to_string(dir.path().join("a")).unwrap(), "Onetwo");
}

#[test]
fn nothing_leads_out_of_the_directory() {
    let (dir, mut files) = writable();
    std::os::unix::fs::symlink("/etc", dir.path().join("etc")).unwrap();
    std::os::unix::fs::symlink("..", dir.path().join("up")).unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    for path in
        ["..", "../x", "/etc/passwd", "sub/../../x", "etc/passwd", "up/x", "up/../etc/passwd"]
    {
        let result = open(&mut files, path, EVERYTHING);
        assert!(matches!(result, Err(Errno::Perm | Errno::NotCapable)), "{path}: {result:?}");
        let directory = files.directory(ROOT, Rights::NONE).unwrap();
        assert!(directory.path_filestat(path, Links::Follow).is_err(), "{path}");
        assert!(directory.create_directory(path).is_err(), "{path}");
        assert!(directory.unlink(path).is_err() || path == "up", "{path}");
    }
    let directory = files.directory(ROOT, Rights::NONE).unwrap();
    assert_eq!(directory.symlink("/etc/passwd", "link"), Err(Errno::Perm));
}

#[test]
fn a_read_only_directory_is_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "kept").unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    let mut files = table(dir.path(), Access::Read);
    assert_eq!(open(&mut files, "a", MAKE), Err(Errno::NotCapable));
    let cutting = Opening { how: OFlags::TRUNC, ..EVERYTHING };
    assert_eq!(open(&mut files, "a", cutting), Err(Errno::Perm));
    let fd = open(&mut files, "a", EVERYTHING).unwrap();
    let file = files.find(fd).unwrap();
    assert!(!file.rights.has_any(Rights::CHANGING));
    assert_eq!(file.write(b"x"), Err(Errno::BadF));
    // Nor below a directory that is opened below it.
    let sub = open(&mut files, "sub", EVERYTHING).unwrap();
    assert!(MAKE.open(files.find(sub).unwrap(), "b").is_err());
    assert_eq!(
        files.directory(sub, Rights::PATH_CREATE_DIRECTORY).map(drop),
        Err(Errno::NotCapable)
    );
    assert_eq!(files.directory(ROOT, Rights::PATH_UNLINK_FILE).map(drop), Err(Errno::NotCapable));
    assert_eq!(std::fs::read_to_string(dir.path().join("a")).unwrap(), "kept");
}

#[test]
fn opening_honours_what_was_asked() {
    let (dir, mut files) = writable();
    std::fs::write(dir.path().join("a"), "text").unwrap();
    std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
    let exclusive = Opening { how: OFlags::CREAT.or(OFlags::EXCL), ..EVERYTHING };
    let directory = Opening { how: OFlags::DIRECTORY, ..EVERYTHING };
    assert_eq!(open(&mut files, "a", exclusive), Err(Errno::Exist));
    assert_eq!(open(&mut files, "none", EVERYTHING), Err(Errno::NoEnt));
    assert_eq!(open(&mut files, "a/b", EVERYTHING), Err(Errno::NotDir));
    assert_eq!(open(&mut files, "a", directory), Err(Errno::NotDir));
    assert_eq!(
        open(&mut files, "link", Opening { links: Links::Keep, ..EVERYTHING }),
        Err(Errno::Loop)
    );
    let reading = Opening { rights: Rights::FD_READ, ..EVERYTHING };
    let fd = open(&mut files, "link", reading).unwrap();
    assert_eq!(files.find(fd).unwrap().write(b"x"), Err(Errno::BadF));
    assert_eq!(files.find(fd).unwrap().seek(1, Whence::Set), Err(Errno::NotCapable));
    let writing =
        Opening { how: OFlags::CREAT.or(OFlags::TRUNC), rights: Rights::FD_WRITE, ..EVERYTHING };
    let fd = open(&mut files, "a", writing).unwrap();
    assert_eq!(files.find(fd).unwrap().read(&mut [0; 4]), Err(Errno::BadF));
    assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"");
    // A C library may ask to make a file that it only reads.
    let making = Opening { how: OFlags::CREAT, rights: Rights::FD_READ, ..EVERYTHING };
    assert!(open(&mut files, "new", making).is_ok());
}

#[test]
fn a_pipe_does_not_hold_the_thread() {
    let (dir, mut files) = writable();
    let status =
        std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap();
    assert!(status.success());
    let reading = Opening { rights: Rights::FD_READ, ..EVERYTHING };
    assert!(open(&mut files, "pipe", reading).is_ok());
}

#[test]
fn a_listing_stays_good_while_the_directory_changes() {
    let (dir, mut files) = writable();
    for name in ["a", "b", "c"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let directory = files.directory(ROOT, Rights::FD_READDIR).unwrap();
    let names = |entries: &[Entry]| -> Vec<String> {
        entries.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect()
    };
    let all = names(directory.entries(0).unwrap());
    assert_eq!(all.len(), 5);
    assert_eq!(all[..2], [".", ".."]);
    std::fs::remove_file(dir.path().join(&all[2])).unwrap();
    assert_eq!(names(directory.entries(3).unwrap()), all[3..]);
    assert_eq!(directory.entries(u64::MAX).unwrap(), []);
    assert_eq!(directory.entries(0).unwrap().len(), 4);
}

#[test]
fn times_are_set_as_asked() {
    let (dir, mut files) = writable();
    std::fs::write(dir.path().join("a"), "").unwrap();
    let directory = files.directory(ROOT, Rights::NONE).unwrap();
    let times = NewTimes::new(1_000_000_001, 2_000_000_002, 0b0101).unwrap();
    directory.path_set_times("a", Links::Keep, times).unwrap();
    let stat = directory.path_filestat("a", Links::Keep).unwrap();
    assert_eq!((stat.accessed, stat.modified), (1_000_000_001, 2_000_000_002));
    let fd = open(&mut files, "a", EVERYTHING).unwrap();
    let file = files.find(fd).unwrap();
    file.set_times(NewTimes::new(0, 7, 0b0100).unwrap()).unwrap();
    let stat = file.filestat().unwrap();
    assert_eq!((stat.accessed, stat.modified), (1_000_000_001, 7));
    file.set_times(NewTimes::new(0, 0, 0b1000).unwrap()).unwrap();
    assert!(file.filestat().unwrap().modified > 1_600_000_000_000_000_000);
    assert_eq!(NewTimes::new(0, 0, 0b0011), Err(Errno::Inval));
    assert_eq!(NewTimes::new(0, 0, 0b1_0000), Err(Errno::Inval));
}

#[test]
fn links_and_names() {
    let (dir, mut files) = writable();
    std::fs::write(dir.path().join("a"), "text").unwrap();
    let directory = files.directory(ROOT, Rights::NONE).unwrap();
    let target = directory.at.clone();
    directory.symlink("a", "soft").unwrap();
    assert_eq!(directory.read_link("soft").unwrap(), b"a");
    directory.hard_link("a", &target, "hard").unwrap();
    assert_eq!(directory.path_filestat("hard", Links::Keep).unwrap().links, 2);
    directory.rename("hard", &target, "other").unwrap();
    assert_eq!(directory.path_filestat("hard", Links::Keep), Err(Errno::NoEnt));
    directory.create_directory("sub").unwrap();
    assert_eq!(directory.unlink("sub"), Err(Errno::IsDir));
    assert_eq!(directory.remove_directory("other"), Err(Errno::NotDir));
    directory.rename("other", &target, "sub/moved").unwrap();
    assert_eq!(directory.remove_directory("sub"), Err(Errno::NotEmpty));
    directory.unlink("sub/moved").unwrap();
    directory.remove_directory("sub").unwrap();
}

#[test]
fn streams_take_and_give_and_do_not_seek() {
    let capture = Capture::new(100);
    let output = [Output::Capture(capture.clone()), Output::Discard];
    let given = Given { files: None, preopens: &[] };
    let mut files = Descriptors::new(Input::Bytes((*b"in").into()), output, &given, 8);
    assert_eq!(files.find(1).unwrap().write(b"out"), Ok(3));
    assert_eq!(capture.take(), b"out");
    let mut buffer = [0; 8];
    assert_eq!(files.find(0).unwrap().available(), 2);
    assert_eq!(files.find(0).unwrap().read(&mut buffer), Ok(2));
    assert_eq!(files.find(0).unwrap().read(&mut buffer), Ok(0));
    assert_eq!(files.find(0).unwrap().write(b"x"), Err(Errno::BadF));
    assert_eq!(files.find(1).unwrap().read(&mut buffer), Err(Errno::BadF));
    assert_eq!(files.find(1).unwrap().seek(0, Whence::Current), Err(Errno::SPipe));
    assert_eq!(files.find(ROOT).map(drop), Err(Errno::BadF));
}

#[test]
fn rights_only_shrink() {
    let (_dir, mut files) = writable();
    let fd = open(&mut files, "a", MAKE).unwrap();
    let file = files.find(fd).unwrap();
    file.narrow(Rights::FD_READ, Rights::NONE).unwrap();
    assert_eq!(file.narrow(Rights::FD_WRITE, Rights::NONE), Err(Errno::NotCapable));
    assert_eq!(file.write(b"x"), Err(Errno::BadF));
}
