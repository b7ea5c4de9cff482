//! What a shared region promises: bounds, growth, the seal, one memory behind many handles.

use std::sync::atomic::Ordering;
use std::thread;

use super::*;

fn page() -> usize {
    region::page::size()
}

#[test]
fn lengths_are_whole_pages_and_start_at_zero_bytes() {
    let region = SharedRegion::create(1, 1).unwrap();
    assert_eq!((region.len(), region.max_len()), (page(), page()));
    assert_eq!(region.read_vec(0, page()).unwrap(), vec![0; page()]);
    assert!(SharedRegion::create(0, 0).unwrap().is_empty());
    assert!(matches!(SharedRegion::create(page() + 1, page()), Err(RegionError::TooLong { .. })));
    assert!(matches!(SharedRegion::create(0, usize::MAX), Err(RegionError::TooLong { .. })));
}

#[test]
fn copies_are_exact_at_every_alignment_and_length() {
    let region = SharedRegion::create(page(), page()).unwrap();
    let pattern: Vec<u8> = (1..=40).collect();
    for offset in 0..16 {
        for len in 0..=pattern.len() {
            region.fill(0, 64, 0xee).unwrap();
            region.write(offset, &pattern[..len]).unwrap();
            let mut expected = vec![0xee; 64];
            expected[offset..offset + len].copy_from_slice(&pattern[..len]);
            assert_eq!(region.read_vec(0, 64).unwrap(), expected, "write of {len} at {offset}");
            let mut out = vec![0; len];
            region.read(offset, &mut out).unwrap();
            assert_eq!(out, &pattern[..len], "read of {len} at {offset}");
            region.fill(offset, len, 7).unwrap();
            expected[offset..offset + len].fill(7);
            assert_eq!(region.read_vec(0, 64).unwrap(), expected, "fill of {len} at {offset}");
        }
    }
}

#[test]
fn bounds_hold_at_the_edge_and_against_overflow() {
    let region = SharedRegion::create(page(), 4 * page()).unwrap();
    let end = page();
    region.write(end - 1, &[1]).unwrap();
    region.write(end, &[]).unwrap();
    for (offset, len) in
        [(end, 1), (end - 1, 2), (usize::MAX, 1), (usize::MAX - 3, 8), (end + 1, 0)]
    {
        let bytes = vec![0; len];
        assert!(
            matches!(region.write(offset, &bytes), Err(RegionError::OutOfBounds { .. })),
            "write {offset} {len}"
        );
        assert!(region.read_vec(offset, len).is_err(), "read {offset} {len}");
        assert!(region.fill(offset, len, 0).is_err(), "fill {offset} {len}");
    }
    assert!(
        region.read_vec(8, usize::MAX).is_err(),
        "a huge length is refused before it is allocated"
    );
    assert!(matches!(region.atomic_u32(end - 2), Err(RegionError::OutOfBounds { .. })));
    assert!(matches!(region.atomic_u64(end - 4), Err(RegionError::OutOfBounds { .. })));
    assert!(matches!(region.atomic_u32(2), Err(RegionError::Misaligned { offset: 2, align: 4 })));
    assert!(matches!(region.atomic_u64(4), Err(RegionError::Misaligned { offset: 4, align: 8 })));
}

#[test]
fn growth_keeps_bytes_and_shows_in_every_handle() {
    let region = SharedRegion::create(page(), 3 * page()).unwrap();
    let other = region.clone();
    region.write(0, b"kept").unwrap();
    region.grow_to(page() + 1).unwrap();
    assert_eq!(other.len(), 2 * page());
    region.grow_to(1).unwrap();
    assert_eq!(other.len(), 2 * page(), "growing to less changes nothing");
    assert_eq!(other.read_vec(0, 4).unwrap(), b"kept");
    other.write(2 * page() - 1, &[9]).unwrap();
    assert_eq!(region.read_vec(2 * page() - 1, 1).unwrap(), [9]);
    assert!(matches!(region.grow_to(3 * page() + 1), Err(RegionError::TooLong { .. })));
    assert!(matches!(region.grow_to(usize::MAX), Err(RegionError::TooLong { .. })));
    assert!(region.same_as(&other));
}

