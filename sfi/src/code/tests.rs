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
    let span = |offsets: &[u32], codes: &[u8]| {
        let image = Arc::new(CodeImage::new(&[0xcc; 16]).unwrap());
        CodeSpan::new(image, offsets.to_vec(), codes.to_vec())
    };
    let found = span(&[0, 3, 15], &[7, 8, 9]).unwrap();
    let at = found.start();
    let sites: Vec<_> = [0, 1, 3, 15, 16].map(|offset| found.site(at + offset)).into();
    assert_eq!(sites, [Some(7), None, Some(8), Some(9), None]);
    assert_eq!((found.site(at - 1), found.site(0)), (None, None));
    assert!(found.contains(at) && found.contains(at + 15));
    assert!(!found.contains(at + 16) && !found.contains(at - 1));
    for (offsets, codes) in
        [(&[3u32, 0][..], &[1u8, 2][..]), (&[16], &[1]), (&[1, 1], &[1, 2]), (&[1], &[])]
    {
        assert!(matches!(span(offsets, codes), Err(CodeError::Sites)));
    }
    assert!(CodeImage::new(&[]).unwrap().is_empty());
}
