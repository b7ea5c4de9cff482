//! What is mapped where, and what is left when mappings run out.

use super::*;
use crate::guest::{access_at, child};
use crate::image::ImageBuilder;

fn read(slot: &Slot, offset: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // SAFETY: the tests read what they made accessible, and nobody else knows the slot.
    unsafe { slot.read(offset, &mut bytes) }.unwrap();
    bytes
}

fn write(slot: &Slot, offset: usize, bytes: &[u8]) {
    // SAFETY: the tests write what they made accessible, and nobody else knows the slot.
    unsafe { slot.write(offset, bytes) }.unwrap();
}

#[test]
fn a_reservation_is_aligned_inaccessible_and_unmapped_in_the_end() {
    for len in [1, BLOCK - HOST_PAGE, BLOCK, 3 * BLOCK + 5, 4 << 30] {
        let slot = Slot::reserve(len).unwrap();
        assert!(slot.address().is_multiple_of(BLOCK) && slot.len() >= len);
        let (first, last) = (slot.address(), slot.address() + slot.len() - 1);
        assert_eq!(access_at(first).as_deref(), Some("---p"));
        assert_eq!(access_at(last).as_deref(), Some("---p"));
    }
    assert!(matches!(Slot::reserve(usize::MAX), Err(SlotError::Exhausted { .. })));
    assert!(matches!(Slot::reserve(1 << 50), Err(SlotError::Exhausted { .. })));
}

#[test]
fn committed_pages_are_zero_and_decommitted_ones_are_gone() {
    let slot = Slot::reserve(BLOCK).unwrap();
    slot.commit(HOST_PAGE, 2 * HOST_PAGE).unwrap();
    assert_eq!(read(&slot, HOST_PAGE, 2 * HOST_PAGE), vec![0; 2 * HOST_PAGE]);
    write(&slot, 2 * HOST_PAGE - 2, &[1, 2, 3]);
    slot.commit(HOST_PAGE, 3 * HOST_PAGE).unwrap();
    assert_eq!(read(&slot, 2 * HOST_PAGE - 2, 3), [1, 2, 3], "growing keeps what is there");
    slot.decommit(2 * HOST_PAGE, HOST_PAGE).unwrap();
    let at = slot.address();
    let access = [0, 1, 2, 3, 4].map(|page| access_at(at + page * HOST_PAGE).unwrap());
    assert_eq!(access, ["---p", "rw-p", "---p", "rw-p", "---p"]);
    slot.commit(2 * HOST_PAGE, HOST_PAGE).unwrap();
    assert_eq!(read(&slot, 2 * HOST_PAGE, 2), [0, 0]);
}

#[test]
fn an_image_is_copied_by_who_writes_it() {
    let mut builder = ImageBuilder::new(2 * HOST_PAGE).unwrap();
    builder.write(5, b"image").unwrap();
    let image = builder.seal().unwrap();
    let slots = [(); 2].map(|()| Slot::reserve(BLOCK).unwrap());
    for slot in &slots {
        slot.map_image(HOST_PAGE, &image).unwrap();
    }
    write(&slots[0], HOST_PAGE + 5, b"other");
    assert_eq!(read(&slots[0], HOST_PAGE + 5, 5), b"other");
    assert_eq!(read(&slots[1], HOST_PAGE + 5, 5), b"image");
    assert_eq!(&image.bytes()[5..10], b"image");
}

#[test]
fn a_region_is_the_same_memory_in_all_slots_and_stays_without_its_handle() {
    let region = SharedRegion::create(2 * HOST_PAGE, 8 * HOST_PAGE).unwrap();
    let slots = [(); 2].map(|()| Slot::reserve(BLOCK).unwrap());
    slots[0].map_region(0, &region, 0, 2 * HOST_PAGE).unwrap();
    slots[1].map_region(HOST_PAGE, &region, HOST_PAGE, HOST_PAGE).unwrap();
    write(&slots[0], HOST_PAGE, b"shared");
    assert_eq!(read(&slots[1], HOST_PAGE, 6), b"shared");
    assert_eq!(region.read_vec(HOST_PAGE, 6).unwrap(), b"shared");
    let beyond = slots[0].map_region(0, &region, HOST_PAGE, 2 * HOST_PAGE);
    assert!(matches!(beyond, Err(SlotError::OutOfBounds { .. })), "no page without a file");
    drop(region);
    assert_eq!(read(&slots[0], HOST_PAGE, 6), b"shared");
}

