//! What is mapped stays what it was, and only whole pages become executable.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::guest::access_at;

const PAGE: usize = HOST_PAGE;

/// `mov eax, 42; ret` in its second page.
fn with_code() -> Vec<u8> {
    let mut bytes = vec![0xcc; 2 * PAGE + 100];
    bytes[PAGE..PAGE + 6].copy_from_slice(&[0xb8, 42, 0, 0, 0, 0xc3]);
    bytes
}

fn in_a_folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("faasm-sfi-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn pages_of_a_file_can_be_run_and_the_rest_only_read() {
    let folder = in_a_folder("run");
    fs::write(folder.join("code"), with_code()).unwrap();
    let file = File::open(folder.join("code")).unwrap();
    // SAFETY: nobody else knows the file.
    let mut mapped = unsafe { MappedFile::map(&file) }.unwrap();
    assert_eq!(mapped.bytes(), with_code());
    mapped.make_executable(PAGE..2 * PAGE).unwrap();
    let code = std::ptr::with_exposed_provenance::<u8>(mapped.address_of(PAGE));
    // SAFETY: the bytes are a function of this type.
    let answer = unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> i32>(code) }();
    assert_eq!(answer, 42);
    let access = [0, PAGE, 2 * PAGE].map(|at| access_at(mapped.address_of(at)).unwrap());
    assert_eq!(access, ["r--p", "r-xp", "r--p"]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn only_whole_pages_of_the_file_become_executable() {
    let mut mapped = MappedFile::copy_of(&with_code()).unwrap();
    for range in [0..0, PAGE..PAGE, 0..100, 100..PAGE, 2 * PAGE..3 * PAGE] {
        assert!(matches!(mapped.make_executable(range), Err(FileError::Pages(_))));
    }
    mapped.make_executable(0..2 * PAGE).unwrap();
}

#[test]
fn a_copy_does_not_change_with_the_file() {
    let folder = in_a_folder("copy");
    let path = folder.join("file");
    fs::write(&path, b"as it was").unwrap();
    let copy = MappedFile::copy_of_file(&File::open(&path).unwrap()).unwrap();
    fs::write(&path, b"cut").unwrap();
    assert_eq!(copy.bytes(), b"as it was");
    assert!(MappedFile::copy_of(b"").unwrap().bytes().is_empty());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn private_is_what_others_cannot_write() {
    let folder = in_a_folder("private");
    let path = folder.join("file");
    let file = File::create(&path).unwrap();
    for (mode, private) in
        [(0o600, true), (0o644, true), (0o400, true), (0o620, false), (0o602, false)]
    {
        file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_private(&file.metadata().unwrap()), private, "{mode:o}");
    }
    fs::remove_dir_all(folder).unwrap();
}
