//! Bytes, holes and seals of images.

use super::*;

/// Bytes that the file takes.
fn taken(fd: BorrowedFd<'_>) -> u64 {
    let file = File::from(fd.try_clone_to_owned().unwrap());
    std::os::unix::fs::MetadataExt::blocks(&file.metadata().unwrap()) * 512
}

#[test]
fn zeros_take_no_memory_and_read_as_zeros() {
    let mut builder = ImageBuilder::new(100 * HOST_PAGE - 7).unwrap();
    builder.write(0, &vec![0; 50 * HOST_PAGE]).unwrap();
    builder.write(7 * HOST_PAGE - 1, &[1, 2]).unwrap();
    let image = builder.seal().unwrap();
    assert_eq!(image.len(), 100 * HOST_PAGE);
    assert_eq!(taken(image.fd()), 2 * HOST_PAGE as u64);
    let holes: Vec<_> = (0..101).filter(|&page| !image.is_hole(page)).collect();
    assert_eq!(holes, [6, 7]);
    let mut expected = vec![0; 100 * HOST_PAGE];
    expected[7 * HOST_PAGE - 1..=7 * HOST_PAGE].copy_from_slice(&[1, 2]);
    assert!(image.bytes() == expected);
}

#[test]
fn any_writes_leave_what_they_wrote() {
    const PAGES: usize = 6;
    let mut seed = 7u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..50 {
        let mut builder = ImageBuilder::new(PAGES * HOST_PAGE).unwrap();
        let mut expected = vec![0; PAGES * HOST_PAGE];
        for _ in 0..8 {
            let start = random(PAGES * HOST_PAGE);
            let end = start + random(PAGES * HOST_PAGE - start + 1);
            // Half of the writes are zeros, over what was written and over what was not.
            let byte = u8::try_from(random(2) * 3).unwrap();
            expected[start..end].fill(byte);
            // SAFETY: the vector is this test's own.
            unsafe {
                builder.copy_from(
                    start,
                    expected[start..].as_ptr().expose_provenance(),
                    end - start,
                )
            }
            .unwrap();
        }
        assert!(builder.seal().unwrap().bytes() == expected);
    }
}

#[test]
fn a_sealed_image_cannot_be_changed_by_anybody() {
    let mut builder = ImageBuilder::new(1).unwrap();
    builder.write(0, &[1]).unwrap();
    let image = builder.seal().unwrap();
    let fd = image.fd().as_raw_fd();
    // SAFETY: the descriptor is open, and the byte is readable.
    let refused = unsafe {
        [
            libc::pwrite(fd, [2u8].as_ptr().cast(), 1, 0),
            libc::ftruncate(fd, 0) as isize,
            libc::ftruncate(fd, 1 << 20) as isize,
            libc::fcntl(fd, libc::F_ADD_SEALS, libc::F_SEAL_FUTURE_WRITE) as isize,
        ]
    };
    assert_eq!(refused, [-1; 4]);
    assert!(pages::map(HOST_PAGE, Access::Write, Shows::File(image.fd(), 0)).is_err());
    assert_eq!(image.bytes()[0], 1);
}

#[test]
fn writes_beyond_the_end_are_refused() {
    let mut builder = ImageBuilder::new(HOST_PAGE).unwrap();
    for (offset, len) in [(HOST_PAGE, 1), (HOST_PAGE - 1, 2), (usize::MAX, 2)] {
        let written = builder.write(offset, &vec![1; len]);
        assert!(matches!(written, Err(ImageError::OutOfBounds { .. })));
    }
    assert!(ImageBuilder::new(usize::MAX).is_err());
    builder.write(HOST_PAGE, &[]).unwrap();
}

#[test]
fn pages_of_a_file_are_an_image() {
    let mut file = File::from(memfd(c"faasm-test").unwrap());
    let bytes: Vec<u8> = (0..3 * HOST_PAGE).map(|at| u8::try_from(at % 251).unwrap()).collect();
    io::Write::write_all(&mut file, &bytes).unwrap();
    // SAFETY: nobody else knows the file, and it is not written again.
    let of =
        |offset, len, pages: &[bool]| unsafe { Image::of_file(&file, offset, len, pages.into()) };
    let image = of(HOST_PAGE, 2 * HOST_PAGE, &[true, false]).unwrap();
    assert!(image.bytes() == &bytes[HOST_PAGE..]);
    assert!(!image.is_hole(0) && image.is_hole(1));
    let slot = crate::slot::Slot::reserve(1 << 20).unwrap();
    slot.map_image(HOST_PAGE, &image).unwrap();
    let mut read = vec![0; 2 * HOST_PAGE];
    // SAFETY: the image was mapped there just now, and nobody else has the slot.
    unsafe {
        slot.write(HOST_PAGE, &[0xff]).unwrap();
        slot.read(HOST_PAGE, &mut read).unwrap();
    }
    assert!(read[0] == 0xff && read[1..] == bytes[HOST_PAGE + 1..]);
    assert!(image.bytes() == &bytes[HOST_PAGE..], "the copy was written, not the file");
    for (offset, len, pages) in [
        (0, 4 * HOST_PAGE, 4),
        (1, HOST_PAGE, 1),
        (0, HOST_PAGE + 1, 1),
        (0, 0, 0),
        (0, HOST_PAGE, 2),
        (usize::MAX - HOST_PAGE + 1, HOST_PAGE, 1),
    ] {
        assert!(of(offset, len, &vec![true; pages]).is_err(), "{offset} {len} {pages}");
    }
}
