//! What it costs to park a suspended guest's written pages, so that its slot can be lent, and to bring them back.
//!
//! ```text
//! cargo run --release -p faasm-sfi --example parking
//! ```
//!
//! Each round parks and unparks a batch of guests with so many written pages each: their pages are copied to a compact
//! heap, the slots give their pages back to the kernel (in a batch, or one by one), and later each page is copied to
//! where it was, which costs a fault. Decision 120 has what came of it.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faasm_sfi::HOST_PAGE;
use faasm_sfi::image::{Image, ImageBuilder};
use faasm_sfi::slot::Slot;

/// As a Faaslet's: stack, context and a memory of 4 GiB with its guard.
const SLOT: usize = (4 << 30) + (34 << 20);
/// Bytes of the image: a stack, a context and one page of WebAssembly.
const IMAGE: usize = (1 << 20) + (64 << 10);
const BATCH: usize = 64;
const ROUNDS: usize = 50;

/// How a batch of slots gives its pages back.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `madvise` for each slot.
    Each,
    /// One `process_madvise` for all.
    Batch,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let image = ImageBuilder::new(IMAGE)?.seal()?;
    for neighbours in [0, 1] {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..neighbours {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            for way in [Way::Each, Way::Batch] {
                for pages in [2, 4, 16] {
                    let [park, unpark] = measure(&image, pages, way)?;
                    println!(
                        "{pages:>3} pages, {way:?}, {neighbours} other threads run: park {park:?}, unpark {unpark:?}"
                    );
                }
            }
            stop.store(true, Ordering::Relaxed);
            Outcome::Ok(())
        })?;
    }
    Ok(())
}

/// Medians of the time for one guest.
fn measure(image: &Image, pages: usize, way: Way) -> Outcome<[Duration; 2]> {
    let slots = (0..BATCH)
        .map(|_| {
            let slot = Slot::reserve(SLOT)?;
            slot.map_image(0, image)?;
            Ok(slot)
        })
        .collect::<Result<Vec<_>, faasm_sfi::slot::SlotError>>()?;
    // Not beside each other: as a stack's, a context's and a memory's.
    let written = |page: usize| page * 2 * HOST_PAGE;
    let mut heap = vec![1_u8; BATCH * pages * HOST_PAGE];
    let (mut park, mut unpark) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for (slot, kept) in slots.iter().zip(heap.chunks_exact(pages * HOST_PAGE)) {
            for (page, bytes) in kept.chunks_exact(HOST_PAGE).enumerate() {
                // SAFETY: the image's copy is writable, and nobody runs in the slot.
                unsafe { slot.write(written(page), bytes)? };
            }
        }
        unpark.push(begun.elapsed());
        let begun = Instant::now();
        for (slot, kept) in slots.iter().zip(heap.chunks_exact_mut(pages * HOST_PAGE)) {
            for (page, bytes) in kept.chunks_exact_mut(HOST_PAGE).enumerate() {
                // SAFETY: the image's copy is readable, and nobody runs in the slot.
                unsafe { slot.read(written(page), bytes)? };
            }
        }
        give_back(&slots, way)?;
        park.push(begun.elapsed());
    }
    black_box(&heap);
    let each = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2] / u32::try_from(BATCH).unwrap_or(u32::MAX)
    };
    Ok([each(park), each(unpark)])
}

/// Has the image's copies be as fresh ones.
fn give_back(slots: &[Slot], way: Way) -> Outcome<()> {
    let ranges: Vec<libc::iovec> = slots
        .iter()
        .map(|slot| libc::iovec {
            iov_base: std::ptr::with_exposed_provenance_mut(slot.address()),
            iov_len: IMAGE,
        })
        .collect();
    match way {
        Way::Each => {
            for range in ranges {
                // SAFETY: the range is a slot's, in which nobody runs, and no reference to it is left.
                if unsafe { libc::madvise(range.iov_base, range.iov_len, libc::MADV_DONTNEED) } != 0
                {
                    return Err(std::io::Error::last_os_error().into());
                }
            }
        }
        Way::Batch => {
            // SAFETY: the call touches no memory.
            let process = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) };
            let (at, count, advice) = (ranges.as_ptr(), ranges.len(), libc::MADV_DONTNEED);
            // SAFETY: as above, for each of the ranges, which are valid for the call.
            let done =
                unsafe { libc::syscall(libc::SYS_process_madvise, process, at, count, advice, 0) };
            let error = std::io::Error::last_os_error();
            // SAFETY: the descriptor was made above, and is not used any more.
            unsafe { libc::close(i32::try_from(process)?) };
            if usize::try_from(done) != Ok(count * IMAGE) {
                return Err(error.into());
            }
        }
    }
    Ok(())
}