#[test]
fn what_is_not_whole_pages_inside_is_refused() {
    let slot = Slot::reserve(BLOCK).unwrap();
    let image = ImageBuilder::new(HOST_PAGE).unwrap().seal().unwrap();
    let region = SharedRegion::create(HOST_PAGE, HOST_PAGE).unwrap();
    for (offset, len) in [(BLOCK, HOST_PAGE), (0, BLOCK + HOST_PAGE), (!(HOST_PAGE - 1), HOST_PAGE)]
    {
        assert!(matches!(slot.commit(offset, len), Err(SlotError::OutOfBounds { .. })));
        assert!(matches!(slot.decommit(offset, len), Err(SlotError::OutOfBounds { .. })));
    }
    for (offset, len) in [(1, HOST_PAGE), (0, 1)] {
        assert!(matches!(slot.commit(offset, len), Err(SlotError::NotWholePages { .. })));
        assert!(matches!(slot.decommit(offset, len), Err(SlotError::NotWholePages { .. })));
        let mapped = slot.map_region(offset, &region, 0, len);
        assert!(matches!(mapped, Err(SlotError::NotWholePages { .. })));
    }
    assert!(matches!(slot.map_image(BLOCK, &image), Err(SlotError::OutOfBounds { .. })));
    assert!(matches!(slot.map_image(7, &image), Err(SlotError::NotWholePages { .. })));
    // SAFETY: refused before anything is touched.
    let written = unsafe { slot.write(usize::MAX, &[0]) };
    assert!(matches!(written, Err(SlotError::OutOfBounds { .. })));
}

#[test]
fn when_mappings_run_out_it_is_an_error_and_what_was_there_goes_on() {
    let name = "slot::tests::when_mappings_run_out_it_is_an_error_and_what_was_there_goes_on";
    if let Some((status, output)) = child(name) {
        assert!(status.success(), "{status}: {output}");
        return;
    }
    // A gigabyte each, so that address space ends the loop where the system allows any number of mappings.
    let one = |slot: Slot| slot.commit(HOST_PAGE, HOST_PAGE).map(|()| slot);
    let mut slots = Vec::with_capacity(1 << 18);
    let error = loop {
        match Slot::reserve(1 << 30).and_then(one) {
            Ok(slot) => slots.push(slot),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SlotError::Exhausted { .. }), "{error}");
    let image_error = ImageBuilder::new(1)
        .unwrap()
        .seal()
        .map(|image| slots.iter().find_map(|slot| slot.map_image(4 * HOST_PAGE, &image).err()));
    write(&slots[0], HOST_PAGE, &[9]);
    assert_eq!(read(&slots[0], HOST_PAGE, 1), [9]);
    drop(image_error);
    let halfway = slots.len() / 2;
    slots.truncate(halfway);
    slots.extend((0..100).map(|_| Slot::reserve(1 << 30).and_then(one).unwrap()));
}

#[test]
fn pages_of_many_slots_are_given_back_at_once_and_can_be_hidden() {
    for discarder in [Discarder::open(), Discarder::one_by_one()] {
        let mut builder = ImageBuilder::new(4 * HOST_PAGE).unwrap();
        builder.write(0, &[5; 4 * HOST_PAGE]).unwrap();
        let image = builder.seal().unwrap();
        // More ranges than one call takes.
        let slots: Vec<Slot> = (0..700).map(|_| Slot::reserve(BLOCK).unwrap()).collect();
        let mut discard = Discard::default();
        for slot in &slots {
            slot.map_image(0, &image).unwrap();
            slot.commit(4 * HOST_PAGE, 2 * HOST_PAGE).unwrap();
            write(slot, HOST_PAGE - 1, &[1, 1]);
            write(slot, 4 * HOST_PAGE, &[1]);
            discard.add(slot, HOST_PAGE..3 * HOST_PAGE).unwrap();
            discard.add(slot, 4 * HOST_PAGE..6 * HOST_PAGE).unwrap();
        }
        assert!(discard.add(&slots[0], 0..BLOCK + HOST_PAGE).is_err());
        // SAFETY: this thread alone knows the slots.
        unsafe { discarder.discard(&discard) }.unwrap();
        for slot in &slots {
            assert_eq!(
                read(slot, HOST_PAGE - 1, 2),
                [1, 5],
                "one page was kept, one shows the image"
            );
            assert_eq!(read(slot, 4 * HOST_PAGE, 1), [0]);
            slot.hide(4 * HOST_PAGE, 2 * HOST_PAGE).unwrap();
            assert_eq!(access_at(slot.address() + 5 * HOST_PAGE).as_deref(), Some("---p"));
            slot.commit(4 * HOST_PAGE, HOST_PAGE).unwrap();
            assert_eq!(read(slot, 4 * HOST_PAGE, HOST_PAGE), vec![0; HOST_PAGE]);
        }
    }
}
