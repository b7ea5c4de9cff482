//! Measures the walls: entry, traps, suspension, restoration. Prints the least and the median of many samples in nanoseconds:
//! on a busy machine the least says more.
//!
//! Run it with `cargo run --release -p faasm-sfi --example walls`.

use std::hint::black_box;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use faasm_sfi::HOST_PAGE;
use faasm_sfi::activation::{
    self, Activation, Entry, EntryCode, Exit, Prepared, Suspension, Wake, enter, prepare, resume,
};
use faasm_sfi::code::{CodeImage, CodeSpan, Sites};
use faasm_sfi::dirty::{Known, Scanner, Strategy};
use faasm_sfi::image::ImageBuilder;
use faasm_sfi::interrupt::Interrupt;
use faasm_sfi::pending::{Completer, pending};
use faasm_sfi::slot::Slot;
use faasm_sfi::wait::wait;
use faasm_sfi::walls::Walls;
use faasm_sfi::watchdog::Watchdog;

const GUARD: usize = 64 * 1024;
const STACK: usize = 256 * 1024;
const TOP: usize = GUARD + STACK;
/// `ret`.
const RETURN: &[u8] = &[0xc3];
/// `push rbp; mov rbp, rsp; mov rdi, rdx; call rsi; pop rbp; ret`.
const CALL: &[u8] = &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xd7, 0xff, 0xd6, 0x5d, 0xc3];
/// `mov rax, [rdx]`.
const LOAD: &[u8] = &[0x48, 0x8b, 0x02];

struct Guest {
    slot: Slot,
    walls: Walls,
    interrupt: Interrupt,
    entry: EntryCode,
}

impl Guest {
    fn new(watchdog: &Watchdog, text: &[u8]) -> Self {
        let image = CodeImage::new(text).expect("code");
        let start = ptr::with_exposed_provenance::<u8>(image.base());
        // SAFETY: the texts above are functions of this type.
        let entry = unsafe { std::mem::transmute::<*const u8, EntryCode>(start) };
        let span = Arc::new(CodeSpan::new(image, Sites::of(&[(0, 1)])));
        let slot = Slot::reserve(2 << 20).expect("a slot");
        slot.commit(GUARD, STACK).expect("a stack");
        let at = slot.address();
        let walls = Walls {
            code: vec![span].into(),
            slot: at..at + slot.len(),
            stack: at + GUARD..at + TOP,
            stack_guard: at..at + GUARD,
        };
        Self { slot, walls, interrupt: Interrupt::new(watchdog), entry }
    }

    fn activation(&self) -> Activation {
        Activation::new(&self.walls, ptr::null_mut(), &self.interrupt, Suspension::Allowed)
    }

    fn entry(&self, code: *const u8, values: *mut u8) -> Entry {
        let stack_top = self.slot.address() + TOP;
        Entry { entry: self.entry, context: ptr::null_mut(), code, values, stack_top }
    }

    fn run(&self, thread: Prepared, code: *const u8, values: *mut u8) -> Exit {
        let mut activation = self.activation();
        // SAFETY: the texts keep to the convention; everything outlives the call.
        unsafe { enter(thread, &raw mut activation, &self.entry(code, values)) }
    }
}

/// Samples of a thousand runs, per run.
fn measure(what: &str, mut run: impl FnMut()) {
    const RUNS: u32 = 1000;
    let mut samples: Vec<Duration> = (0..201)
        .map(|_| {
            let start = Instant::now();
            (0..RUNS).for_each(|_| run());
            start.elapsed() * 10 / RUNS
        })
        .collect();
    samples.sort_unstable();
    let [least, median] = [0, samples.len() / 2].map(|at| samples[at].as_nanos());
    println!("{what:<54} {:>6}.{} {:>6}.{}", least / 10, least % 10, median / 10, median % 10);
}

