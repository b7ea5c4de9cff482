//! Restoration is exact, whatever was done to the pages, and with either way to find them.

use super::*;
use crate::image::ImageBuilder;

const PAGES: usize = 300;
const AT: usize = 16 * HOST_PAGE;

fn scanners() -> [Scanner; 2] {
    let scanners = [Scanner::open().unwrap(), Scanner::with_entries().unwrap()];
    assert_eq!(scanners[1].method, Method::Entries);
    scanners
}

/// Every third page is a hole; the others differ.
fn image() -> Image {
    let mut builder = ImageBuilder::new(PAGES * HOST_PAGE).unwrap();
    for page in (0..PAGES).filter(|page| page % 3 != 0) {
        let byte = u8::try_from(page % 251 + 1).unwrap();
        builder.write(page * HOST_PAGE, &[byte; HOST_PAGE]).unwrap();
    }
    builder.seal().unwrap()
}

fn slot(image: &Image) -> Slot {
    let slot = Slot::reserve(2 << 20).unwrap();
    slot.commit(AT - HOST_PAGE, HOST_PAGE).unwrap();
    slot.map_image(AT, image).unwrap();
    slot.commit(AT + image.len(), HOST_PAGE).unwrap();
    slot
}

fn write(slot: &Slot, page: usize, bytes: &[u8]) {
    // SAFETY: the pages are accessible, and this thread alone knows the slot.
    unsafe { slot.write(AT + page * HOST_PAGE, bytes) }.unwrap();
}

fn read(slot: &Slot, offset: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // SAFETY: as above.
    unsafe { slot.read(offset, &mut bytes) }.unwrap();
    bytes
}

fn restore(scanner: &Scanner, slot: &Slot, image: &Image) -> usize {
    // SAFETY: the image is mapped there, and nobody runs in the slot.
    unsafe { scanner.restore(slot, AT, image) }.unwrap().pages
}

fn assert_exact(slot: &Slot, image: &Image) {
    assert!(read(slot, AT, image.len()) == image.bytes(), "a byte differs from the image");
}

#[test]
fn this_kernel_scans() {
    assert_eq!(Scanner::open().unwrap().method, Method::Scan, "Linux 6.7 or later");
}

#[test]
fn written_pages_are_restored_and_counted_and_read_ones_are_left() {
    for scanner in scanners() {
        let (image, page) = (image(), [0xff; HOST_PAGE]);
        let slot = slot(&image);
        assert_eq!(restore(&scanner, &slot, &image), 0, "nothing was touched");
        assert_exact(&slot, &image);
        assert_eq!(restore(&scanner, &slot, &image), 0, "everything was read");
        // A hole, a page with contents, the first, the last, and one byte of one that was read before.
        for dirty in [3, 4, 0, PAGES - 1] {
            write(&slot, dirty, &page);
        }
        write(&slot, 100, &[1]);
        let written = scanner.written_pages(&slot, AT, &image).unwrap();
        let pages: usize = written.iter().map(|range| range.len() / HOST_PAGE).sum();
        assert_eq!(pages, 5);
        assert_eq!(restore(&scanner, &slot, &image), 5);
        assert_exact(&slot, &image);
        assert_eq!(restore(&scanner, &slot, &image), 5, "copies stay resident");
        assert_exact(&slot, &image);
    }
}

#[test]
fn neighbours_of_the_image_are_left_alone() {
    for scanner in scanners() {
        let image = image();
        let slot = slot(&image);
        let (before, after) = (AT - 1, AT + image.len());
        for offset in [before, after] {
            // SAFETY: the pages are accessible, and this thread alone knows the slot.
            unsafe { slot.write(offset, &[7]) }.unwrap();
        }
        write(&slot, 0, &[7]);
        write(&slot, PAGES - 1, &[7; HOST_PAGE]);
        assert_eq!(restore(&scanner, &slot, &image), 2);
        assert_eq!((read(&slot, before, 1), read(&slot, after, 1)), (vec![7], vec![7]));
    }
}