#[test]
fn nobody_can_shrink_or_freeze_a_region() {
    let region = SharedRegion::create(2 * page(), 2 * page()).unwrap();
    let fd = region.fd().try_clone_to_owned().unwrap();
    let shrink = set_file_len(&fd, page()).unwrap_err();
    let RegionError::Os { source, .. } = shrink else { panic!("{shrink}") };
    assert_eq!(source.raw_os_error(), Some(libc::EPERM));
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    let more_seals =
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_FUTURE_WRITE) };
    assert_eq!(more_seals, -1, "the set of seals is closed");
}

#[test]
fn a_second_mapping_of_the_descriptor_is_the_same_memory() {
    let region = SharedRegion::create(page(), page()).unwrap();
    let fd = region.fd().try_clone_to_owned().unwrap();
    let guest = map(&fd, page()).unwrap();
    region.write(100, b"host").unwrap();
    // SAFETY: the mapping above is one page long, readable and writable, and no other thread knows it.
    let seen = unsafe { std::ptr::read_volatile(guest.as_ptr().add(100).cast::<[u8; 4]>()) };
    assert_eq!(&seen, b"host");
    // SAFETY: as above.
    unsafe { std::ptr::write_volatile(guest.as_ptr().add(200), 42) };
    drop(fd);
    assert_eq!(region.read_vec(200, 1).unwrap(), [42]);
    drop(region);
    // SAFETY: the mapping holds the file open by itself; it is the one made above, and unmapped once.
    unsafe {
        assert_eq!(std::ptr::read_volatile(guest.as_ptr().add(200)), 42, "it outlives the region");
        assert_eq!(libc::munmap(guest.as_ptr().cast(), page()), 0);
    }
}

#[test]
fn atomics_count_across_threads_and_growth() {
    let region = SharedRegion::create(page(), 64 * page()).unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    region.atomic_u32(4).unwrap().fetch_add(1, Ordering::Relaxed);
                    region.atomic_u64(8).unwrap().fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| (1..=64).for_each(|pages| region.grow_to(pages * page()).unwrap()));
    });
    let mut count = [0; 4];
    region.read(4, &mut count).unwrap();
    assert_eq!(u32::from_ne_bytes(count), 20_000);
    assert_eq!(region.atomic_u64(8).unwrap().load(Ordering::Relaxed), 20_000);
    assert_eq!(region.len(), 64 * page());
}

#[test]
fn what_was_touched_is_found_whoever_did_it() {
    let page = SharedRegion::page_size();
    let region = SharedRegion::create(8 * page, 16 * page).unwrap();
    assert_eq!(region.next_touched(0).unwrap(), None);
    region.write(page + 5, &[1]).unwrap();
    region.write(4 * page - 1, &[1, 1]).unwrap();
    assert_eq!(region.next_touched(0).unwrap(), Some(page..2 * page));
    assert_eq!(region.next_touched(2 * page).unwrap(), Some(3 * page..5 * page));
    assert_eq!(region.next_touched(5 * page).unwrap(), None);
    region.grow_to(16 * page).unwrap();
    region.write(16 * page - 1, &[1]).unwrap();
    assert_eq!(region.next_touched(5 * page).unwrap(), Some(15 * page..16 * page));
    assert_eq!(region.next_touched(16 * page).unwrap(), None);
}

#[test]
fn pages_that_are_given_back_are_zero_and_not_there() {
    let page = SharedRegion::page_size();
    let region = SharedRegion::create(4 * page, 4 * page).unwrap();
    region.fill(0, 4 * page, 7).unwrap();
    region.discard(page - 1..3 * page + 1).unwrap();
    assert_eq!(region.next_touched(page).unwrap(), Some(3 * page..4 * page));
    // Reading them may bring them back.
    assert_eq!(region.read_vec(page - 1, 3).unwrap(), [7, 0, 0]);
    assert_eq!(region.read_vec(3 * page - 1, 2).unwrap(), [0, 7]);
    assert_eq!(region.len(), 4 * page);
    region.discard(5..5).unwrap();
    assert!(region.discard(3 * page..5 * page).is_err());
    region.write(page, b"again").unwrap();
    assert_eq!(region.read_vec(page, 5).unwrap(), b"again");
}
