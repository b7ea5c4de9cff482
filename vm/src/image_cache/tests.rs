//! The index of an image: written as it is read, and nothing else is read.

use proptest::prelude::*;

use super::*;

fn name() -> Digest {
    Digest::of(b"a manifest")
}

proptest! {
    #[test]
    fn an_index_is_read_as_it_was_written(present in prop::collection::vec(any::<bool>(), 0..300)) {
        let index = write_index(name(), &present);
        prop_assert_eq!(read_index(&index, name(), present.len()), Ok(present));
    }
}

#[test]
fn every_field_of_an_index_is_checked() {
    let present = [false, true, true, false, true];
    let index = write_index(name(), &present);
    let changed = |at: usize, to: u8| {
        let mut index = index.clone();
        index[at] = to;
        read_index(&index, name(), present.len())
    };
    assert_eq!(changed(0, b'f'), Err("it is of another version"), "magic");
    assert_eq!(changed(8, 2), Err("it is of another version"), "version");
    assert_eq!(changed(12, 3), Err("its index has another length"), "runs");
    assert_eq!(changed(16, !index[16]), Err("it is of another snapshot"), "name");
    let misplaced = Err("a run of pages is misplaced");
    assert_eq!(changed(48 + 16, 2), misplaced, "overlapping");
    assert_eq!(changed(48 + 16 + 8, 2), misplaced, "behind the end");
    assert_eq!(changed(48 + 8, 0), misplaced, "empty");
    assert_eq!(changed(48 + 7, 0xff), misplaced, "far away");
    assert_eq!(read_index(&index[..47], name(), 5), Err("its index is too short"));
    assert_eq!(
        read_index(&index[..index.len() - 1], name(), 5),
        Err("its index has another length")
    );
}