#[test]
fn more_ranges_than_one_call_tells_are_found() {
    for scanner in scanners() {
        let image = image();
        let slot = slot(&image);
        for page in (0..PAGES).step_by(2) {
            write(&slot, page, &[0xee]);
        }
        assert_eq!(restore(&scanner, &slot, &image), PAGES.div_ceil(2));
        assert_exact(&slot, &image);
        for page in 0..PAGES {
            write(&slot, page, &[0xdd; HOST_PAGE]);
        }
        assert_eq!(restore(&scanner, &slot, &image), PAGES);
        assert_exact(&slot, &image);
    }
}

#[test]
fn pages_that_the_kernel_may_move_or_take_are_restored() {
    for scanner in scanners() {
        let image = image();
        let slot = slot(&image);
        for page in 0..PAGES {
            write(&slot, page, &[0xcc; 64]);
        }
        let address = std::ptr::without_provenance_mut(slot.address() + AT);
        for advice in [libc::MADV_COLD, libc::MADV_PAGEOUT, libc::MADV_MERGEABLE] {
            // SAFETY: advice that changes no byte. Where there is no swap or no merging it does nothing or fails.
            unsafe { libc::madvise(address, image.len(), advice) };
        }
        assert_eq!(restore(&scanner, &slot, &image), PAGES);
        assert_exact(&slot, &image);
    }
}

#[test]
fn random_use_leaves_no_trace() {
    let image = image();
    let mut seed = 3u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for scanner in scanners() {
        let slot = slot(&image);
        for _ in 0..60 {
            for _ in 0..random(40) {
                let page = random(PAGES);
                if random(3) == 0 {
                    read(&slot, AT + page * HOST_PAGE, 8);
                } else {
                    let len = random(HOST_PAGE) + 1;
                    write(&slot, page, &vec![u8::try_from(random(256)).unwrap(); len]);
                }
            }
            restore(&scanner, &slot, &image);
            assert_exact(&slot, &image);
        }
    }
}

#[test]
fn an_image_that_is_not_there_is_refused() {
    let image = image();
    let slot = slot(&image);
    for scanner in scanners() {
        for offset in [AT + 1, slot.len(), usize::MAX - HOST_PAGE + 1] {
            let found = scanner.written_pages(&slot, offset, &image);
            assert!(matches!(found, Err(RestoreError::OutOfBounds { .. })));
        }
    }
}

fn restore_known(scanner: &Scanner, slot: &Slot, image: &Image, known: &mut Known) -> usize {
    // SAFETY: the image is mapped there, nobody runs in the slot, and the tests touch `known` where threads write.
    unsafe { scanner.restore_known(slot, std::iter::once((AT, image)), known) }.unwrap().pages
}

#[test]
fn known_pages_are_restored_and_new_ones_are_found() {
    for scanner in scanners() {
        let image = image();
        let (slot, mut known) = (slot(&image), Known::default());
        // A plain sequence in which pages come, come again, and new ones come between.
        let mut all = std::collections::BTreeSet::new();
        for round in 0..200 {
            let writes = [round * 7 % 5, round * 31 % PAGES.min(round + 1)];
            for page in writes {
                write(&slot, page, &[round.to_le_bytes()[0]; 9]);
                all.insert(page);
            }
            known.touch();
            assert_eq!(restore_known(&scanner, &slot, &image, &mut known), all.len());
            assert_exact(&slot, &image);
        }
    }
}

#[test]
fn pages_that_another_thread_wrote_are_found() {
    let (scanner, image) = (Scanner::open().unwrap(), image());
    let (slot, mut known) = (slot(&image), Known::default());
    restore_known(&scanner, &slot, &image, &mut known);
    let thread = std::thread::spawn(move || {
        known.touch();
        write(&slot, 200, b"by another thread");
        (slot, known)
    });
    let (slot, mut known) = thread.join().unwrap();
    // This thread need not have had a fault.
    assert_eq!(restore_known(&scanner, &slot, &image, &mut known), 1);
    assert_exact(&slot, &image);
}

#[test]
fn a_first_write_to_a_page_is_a_fault_that_the_kernel_counts() {
    let image = image();
    let slot = slot(&image);
    for page in 0..PAGES {
        let before = faults();
        write(&slot, page, &[1]);
        assert!(faults() > before, "page {page}: its copy was made without a counted fault");
    }
}

fn faults() -> u64 {
    known::faults_of_this_thread().expect("Linux 2.6.26 or later")
}
