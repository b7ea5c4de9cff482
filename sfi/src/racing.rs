//! Copies of bytes that others may read and write at the same time: other threads, and guests, whose code the
//! compiler cannot see.
//!
//! # Invariants
//!
//! * Every access is a relaxed atomic one, of a word where the place is aligned and of a byte at the edges; no
//!   reference to the bytes exists other than to atomics.
//! * A copy is not atomic as a whole: another thread may see it half way.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// Bytes that are between places, on the stack, while they are moved.
const PIECE: usize = 1024;

/// Fills `into` from `from` on.
///
/// # Safety
///
/// The bytes are readable, and as long as this runs everybody else of this program touches them atomically or from
/// guest code only.
pub unsafe fn read(from: *const u8, into: &mut [u8]) {
    let (head, words) = split(from, into.len());
    let (head_bytes, rest) = into.split_at_mut(head);
    let (word_bytes, tail_bytes) = rest.split_at_mut(words * WORD);
    // SAFETY: inside the range (`split`), readable (precondition).
    unsafe { read_bytes(from, head_bytes) };
    for (index, chunk) in word_bytes.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
        // SAFETY: as above, and `split` has aligned the words.
        let word = unsafe { word(from.wrapping_add(head + index * WORD)) };
        *chunk = word.load(Ordering::Relaxed).to_ne_bytes();
    }
    // SAFETY: as above.
    unsafe { read_bytes(from.wrapping_add(head + words * WORD), tail_bytes) };
}

/// Copies `bytes` to `to`.
///
/// # Safety
///
/// The bytes at `to` are writable, and otherwise as for [`read`].
pub unsafe fn write(to: *mut u8, bytes: &[u8]) {
    let (head, words) = split(to, bytes.len());
    let (head_bytes, rest) = bytes.split_at(head);
    let (word_bytes, tail_bytes) = rest.split_at(words * WORD);
    // SAFETY: inside the range (`split`), writable (precondition).
    unsafe { write_bytes(to, head_bytes) };
    for (index, chunk) in word_bytes.as_chunks::<WORD>().0.iter().enumerate() {
        // SAFETY: as above, and `split` has aligned the words.
        let word = unsafe { word(to.wrapping_add(head + index * WORD)) };
        word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
    }
    // SAFETY: as above.
    unsafe { write_bytes(to.wrapping_add(head + words * WORD), tail_bytes) };
}

/// Sets `len` bytes from `to` on to `byte`.
///
/// # Safety
///
/// As for [`write`].
pub unsafe fn fill(to: *mut u8, len: usize, byte: u8) {
    let bytes = [byte; PIECE];
    for at in (0..len).step_by(PIECE) {
        // SAFETY: a part of the range (precondition).
        unsafe { write(to.wrapping_add(at), &bytes[..PIECE.min(len - at)]) };
    }
}

/// Copies `len` bytes to `to`, as they are when they are read; the ranges may overlap.
///
/// # Safety
///
/// As for [`read`] and [`write`].
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    let mut bytes = [0; PIECE];
    let backwards = from.addr() < to.addr();
    let mut done = 0;
    while done < len {
        let piece = PIECE.min(len - done);
        let at = if backwards { len - done - piece } else { done };
        // SAFETY: parts of the ranges (precondition).
        unsafe {
            read(from.wrapping_add(at), &mut bytes[..piece]);
            write(to.wrapping_add(at), &bytes[..piece]);
        }
        done += piece;
    }
}

/// How many single bytes come before the first aligned word, and how many words follow.
fn split(place: *const u8, len: usize) -> (usize, usize) {
    let head = (place.addr().wrapping_neg() % WORD).min(len);
    (head, (len - head) / WORD)
}

/// # Safety
///
/// As for [`read`].
unsafe fn read_bytes(from: *const u8, into: &mut [u8]) {
    for (at, into) in into.iter_mut().enumerate() {
        // SAFETY: inside the range.
        *into = unsafe { byte(from.wrapping_add(at)) }.load(Ordering::Relaxed);
    }
}

/// # Safety
///
/// As for [`write`].
unsafe fn write_bytes(to: *mut u8, from: &[u8]) {
    for (at, from) in from.iter().enumerate() {
        // SAFETY: inside the range.
        unsafe { byte(to.wrapping_add(at)) }.store(*from, Ordering::Relaxed);
    }
}

/// # Safety
///
/// The byte can be accessed, as [`read`] says, while the answer is used.
unsafe fn byte<'a>(place: *const u8) -> &'a AtomicU8 {
    // SAFETY: as this function's; bytes are always aligned.
    unsafe { AtomicU8::from_ptr(place.cast_mut()) }
}

/// # Safety
///
/// As for [`byte`], for all eight bytes; the place is aligned.
unsafe fn word<'a>(place: *const u8) -> &'a AtomicU64 {
    debug_assert!(place.addr().is_multiple_of(WORD));
    // SAFETY: as this function's.
    unsafe { AtomicU64::from_ptr(place.cast_mut().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that tell every place from its neighbours.
    fn numbers(len: usize) -> Vec<u8> {
        (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[test]
    fn every_alignment_and_length_is_copied_whole_and_nothing_beside_it() {
        for (start, len) in (0..9).flat_map(|start| (0..40).map(move |len| (start, len))) {
            let mut place = vec![0xee; 64];
            let bytes = numbers(len);
            let mut back = vec![0; len];
            // SAFETY: inside the vector, which nobody else knows.
            unsafe {
                write(place.as_mut_ptr().add(start), &bytes);
                read(place.as_ptr().add(start), &mut back);
            }
            assert_eq!(back, bytes);
            let around = place[..start].iter().chain(&place[start + len..]);
            assert!(around.copied().all(|byte| byte == 0xee), "{start} {len}");
            // SAFETY: as above.
            unsafe { fill(place.as_mut_ptr().add(start), len, 7) };
            assert_eq!(place.iter().filter(|&&byte| byte == 7).count(), len);
        }
    }

    #[test]
    fn ranges_that_overlap_are_moved_as_if_by_way_of_a_copy() {
        for (from, to) in [(0, 1), (1, 0), (5, 700), (700, 5), (3, 3), (0, 3000)] {
            for len in [1, 7, PIECE - 1, PIECE, 3 * PIECE - 5] {
                let mut bytes = numbers(3000 + 3 * PIECE);
                let mut expected = bytes.clone();
                expected.copy_within(from..from + len, to);
                let place = bytes.as_mut_ptr();
                // SAFETY: inside the vector, which nobody else knows.
                unsafe { copy(place.add(from), place.add(to), len) };
                assert!(bytes == expected, "{len} bytes from {from} to {to}");
            }
        }
    }
}
