//! Restoration is exact, whatever was done to the pages, and with every strategy.

use super::*;
use crate::image::ImageBuilder;

const PAGES: usize = 300;
const AT: usize = 16 * HOST_PAGE;

/// Those that find exactly the written pages.
fn scanners() -> [Scanner; 2] {
    [Strategy::Scan, Strategy::Entries].map(|strategy| Scanner::with(strategy).unwrap())
}

/// Every strategy, and the fastest on lesser kernels.
fn all() -> Vec<Scanner> {
    let forced = Strategy::ALL.map(|strategy| Scanner::with(strategy).unwrap());
    let lesser = [true, false].map(Scanner::without_scan);
    assert!(matches!(lesser[0].search, Search::Entries(_)));
    assert!(matches!(lesser[1].search, Search::Nowhere));
    forced.into_iter().chain(lesser).collect()
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
    restore_known(scanner, slot, image, &mut Known::default()).pages
}

fn assert_exact(slot: &Slot, image: &Image) {
    assert!(read(slot, AT, image.len()) == image.bytes(), "a byte differs from the image");
}

#[test]
fn this_kernel_scans() {
    assert!(matches!(Scanner::open().search, Search::Scan(_)), "Linux 6.7 or later");
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
    for scanner in all() {
        let (slot, mut known) = (slot(&image), Known::default());
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
            restore_known(&scanner, &slot, &image, &mut known);
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

fn restore_known(scanner: &Scanner, slot: &Slot, image: &Image, known: &mut Known) -> Restored {
    // SAFETY: the image is mapped there, nobody runs in the slot, and the tests touch `known` where threads write.
    unsafe { scanner.restore(slot, std::iter::once((AT, image)), known) }.unwrap()
}

#[test]
fn known_pages_are_restored_and_new_ones_are_found() {
    for scanner in [Scanner::open(), Scanner::without_scan(true)] {
        let (image, most) = (image(), 200);
        let (slot, mut known) = (slot(&image), Known::default());
        // A plain sequence in which pages come, come again, and new ones come between.
        let mut all = std::collections::BTreeSet::new();
        for round in 1..200 {
            let writes = [round * 7 % 5, round * 31 % most.min(round + 1)];
            for page in writes {
                write(&slot, page, &[round.to_le_bytes()[0]; 9]);
                all.insert(page);
            }
            known.touch();
            let restored = restore_known(&scanner, &slot, &image, &mut known);
            let changed = if writes[0] == writes[1] { 1 } else { 2 };
            assert_eq!(restored, Restored { pages: all.len(), changed, bloated: false });
            assert_exact(&slot, &image);
        }
    }
}

#[test]
fn every_strategy_restores_every_byte_after_each_of_many_lives() {
    for scanner in all() {
        let image = image();
        let (slot, mut known) = (slot(&image), Known::default());
        for life in 0..40 {
            for page in (life..PAGES).step_by(7 + life) {
                known.touch();
                write(&slot, page, &[0x5a; HOST_PAGE]);
            }
            restore_known(&scanner, &slot, &image, &mut known);
            assert_exact(&slot, &image);
        }
    }
}

#[test]
fn a_small_image_is_compared_and_its_pages_are_known() {
    let mut builder = ImageBuilder::new(SMALL).unwrap();
    builder.write(HOST_PAGE, &[3; 2 * HOST_PAGE]).unwrap();
    let (image, scanner) = (builder.seal().unwrap(), Scanner::open());
    let (slot, mut known) = (slot(&image), Known::default());
    for life in 0..20 {
        known.touch();
        write(&slot, life % 4, &[0x77; 3]);
        let restored = restore_known(&scanner, &slot, &image, &mut known);
        assert_eq!(restored, Restored { pages: 4, changed: 1, bloated: false });
        assert_exact(&slot, &image);
    }
}

#[test]
fn pages_that_another_thread_wrote_are_found() {
    for adopts in [false, true] {
        let (scanner, image) = (Scanner::open(), image());
        let (slot, mut known) = (slot(&image), Known::default());
        restore_known(&scanner, &slot, &image, &mut known);
        let thread = std::thread::spawn(move || {
            if adopts {
                known.adopt();
            }
            known.touch();
            write(&slot, 200, b"by another thread");
            (slot, known)
        });
        let (slot, mut known) = thread.join().unwrap();
        // This thread need not have had a fault.
        assert_eq!(restore_known(&scanner, &slot, &image, &mut known).changed, 1);
        assert_exact(&slot, &image);
    }
}

#[test]
fn pages_that_were_found_by_another_thread_are_adopted_only_at_rest() {
    let (scanner, image) = (Scanner::open(), image());
    let (mut slot, mut known) = (slot(&image), Known::default());
    let (scanner, image) = (&scanner, &image);
    std::thread::scope(|scope| {
        // Found there; then, with `late`, written to without a word but `touch`.
        for late in [false, true] {
            let found = scope.spawn(move || {
                let (slot, mut known) = (slot, known);
                known.touch();
                write(&slot, 7, b"found");
                restore_known(scanner, &slot, image, &mut known);
                if late {
                    known.touch();
                    write(&slot, 8, b"late");
                }
                (slot, known)
            });
            (slot, known) = found.join().unwrap();
            known.adopt();
            known.touch();
            write(&slot, 7, b"again");
            let restored = restore_known(scanner, &slot, image, &mut known);
            assert_eq!(restored.pages, 1 + usize::from(late));
            assert_exact(&slot, image);
        }
    });
}

#[test]
fn a_slot_with_many_pages_that_calls_do_not_change_is_bloated() {
    let (scanner, image) = (Scanner::open(), image());
    let (slot, mut known) = (slot(&image), Known::default());
    (0..PAGES).for_each(|page| write(&slot, page, &[0xff; HOST_PAGE]));
    let all = restore_known(&scanner, &slot, &image, &mut known);
    assert_eq!(all, Restored { pages: PAGES, changed: PAGES, bloated: false });
    known.touch();
    write(&slot, 5, &[1]);
    let few = restore_known(&scanner, &slot, &image, &mut known);
    assert_eq!(few, Restored { pages: PAGES, changed: 1, bloated: true });
    let mut discard = crate::slot::Discard::default();
    discard.add_known(&mut known);
    // SAFETY: this thread alone knows the slot.
    unsafe { crate::slot::Discarder::open().discard(&discard) }.unwrap();
    assert_exact(&slot, &image);
    write(&slot, 6, &[1]);
    assert_eq!(restore_known(&scanner, &slot, &image, &mut known).pages, 1);
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
