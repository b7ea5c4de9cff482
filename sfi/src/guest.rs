//! Guests of hand-made machine code, for the tests of this crate.
//!
//! # Layout
//!
//! ```text
//!  0            GUARD         GUARD + STACK     DATA + one page            LEN
//!  | guard      | stack ↓     | DATA: one page  | reserved, inaccessible    |
//! ```

use std::process::{Command, ExitStatus};
use std::sync::Arc;

use crate::HOST_PAGE;
use crate::activation::{self, Activation, Entry, EntryCode, Exit, Suspension};
use crate::code::{CodeImage, CodeSpan, Sites};
use crate::image::Image;
use crate::interrupt::Interrupt;
use crate::slot::Slot;
use crate::walls::Walls;
use crate::watchdog::Watchdog;

pub(crate) const GUARD: usize = 64 * 1024;
pub(crate) const STACK: usize = 256 * 1024;
pub(crate) const DATA: usize = GUARD + STACK;
pub(crate) const LEN: usize = 2 << 20;
const WIDE: usize = (4 << 30) + (34 << 20);

/// Entries get `rdi` = address of DATA, `rsi` = the code argument, `rdx` = the values argument.
pub(crate) mod text {
    /// `ret`.
    pub(crate) const RETURN: &[u8] = &[0xc3];
    /// `push rbp; mov rbp, rsp; mov rdi, rdx; call rsi; pop rbp; ret`: calls the code argument with the values.
    pub(crate) const CALL: &[u8] =
        &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xd7, 0xff, 0xd6, 0x5d, 0xc3];
    /// As `CALL`, then `jmp $` instead of returning.
    pub(crate) const CALL_AND_SPIN: &[u8] =
        &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xd7, 0xff, 0xd6, 0xeb, 0xfe];
    /// `mov [rdx], 1 (byte); jmp $`: tells that it runs, then spins.
    pub(crate) const TELL_AND_SPIN: &[u8] = &[0xc6, 0x02, 0x01, 0xeb, 0xfe];
    /// `call $`: recursion without end.
    pub(crate) const RECURSE: &[u8] = &[0xe8, 0xfb, 0xff, 0xff, 0xff];
    /// `mov rax, [rdx]; ret`: loads from the address that is the values argument.
    pub(crate) const LOAD: &[u8] = &[0x48, 0x8b, 0x02, 0xc3];
    /// `ud2`.
    pub(crate) const UD2: &[u8] = &[0x0f, 0x0b];
    /// `xor ecx, ecx; xor edx, edx; div ecx`: the division is at 4.
    pub(crate) const DIVIDE: &[u8] = &[0x31, 0xc9, 0x31, 0xd2, 0xf7, 0xf1];
    /// Clobbers r15 and sets the direction flag, as no compiled code would, then `ud2` at 8.
    pub(crate) const CLOBBER: &[u8] = &[0x49, 0xc7, 0xc7, 0, 0, 0, 0, 0xfd, 0x0f, 0x0b];
}

/// A guest and all it needs.
pub(crate) struct Guest {
    pub(crate) slot: Slot,
    pub(crate) walls: Walls,
    pub(crate) interrupt: Interrupt,
}

impl Guest {
    /// A guest with this text, whose instructions at these offsets may fault.
    pub(crate) fn new(watchdog: &Watchdog, text: &[u8], sites: &[(u32, u8)]) -> Self {
        Self::of_span(watchdog, span(text, sites))
    }

    pub(crate) fn of_span(watchdog: &Watchdog, span: Arc<CodeSpan>) -> Self {
        let slot = Slot::reserve(LEN).unwrap();
        slot.commit(GUARD, STACK + HOST_PAGE).unwrap();
        Self::of_slot(watchdog, slot, span)
    }

    /// As wide as a Faaslet with a memory of 4 GiB, its stack in a copy of `image`.
    pub(crate) fn wide(watchdog: &Watchdog, image: &Image, span: &Arc<CodeSpan>) -> Self {
        let slot = Slot::reserve(WIDE).unwrap();
        slot.map_image(GUARD, image).unwrap();
        Self::of_slot(watchdog, slot, Arc::clone(span))
    }

    fn of_slot(watchdog: &Watchdog, slot: Slot, span: Arc<CodeSpan>) -> Self {
        let at = slot.address();
        let walls = Walls {
            code: vec![span].into(),
            slot: at..at + slot.len(),
            stack: at + GUARD..at + DATA,
            stack_guard: at..at + GUARD,
        };
        Self { slot, walls, interrupt: Interrupt::new(watchdog) }
    }

    pub(crate) fn activation(&self, suspension: Suspension) -> Activation {
        let payload = std::ptr::from_ref(self).cast_mut().cast();
        Activation::new(&self.walls, payload, &self.interrupt, suspension)
    }

    pub(crate) fn entry(&self, code: *const u8, values: *mut u8) -> Entry {
        let start = std::ptr::with_exposed_provenance::<u8>(self.walls.code[0].start());
        // SAFETY: the text is a function of this type, by the tests' choice of bytes.
        let entry = unsafe { std::mem::transmute::<*const u8, EntryCode>(start) };
        let address = self.slot.address();
        let context = std::ptr::with_exposed_provenance_mut(address + DATA);
        Entry { entry, context, code, values, stack_top: address + DATA }
    }

    /// Runs the text with these arguments.
    pub(crate) fn run(&self, code: *const u8, values: *mut u8) -> Exit {
        let mut activation = self.activation(Suspension::Refused);
        let thread = activation::prepare().unwrap();
        // SAFETY: the texts keep to the convention, and everything outlives the call.
        unsafe { activation::enter(thread, &raw mut activation, &self.entry(code, values)) }
    }

    /// Runs `CALL` (or the like) so that it calls `f`.
    pub(crate) fn run_host(&self, mut f: impl FnMut()) -> Exit {
        let mut f: &mut dyn FnMut() = &mut f;
        self.run(CALL_CLOSURE, (&raw mut f).cast())
    }
}

/// What the guest calls to get at a closure.
pub(crate) const CALL_CLOSURE: *const u8 = call_closure as *const u8;

extern "C" fn call_closure(closure: *mut &mut dyn FnMut()) {
    // SAFETY: the tests hand over the address of a closure that lives as long as the call.
    unsafe { (*closure)() }
}

pub(crate) fn span(text: &[u8], sites: &[(u32, u8)]) -> Arc<CodeSpan> {
    Arc::new(CodeSpan::new(CodeImage::new(text).unwrap(), Sites::of(sites)))
}

/// In the test process: runs the test `name` again in a child of its own and tells how it ended. In that child: `None`.
pub(crate) fn child(name: &str) -> Option<(ExitStatus, String)> {
    if std::env::var_os("FAASM_SFI_CHILD").is_some() {
        return None;
    }
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("FAASM_SFI_CHILD", "1")
        .output()
        .unwrap();
    Some((run.status, String::from_utf8_lossy(&run.stdout).into_owned()))
}

/// The access to the page at `address`, as `/proc/self/maps` has it; `None` where nothing is mapped.
pub(crate) fn access_at(address: usize) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let hex = |digits| usize::from_str_radix(digits, 16).unwrap();
        (hex(start)..hex(end)).contains(&address).then(|| rest[..4].to_owned())
    })
}