fn entries(watchdog: &Watchdog) {
    let guest = Guest::new(watchdog, RETURN);
    measure("call of an empty function", || {
        (black_box(guest.entry))(ptr::null_mut(), ptr::null(), ptr::null_mut())
    });
    measure("prepare, enter, return", || {
        black_box(guest.run(prepare().expect("prepared"), ptr::null(), ptr::null_mut()));
    });
    let thread = prepare().expect("prepared");
    let mut activation = guest.activation();
    let entry = guest.entry(ptr::null(), ptr::null_mut());
    measure("enter, return", || {
        // SAFETY: as in `run`.
        black_box(unsafe { enter(thread, &raw mut activation, &entry) });
    });
    let host = Guest::new(watchdog, CALL);
    extern "C" fn nothing(_: *mut u8) {}
    measure("… and a host call in between", || {
        black_box(host.run(thread, nothing as *const u8, ptr::null_mut()));
    });
    measure("… that asks for the payload and for an interrupt", || {
        extern "C" fn asks(_: *mut u8) {
            black_box((activation::current_payload(), activation::is_interrupted()));
        }
        black_box(host.run(thread, asks as *const u8, ptr::null_mut()));
    });
    measure("… and raises", || {
        black_box(host.run(thread, activation::raise as *const u8, ptr::null_mut()));
    });
    let trapping = Guest::new(watchdog, LOAD);
    let beyond = ptr::without_provenance_mut(trapping.slot.address() + (1 << 20));
    measure("enter, fault, land", || {
        black_box(trapping.run(thread, ptr::null(), beyond));
    });
    let deadline = Instant::now() + Duration::from_secs(3600);
    measure("set a deadline", || guest.interrupt.set_deadline(black_box(Some(deadline))));
}

/// A guest that waits for one value after the other.
extern "C" fn waits(next: *mut u8) {
    let next = next.cast::<Option<Completer<()>>>();
    loop {
        let (completer, value) = pending();
        // SAFETY: the address of a variable of `suspensions`, which does not touch it meanwhile.
        unsafe { *next = Some(completer) };
        if wait(value, None).is_err() {
            return;
        }
    }
}

fn suspensions(watchdog: &Watchdog) {
    let guest = Guest::new(watchdog, CALL);
    let mut next: Option<Completer<()>> = None;
    let mut activation = guest.activation();
    let entry = guest.entry(waits as *const u8, (&raw mut next).cast());
    let thread = prepare().expect("prepared");
    // SAFETY: as in `run`; the activation is resumed below until it returns.
    let exit = unsafe { enter(thread, &raw mut activation, &entry) };
    assert_eq!(exit, Exit::Suspended);
    measure("resume with nothing there, suspend again", || {
        // SAFETY: suspended just before, on this thread.
        black_box(unsafe { resume(&raw mut activation, Wake::Look) }).expect("suspended");
    });
    measure("complete, resume, make the next pending, suspend", || {
        next.take().expect("a completer").complete(());
        // SAFETY: suspended just before, on this thread.
        black_box(unsafe { resume(&raw mut activation, Wake::Look) }).expect("suspended");
    });
    // SAFETY: as above.
    let exit = unsafe { resume(&raw mut activation, Wake::Cancel) };
    assert_eq!(exit, Ok(Exit::Returned));
}

fn restorations() {
    let mut builder = ImageBuilder::new(1 << 20).expect("an image");
    builder.write(0, &vec![7; 1 << 20]).expect("written");
    let image = builder.seal().expect("sealed");
    for dirty in [0, 1, 4, 16, 64] {
        let slot = Slot::reserve(4 << 30).expect("a slot");
        slot.map_image(0, &image).expect("mapped");
        for strategy in Strategy::ALL {
            let scanner = Scanner::with(strategy).expect("the page map");
            let mut known = Known::default();
            measure(&format!("restore {dirty} of 256 pages, {strategy:?}"), || {
                for page in 0..dirty {
                    // SAFETY: the image is mapped there.
                    unsafe { slot.write(page * HOST_PAGE, &[1]) }.expect("inside");
                }
                known.touch();
                let images = std::iter::once((0, &image));
                // SAFETY: the image is mapped there, and nobody runs in the slot.
                black_box(unsafe { scanner.restore(&slot, images, &mut known) }).expect("restored");
            });
        }
    }
    measure("reserve 4 GiB, map an image, drop", || {
        let slot = Slot::reserve(4 << 30).expect("a slot");
        slot.map_image(1 << 20, &image).expect("mapped");
        black_box(slot);
    });
}

fn main() {
    let watchdog = Watchdog::start().expect("a thread");
    entries(&watchdog);
    suspensions(&watchdog);
    restorations();
}
