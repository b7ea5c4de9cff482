//! Code is never writable and executable at once, and sites are found exactly.

use super::*;
use crate::guest::access_at;

#[test]
fn code_can_be_run_and_not_written() {
    let image = CodeImage::new(&[0xb8, 42, 0, 0, 0, 0xc3]).unwrap();
    let start = std::ptr::with_exposed_provenance::<u8>(image.base());
    // SAFETY: `mov eax, 42; ret` is a function of this type.
    let answer = unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> i32>(start) }();
    assert_eq!(answer, 42);
    assert_eq!(access_at(image.base()).as_deref(), Some("r-xp"));
}

#[test]
fn sites_are_exact_and_belong_to_the_code() {
    let sites = [(0, 7), (3, 8), (15, 9), (16, 10)];
    let found = CodeSpan::new(CodeImage::new(&[0xcc; 16]).unwrap(), Sites::of(&sites));
    let at = found.start();
    let sites: Vec<_> = [0, 1, 3, 15, 16].map(|offset| found.site(at + offset)).into();
    assert_eq!(sites, [Some(7), None, Some(8), Some(9), None]);
    assert_eq!((found.site(at - 1), found.site(0)), (None, None));
    assert!(found.contains(at) && found.contains(at + 15));
    assert!(!found.contains(at + 16) && !found.contains(at - 1));
    assert!(CodeImage::new(&[]).unwrap().is_empty());
}

#[test]
fn code_and_sites_are_used_where_they_lie_in_a_file() {
    let mut bytes = vec![0xcc; HOST_PAGE];
    bytes.extend_from_slice(&[1, 0, 0, 0, 9, 0, 0, 0, 5, 6]);
    let mut file = Arc::new(MappedFile::copy_of(&bytes).unwrap());
    let image = CodeImage::of_file(&mut file, 0..HOST_PAGE).unwrap();
    assert_eq!(image.base(), file.bytes().as_ptr() as usize);
    // Somebody may be running code in it now.
    assert!(CodeImage::of_file(&mut file, 0..HOST_PAGE).is_err());
    for range in [HOST_PAGE..bytes.len() - 1, bytes.len()..bytes.len() + 5] {
        assert!(matches!(Sites::of_file(&file, range), Err(CodeError::Sites)));
    }
    let sites = Sites::of_file(&file, HOST_PAGE..bytes.len()).unwrap();
    drop(file);
    let span = CodeSpan::new(image, sites);
    let sites: Vec<_> = [0, 1, 9].map(|offset| span.site(span.start() + offset)).into();
    assert_eq!(sites, [None, Some(5), Some(6)]);
}

#[test]
fn a_table_that_does_not_ascend_is_read_inside_all_the_same() {
    let image = CodeImage::new(&[0xcc; 64]).unwrap();
    let span = CodeSpan::new(image, Sites::of(&[(9, 1), (3, 2), (u32::MAX, 3), (0, 4)]));
    for offset in 0..64 {
        let _ = span.site(span.start() + offset);
    }
}
